//! Subtitles that people can read: lines not too long, not too many, on the screen for long enough.
//!
//! A segment is cut into as few cues as hold it, as even as can be, preferably where a sentence or a clause ends;
//! each cue is broken into lines in the same way. Nothing is left out or said twice.

mod partition;
mod times;
mod words;

use actors::domain::transcript::Segment;
use thiserror::Error;

use super::content::Transcript;
use super::subtitles::Cue;
use partition::{lines_of, partition};
use times::Times;
use words::{Word, chars, words_of};

/// How subtitles are to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    room: Option<Room>,
    /// The most characters a second.
    cps: Option<f64>,
}

/// What one cue holds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Room {
    lines: usize,
    line_chars: usize,
}

/// What usual guides for subtitles have, where only the other of the two is given.
const USUAL: Room = Room { lines: 2, line_chars: 42 };

/// A limit that cannot be held.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{limit} must be {range}")]
pub struct BadShape {
    pub limit: &'static str,
    pub range: &'static str,
}

impl Shape {
    /// What was asked for; `None` where nothing was, and a segment is a cue.
    pub fn new(
        max_line_chars: Option<u32>,
        max_lines: Option<u32>,
        max_cps: Option<f64>,
    ) -> Result<Option<Self>, BadShape> {
        let bad = |limit, range| Err(BadShape { limit, range });
        if max_line_chars.is_some_and(|chars| !(8..=500).contains(&chars)) {
            return bad("max_line_chars", "a whole number from 8 to 500");
        }
        if max_lines.is_some_and(|lines| !(1..=10).contains(&lines)) {
            return bad("max_lines", "a whole number from 1 to 10");
        }
        if max_cps.is_some_and(|cps| !(1.0..=100.0).contains(&cps)) {
            return bad("max_cps", "a number from 1 to 100");
        }
        let room = (max_line_chars.is_some() || max_lines.is_some()).then(|| Room {
            lines: max_lines.map_or(USUAL.lines, |lines| lines as usize),
            line_chars: max_line_chars.map_or(USUAL.line_chars, |chars| chars as usize),
        });
        let shape = Self { room, cps: max_cps };
        Ok((room.is_some() || max_cps.is_some()).then_some(shape))
    }

    /// The cues of a transcript, those of a segment inside its time; where reading takes longer, on into the pause
    /// after it.
    pub(super) fn cues(&self, transcript: &Transcript<'_>) -> Vec<Cue> {
        let (mut times, mut texts, mut speakers) = (Vec::new(), Vec::new(), Vec::new());
        let nexts = transcript.segments.iter().skip(1).map(|segment| segment.start);
        for (segment, next) in transcript.segments.iter().zip(nexts.chain([transcript.duration_secs])) {
            for (lasts, lines) in self.cut(segment, next) {
                times.push(lasts);
                texts.push(lines);
                speakers.push(segment.speaker.as_deref());
            }
        }
        let needs: Vec<f64> = texts.iter().map(|lines| self.reading_secs(lines)).collect();
        times::lengthen(&mut times, &needs, transcript.duration_secs);
        let shown = times.into_iter().zip(texts).zip(speakers);
        let mut cues: Vec<_> = shown
            .map(|((Times { start, end }, lines), speaker)| Cue::new(start, end, lines).said_by(speaker))
            .collect();
        // Where two people speak at a time, cues of one come between those of the other.
        cues.sort_by_key(|cue| cue.start_ms);
        cues
    }

    /// A segment's cues, with when they are shown: at most until `next`, when something else is.
    fn cut(&self, segment: &Segment, next: f64) -> Vec<(Times, Vec<String>)> {
        let longest = self.room.map_or(usize::MAX, |room| room.line_chars);
        let words = words_of(segment, longest);
        if words.is_empty() {
            return Vec::new();
        }
        let Some(room) = self.room else {
            let whole = Times { start: segment.start, end: segment.end };
            return vec![(whole, vec![joined(&words)])];
        };
        let cues = partition(&words, room.lines, room.line_chars);
        let spoken: Vec<_> = cues.iter().filter_map(|words| Times::of(words)).collect();
        let shown = times::within(segment, next, &spoken);
        let lines =
            cues.iter().map(|words| lines_of(words, room.line_chars).into_iter().map(joined).collect());
        shown.into_iter().zip(lines).collect()
    }

    /// How long these lines have to be there.
    fn reading_secs(&self, lines: &[String]) -> f64 {
        let read = self.cps.map_or(0.0, |cps| chars(&lines.join(" ")) as f64 / cps);
        read.max(times::SHORTEST_SECS)
    }
}

fn joined(words: &[Word]) -> String {
    let mut line = String::new();
    for word in words {
        if word.spaced && !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word.text);
    }
    line
}

#[cfg(test)]
mod tests;
