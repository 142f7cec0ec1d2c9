//! When cues are shown.

use actors::domain::transcript::Segment;

use super::words::Word;

/// Less than this is too short to read: 5/6 s, as usual guides for subtitles have it.
pub(super) const SHORTEST_SECS: f64 = 5.0 / 6.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    pub start: f64,
    pub end: f64,
}

impl Times {
    /// When a run of words is said.
    pub(super) fn of(words: &[Word]) -> Option<Self> {
        Some(Self { start: words.first()?.start, end: words.last()?.end })
    }
}

/// The times of a segment's cues, from when they are said: all of them begin in it, and none is shorter than can be
/// read, where there is the time for it. The last one may last into the pause after the segment, until `free_until`.
pub(super) fn within(segment: &Segment, free_until: f64, spoken: &[Times]) -> Vec<Times> {
    let (begin, end) = (segment.start, segment.end.max(segment.start));
    let free_until = free_until.max(end);
    let count = spoken.len().max(1) as f64;
    let all_but_last = if spoken.len() > 1 { (end - begin) / (count - 1.0) } else { f64::INFINITY };
    let shortest = SHORTEST_SECS.min((free_until - begin) / count).min(all_but_last);
    let mut starts: Vec<f64> = spoken.iter().map(|times| times.start).collect();
    // Not before the one before it is read ...
    let mut earliest = begin;
    for (number, start) in starts.iter_mut().enumerate() {
        *start = if number == 0 { begin } else { start.max(earliest) };
        earliest = *start + shortest;
    }
    // ... and early enough to be read itself.
    let mut latest = free_until.min(end + shortest);
    for start in starts.iter_mut().rev() {
        *start = start.min(latest - shortest).max(begin);
        latest = *start;
    }
    let nexts: Vec<f64> = starts.iter().skip(1).copied().chain([free_until]).collect();
    let shown = starts.into_iter().zip(nexts).zip(spoken).enumerate();
    shown
        .map(|(number, ((start, next), said))| {
            // The segment's end is the last one's, whatever its words' times say.
            let over = if number + 1 == spoken.len() { end } else { said.end };
            Times { start, end: over.max(start + shortest).min(next).max(start) }
        })
        .collect()
}

/// Leaves cues on for as long as they `need`, if nothing else is shown meanwhile and the recording is not over.
pub(super) fn lengthen(cues: &mut [Times], needs: &[f64], duration_secs: f64) {
    let mut next = cues.iter().map(|cue| cue.end).fold(duration_secs, f64::max);
    for (cue, needed) in cues.iter_mut().zip(needs).rev() {
        cue.end = cue.end.max((cue.start + needed).min(next));
        next = cue.start.min(next);
    }
}
