//! Puts the transcripts of chunks at their places in the recording, one after the other.

use super::seam::{Tail, cut_head, cut_tail};
use super::{ChunkTranscript, Segment, flag_silence};
use crate::domain::audio::Plan;

/// What the next chunk's segments follow from. It follows from the segments so far alone: a resumed job continues
/// as if it had never been interrupted.
#[derive(Debug, Clone, Default)]
pub struct Placement {
    tail: Tail,
    next_id: u32,
    keeps_words: bool,
}

impl Placement {
    /// From the first chunk on. Word times are dropped unless they are wanted.
    pub fn new(word_timestamps: bool) -> Self {
        Self { keeps_words: word_timestamps, ..Self::default() }
    }

    /// After `count` segments of earlier chunks.
    pub fn resume(&mut self, count: u32) {
        self.next_id = count;
        self.tail = Tail::default();
    }

    /// The segments so far, which a chunk that overlaps the last one is joined to.
    pub fn recall(&mut self, segments: &[Segment]) {
        self.tail = Tail::of(segments);
    }

    /// Segments so far.
    pub fn count(&self) -> u32 {
        self.next_id
    }

    /// The segments of one chunk, with their times in the recording, joined to those of a chunk that it overlaps.
    pub fn place(&mut self, plan: &Plan, chunk: usize, transcript: ChunkTranscript) -> Vec<Segment> {
        let Some(span) = plan.chunks.get(chunk) else { return Vec::new() };
        let (start, end) = (span.start_secs(), span.end_secs());
        let mut segments = transcript.into_segments(start, end, self.next_id);
        if plan.overlaps_previous(chunk)
            && let Some(before) = chunk.checked_sub(1).and_then(|before| plan.chunks.get(before))
        {
            cut_head(&mut segments, &self.tail, before.end_secs());
        }
        if plan.overlaps_previous(chunk.saturating_add(1)) {
            cut_tail(&mut segments, end);
        }
        self.tail = Tail::of(&segments);
        for (id, segment) in (self.next_id..).zip(&mut segments) {
            segment.id = id;
            segment.channel = plan.channel(chunk);
            if !self.keeps_words {
                segment.words = None;
            }
        }
        flag_silence(&mut segments, &plan.speech);
        self.next_id = self.next_id.saturating_add(u32::try_from(segments.len()).unwrap_or(u32::MAX));
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::Span;
    use crate::domain::transcript::{Word, text};

    fn transcript(words: &[(&str, f64)]) -> ChunkTranscript {
        let timed = |(word, start): &(&str, f64)| Word {
            word: format!(" {word}"),
            start: *start,
            end: start + 0.4,
            probability: 1.0,
        };
        let words: Vec<Word> = words.iter().map(timed).collect();
        let text: String = words.iter().map(|word| word.word.as_str()).collect();
        let segment = Segment { words: Some(words), ..Segment::new(0.0, 28.0, text) };
        ChunkTranscript { segments: vec![segment], ..ChunkTranscript::silent(None) }
    }

    fn overlapping() -> Plan {
        let second = |start: u64, end: u64| Span { start: start * 16_000, end: end * 16_000 };
        Plan { samples: 53 * 16_000, chunks: vec![second(0, 28), second(25, 53)], ..Plan::default() }
    }

    #[test]
    fn overlapping_chunks_are_joined_also_after_a_resume() {
        let plan = overlapping();
        let first = || transcript(&[("out", 25.0), ("of", 25.5), ("the", 26.0), ("win", 27.6)]);
        let second = || transcript(&[("of", 0.5), ("the", 1.0), ("window", 2.6), ("now", 3.2)]);
        let mut placement = Placement::new(false);
        let before = placement.place(&plan, 0, first());
        let after = placement.place(&plan, 1, second());
        assert_eq!((text(&before), text(&after)), ("out of the".into(), "window now".into()));
        assert_eq!((after[0].id, after[0].words.as_ref()), (1, None));
        let mut resumed = Placement::new(false);
        resumed.resume(1);
        resumed.recall(&before);
        assert_eq!(resumed.place(&plan, 1, second()), after);
    }

    #[test]
    fn chunks_that_do_not_overlap_keep_all_their_words() {
        let second = |start: u64, end: u64| Span { start: start * 16_000, end: end * 16_000 };
        let plan = Plan { chunks: vec![second(0, 28), second(28, 53)], ..Plan::default() };
        let mut placement = Placement::new(true);
        placement.place(&plan, 0, transcript(&[("yes", 27.5)]));
        let after = placement.place(&plan, 1, transcript(&[("yes", 0.0), ("no", 0.5)]));
        assert_eq!(text(&after), "yes no");
        assert_eq!(after[0].words.as_ref().map(|words| words[0].start), Some(28.0));
    }
}
