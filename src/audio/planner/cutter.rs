//! Cuts a recording from its beginning to its end, one chunk after the other.

use std::ops::Range;

use super::pauses::Pauses;
use super::silence::{self, Silence};
use crate::audio::frames::{Frames, frames};

/// Kept of a long pause on either side.
const EDGE_SECS: f64 = 0.5;
/// A pause this long ends a chunk that is [`FILLED`] …
const LONG_SECS: f64 = 2.0;
/// … and a pause this long any chunk: times behind it suffer, and the engine writes words into it.
const VERY_LONG_SECS: f64 = 8.0;
/// What remains of a long pause becomes chunks of its own where it is longer, else part of a neighbour.
const ATTACHED_SECS: f64 = 6.0;
/// What remains of the recording behind a cut is not shorter.
const REST_SECS: f64 = 4.0;

/// Parts of the longest chunk. 12 s of 28: the shortest chunk that is cut inside speech.
const FILLED: (usize, usize) = (12, 28);
/// 24 s: the shortest chunk that is cut without a pause.
const WITHOUT_PAUSE: (usize, usize) = (24, 28);
/// 2 to 4 s: by so much the next chunk overlaps such a chunk.
const LEAST_OVERLAP: (usize, usize) = (2, 28);
const MOST_OVERLAP: (usize, usize) = (4, 28);

pub struct Cutter<'a> {
    recording: &'a Frames,
    silences: Vec<Silence>,
    most: usize,
}

/// One step: a chunk, or none, with those of the long pause behind it.
struct Cut {
    chunks: Vec<Range<usize>>,
    /// Where the next chunk starts.
    next: usize,
}

impl Cut {
    fn one(chunk: Range<usize>, next: usize) -> Self {
        Self { chunks: vec![chunk], next }
    }
}

impl<'a> Cutter<'a> {
    /// Chunks are at most `most` frames long.
    pub fn new(recording: &'a Frames, most: usize) -> Self {
        let levels = recording.levels.get(..recording.len()).unwrap_or_default();
        Self { recording, silences: silence::find(levels), most }
    }

    pub fn chunks(&self) -> Vec<Range<usize>> {
        let mut chunks: Vec<Range<usize>> = Vec::new();
        let mut at = self.after_silence(0);
        while at < self.recording.len() {
            let mut covered = chunks.last().map_or(0, |chunk| chunk.end);
            let cut = self.cut(at, covered);
            for chunk in cut.chunks {
                // What the chunk before holds as a whole is not cut again.
                if chunk.end > covered {
                    covered = chunk.end;
                    chunks.push(chunk);
                }
            }
            at = self.after_silence(cut.next);
        }
        chunks
    }

    pub fn first_chunk(&self) -> Option<Range<usize>> {
        let at = self.after_silence(0);
        let cut = (at < self.recording.len()).then(|| self.cut(at, 0))?;
        cut.chunks.into_iter().next()
    }

    /// Cuts what starts at `at`, where the chunk before it ends at `covered`.
    fn cut(&self, at: usize, covered: usize) -> Cut {
        let pauses = Pauses::new(self.recording, &self.silences, at);
        if let Some(pause) = self.ending_pause(at, covered, &pauses) {
            return self.end_in_long_pause(at, &pause);
        }
        let end = self.end_of_sound(at);
        if end <= at + self.most {
            return Cut::one(at..end, end);
        }
        self.cut_speech(at..end, covered, &pauses)
    }

    /// The first pause that is long enough to end a chunk that starts at `at`.
    fn ending_pause(&self, at: usize, covered: usize, pauses: &Pauses<'_>) -> Option<Range<usize>> {
        let recorded = self.recording.len();
        let latest = (at + self.most - frames(EDGE_SECS)).min(recorded);
        let mut frame = at;
        while let Some(from) = (frame..latest).find(|frame| pauses.is_pause(*frame)) {
            let end = (from..recorded).find(|frame| !pauses.is_pause(*frame)).unwrap_or(recorded);
            // What two chunks share already is not cut again.
            let start = if from == at { at } else { from.max(covered) };
            let least = if start >= at + self.part(FILLED) { LONG_SECS } else { VERY_LONG_SECS };
            if end >= start + frames(least) {
                return Some(start..end);
            }
            frame = end;
        }
        None
    }

    /// Ends a chunk at a pause. Of what remains between the edges, near silence is skipped.
    fn end_in_long_pause(&self, at: usize, pause: &Range<usize>) -> Cut {
        let is_last = pause.end == self.recording.len();
        let edge = frames(EDGE_SECS);
        // A pause at the very start has no chunk before it.
        let leads = pause.start == at;
        let mut end = if leads { at } else { self.before_silence(pause.start + edge) };
        let start = if is_last { pause.end } else { self.after_silence(pause.end - edge) };
        let mut next = start;
        let mut own = Vec::new();
        for part in self.sounding(end..start) {
            let is_short = part.len() <= frames(ATTACHED_SECS);
            if is_short && !leads && part.start == end && part.end <= at + self.most {
                end = part.end;
            } else if is_short && !is_last && part.end == start {
                next = part.start;
            } else {
                own.extend(self.pieces(part));
            }
        }
        let chunk = (!leads).then_some(at..end);
        Cut { chunks: chunk.into_iter().chain(own).collect(), next }
    }

    /// The parts of a range that are not nearly silent.
    fn sounding(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut start = range.start;
        for Silence { skipped, .. } in self.silences_from(range.start) {
            if skipped.start >= range.end {
                break;
            }
            if skipped.start > start {
                parts.push(start..skipped.start);
            }
            start = start.max(skipped.end.min(range.end));
        }
        if start < range.end {
            parts.push(start..range.end);
        }
        parts
    }

    /// A long pause in chunks. It is without speech: it is cut anywhere.
    fn pieces(&self, mut pause: Range<usize>) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        while pause.len() > self.most {
            let is_last_cut = pause.len() < self.most + frames(VERY_LONG_SECS);
            let end = pause.start + if is_last_cut { pause.len() / 2 } else { self.most };
            pieces.push(pause.start..end);
            pause.start = end;
        }
        pieces.push(pause);
        pieces
    }

    /// Cuts sound that is longer than a chunk.
    fn cut_speech(&self, sound: Range<usize>, covered: usize, pauses: &Pauses<'_>) -> Cut {
        let at = sound.start;
        let latest = (at + self.most).min(sound.end - frames(REST_SECS).min(self.most / 8));
        let cut = pauses.best((at + self.part(FILLED)).max(covered)..latest);
        if let Some(silence) = silence::at(&self.silences, cut) {
            return Cut::one(at..silence.skipped.start.min(at + self.most), silence.skipped.end);
        }
        if pauses.is_pause(cut) {
            return Cut::one(at..cut, cut);
        }
        let cut = pauses.best((at + self.part(WITHOUT_PAUSE)).min(latest - 1)..latest);
        let next = pauses.best(cut - self.part(MOST_OVERLAP)..cut - self.part(LEAST_OVERLAP));
        Cut::one(at..cut, next)
    }

    /// Where sound ends behind `at`: at the next very long silence, or with the recording.
    fn end_of_sound(&self, at: usize) -> usize {
        let recorded = self.recording.len();
        let ends = |silence: &&Silence| {
            let is_long = silence.all.end == recorded || silence.all.len() >= frames(VERY_LONG_SECS);
            is_long && silence.skipped.start > at
        };
        self.silences_from(at).iter().find(ends).map_or(recorded, |silence| silence.skipped.start)
    }

    /// The first frame from `at` on that a chunk has to hold.
    fn after_silence(&self, at: usize) -> usize {
        let silence = silence::at(&self.silences, at).filter(|silence| silence.skipped.contains(&at));
        silence.map_or(at, |silence| silence.skipped.end)
    }

    /// The last frame up to `at` behind which a chunk may end.
    fn before_silence(&self, at: usize) -> usize {
        let silence = silence::at(&self.silences, at).filter(|silence| silence.skipped.contains(&at));
        silence.map_or(at, |silence| silence.skipped.start)
    }

    /// The stretches of silence that end after a frame.
    fn silences_from(&self, frame: usize) -> &[Silence] {
        self.silences.get(silence::ending_after(&self.silences, frame)..).unwrap_or_default()
    }

    fn part(&self, (part, of): (usize, usize)) -> usize {
        self.most * part / of
    }
}
