//! Where segments really begin.
//!
//! A Whisper model writes `<|end|><|next start|>` between two segments. whisper.cpp 1.8.3 drops the
//! second of the pair and lets every segment begin where the last one ended, pauses included. The
//! tokens can be seen while they are decoded, though: what was dropped is noted here and found again
//! by the text before it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::segments::RawSegment;

/// The ids that tell kinds of tokens apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// All tokens below it are text.
    pub end_of_text: i32,
    /// `<|0.00|>`; each one after it is 0.02 s later.
    pub first_timestamp: i32,
}

impl Marks {
    fn is_text(self, id: i32) -> bool {
        id < self.end_of_text
    }

    fn is_timestamp(self, id: i32) -> bool {
        id >= self.first_timestamp
    }

    /// Hundredths of a second from the start of the window.
    pub(super) fn time(self, id: i32) -> Option<i64> {
        self.is_timestamp(id).then(|| 2 * i64::from(id - self.first_timestamp))
    }
}

/// Start times as the model wrote them, noted during decoding.
#[derive(Debug)]
pub(super) struct StartTimes {
    marks: Marks,
    /// Windows encoded so far; segments belong to the last of them.
    window: u32,
    /// By window and all tokens up to the segment's first: hundredths from the window's start.
    noted: HashMap<u64, i64>,
    segment_windows: Vec<u32>,
}

impl StartTimes {
    pub(super) fn new(marks: Marks) -> Self {
        Self { marks, window: 0, noted: HashMap::new(), segment_windows: Vec::new() }
    }

    pub(super) fn window_begins(&mut self) {
        self.window += 1;
    }

    pub(super) fn segments_made(&mut self, count: usize) {
        let made = self.segment_windows.len() + count;
        self.segment_windows.resize(made, self.window);
    }

    /// Sees all tokens of a decoder so far, after every step. Several decoders may take turns.
    pub(super) fn decoded(&mut self, ids: &[i32]) {
        if let [.., mark, first] = *ids
            && self.marks.is_text(first)
            && let Some(start) = self.marks.time(mark)
        {
            let key = self.key(self.window, ids.iter().copied());
            self.noted.insert(key, start);
        }
    }

    /// Puts every segment's start where the model had it, and says where its window began. `ids` are each segment's
    /// tokens as whisper.cpp kept them: text and the end's timestamp. One whose start was not noted stays.
    pub(super) fn restore(&self, segments: &mut [RawSegment], ids: &[Vec<i32>]) {
        let windows = self.window_starts(segments, ids);
        let mut so_far: Vec<i32> = Vec::new();
        let mut window = 0;
        for ((segment, ids), &in_window) in segments.iter_mut().zip(ids).zip(&self.segment_windows) {
            if in_window != window {
                window = in_window;
                so_far.clear();
            }
            let seek = windows.get(&window).copied();
            segment.window_start = seek.unwrap_or(segment.start);
            let mut kept = ids.iter().copied().skip_while(|&id| !self.marks.is_text(id));
            so_far.extend(kept.next());
            let noted = self.noted.get(&self.key(window, so_far.iter().copied()));
            if let (Some(seek), Some(start)) = (seek, noted) {
                let start = seek + start;
                if (segment.start..=segment.end).contains(&start) {
                    segment.start = start;
                }
            }
            so_far.extend(kept);
        }
    }

    /// By window, hundredths from the chunk's start: as the end of any of its segments tells, or the beginning of its
    /// first one, and 0 of the first.
    fn window_starts(&self, segments: &[RawSegment], ids: &[Vec<i32>]) -> HashMap<u32, i64> {
        let mut starts = HashMap::from([(1, 0)]);
        let tell = |time: i64, id: Option<&i32>| Some(time - self.marks.time(*id?)?);
        for ((segment, ids), &window) in segments.iter().zip(ids).zip(&self.segment_windows) {
            if let Some(start) = tell(segment.end, ids.last()) {
                starts.insert(window, start);
            } else if let Some(start) = tell(segment.start, ids.first()) {
                starts.entry(window).or_insert(start);
            }
        }
        starts
    }

    /// Leaves out what whisper.cpp leaves out: timestamps that follow a timestamp or nothing.
    fn key(&self, window: u32, ids: impl Iterator<Item = i32>) -> u64 {
        let mut hasher = DefaultHasher::new();
        window.hash(&mut hasher);
        let mut after_text = false;
        for id in ids {
            let timestamp = self.marks.is_timestamp(id);
            if !timestamp || after_text {
                id.hash(&mut hasher);
            }
            after_text = !timestamp;
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { end_of_text: 100, first_timestamp: 200 };

    fn decode(starts: &mut StartTimes, ids: &[i32]) {
        for step in 0..=ids.len() {
            starts.decoded(&ids[..step]);
        }
    }

    fn segment(start: i64, end: i64) -> RawSegment {
        RawSegment { start, end, ..RawSegment::default() }
    }

    #[test]
    fn a_start_after_a_pause_is_restored() {
        let mut starts = StartTimes::new(MARKS);
        starts.window_begins();
        decode(&mut starts, &[220, 1, 2, 270, 290, 3, 340]);
        starts.segments_made(1);
        starts.segments_made(1);
        let mut segments = [segment(40, 140), segment(140, 280)];
        starts.restore(&mut segments, &[vec![1, 2, 270], vec![3, 340]]);
        assert_eq!((segments[0].start, segments[1].start), (40, 180));
    }

    #[test]
    fn windows_are_told_apart_and_have_their_own_origin() {
        let mut starts = StartTimes::new(MARKS);
        for ids in [[210, 1, 250], [230, 1, 260]] {
            starts.window_begins();
            decode(&mut starts, &ids);
            starts.segments_made(1);
        }
        let mut segments = [segment(0, 100), segment(100, 220)];
        starts.restore(&mut segments, &[vec![1, 250], vec![1, 260]]);
        assert_eq!((segments[0].start, segments[1].start), (20, 160));
        assert_eq!((segments[0].window_start, segments[1].window_start), (0, 100));
    }

    #[test]
    fn a_segment_without_an_end_of_its_own_uses_its_windows_origin() {
        let mut starts = StartTimes::new(MARKS);
        starts.window_begins();
        decode(&mut starts, &[200, 1, 250, 260, 2]);
        starts.segments_made(2);
        let mut segments = [segment(0, 100), segment(100, 500)];
        starts.restore(&mut segments, &[vec![1, 250], vec![2]]);
        assert_eq!(segments[1].start, 120);
    }

    #[test]
    fn what_was_never_noted_or_makes_no_sense_stays_as_it_was() {
        let mut starts = StartTimes::new(MARKS);
        starts.window_begins();
        decode(&mut starts, &[299, 1, 250]);
        starts.segments_made(2);
        let mut segments = [segment(0, 100), segment(100, 120)];
        starts.restore(&mut segments, &[vec![1, 250], vec![9, 260]]);
        assert_eq!((segments[0].start, segments[1].start), (0, 100));
    }
}
