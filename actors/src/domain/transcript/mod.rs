//! What the engine returns: segments, words and tokens; how chunks of it are joined.

pub mod context;
pub mod edit;
pub mod placement;
pub mod repetition;
pub mod seam;

use serde::{Deserialize, Serialize};

use super::audio::Span;
use super::language::Language;

/// A stretch of speech with its text. Times are seconds in the original recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Counts from 0 through the whole recording.
    pub id: u32,
    pub start: f64,
    pub end: f64,
    /// As the model wrote it, leading space included.
    pub text: String,
    /// `None` unless word times were asked for.
    pub words: Option<Vec<Word>>,
    pub flags: Vec<Flag>,
    /// Whose it is, from 0, where channels are transcribed each by itself.
    #[serde(default)]
    pub channel: Option<u8>,
    /// Who says it, as a person named them.
    #[serde(default)]
    pub speaker: Option<String>,
    pub decoding: Decoding,
}

impl Segment {
    /// The first segment of a recording, with times and text alone.
    pub fn new(start: f64, end: f64, text: impl Into<String>) -> Self {
        Self {
            id: 0,
            start,
            end,
            text: text.into(),
            words: None,
            flags: vec![],
            channel: None,
            speaker: None,
            decoding: Decoding::default(),
        }
    }
}

/// A word and when it was said, in seconds in the original recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub word: String,
    pub start: f64,
    pub end: f64,
    /// The engine's confidence, 0 to 1.
    pub probability: f32,
}

/// What stays doubtful about a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    Repetition,
    LowConfidence,
    NoSpeech,
}

/// How a segment was decoded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Decoding {
    /// Text token ids, no timestamps.
    pub tokens: Vec<i32>,
    /// Of each token: the natural logarithm of its probability.
    #[serde(default)]
    pub logprobs: Vec<f32>,
    /// Of each token: how many bytes of the segment's text are its. A token can be part of a character. Empty where the
    /// text is not what the tokens say, because they made no whole characters.
    #[serde(default)]
    pub token_bytes: Vec<u16>,
    /// Mean natural logarithm of the tokens' probabilities.
    pub avg_logprob: f32,
    /// That its window holds no speech, as the model judges it before it writes.
    pub no_speech_prob: f32,
    /// At which its window was decoded in the end: above the one asked for where that did not go well.
    #[serde(default)]
    pub temperature: f32,
    /// Where its window begins: seconds in the original recording.
    #[serde(default)]
    pub window_start: f64,
}

/// One chunk's result. Segment times and ids are still relative to the chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkTranscript {
    /// The language it was decoded in, detected or given.
    pub language: Option<Language>,
    /// Of the language among those that it could have been, where it was detected.
    pub language_probability: Option<f32>,
    pub segments: Vec<Segment>,
    /// How often its window was decoded after the first time.
    pub redecodes: u32,
}

impl ChunkTranscript {
    /// Of a chunk without speech.
    pub fn silent(language: Option<Language>) -> Self {
        Self { language, language_probability: None, segments: Vec::new(), redecodes: 0 }
    }

    /// Moves segments to their place in the recording: times by `offset_secs`, ids from `first_id`,
    /// nothing past `end_secs`, where the chunk's audio ends.
    pub fn into_segments(self, offset_secs: f64, end_secs: f64, first_id: u32) -> Vec<Segment> {
        let place = |t: f64| (t + offset_secs).clamp(offset_secs, end_secs);
        (first_id..)
            .zip(self.segments)
            .map(|(id, mut segment)| {
                segment.id = id;
                segment.start = place(segment.start);
                segment.end = place(segment.end);
                segment.decoding.window_start = place(segment.decoding.window_start);
                for word in segment.words.iter_mut().flatten() {
                    word.start = place(word.start);
                    word.end = place(word.end);
                }
                segment
            })
            .collect()
    }
}

/// Segments of several channels in the order in which they begin, of equals the lower channel first; what is of no
/// channel stays as it is. Ids stay: they show in which order the segments were decoded.
pub fn in_order(mut segments: Vec<Segment>) -> Vec<Segment> {
    if segments.iter().any(|segment| segment.channel.is_some()) {
        segments.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.channel.cmp(&b.channel)));
    }
    segments
}

/// By how much detected speech may miss its true beginning and end, in seconds.
const SPEECH_MARGIN: f64 = 0.5;

/// Puts [`Flag::NoSpeech`] on segments in whose time the detector found no speech. Without any `speech` there was no detector.
pub fn flag_silence(segments: &mut [Segment], speech: &[Span]) {
    if speech.is_empty() {
        return;
    }
    for segment in segments {
        let next = speech.partition_point(|span| span.end_secs() + SPEECH_MARGIN <= segment.start);
        let has_speech = speech.get(next).is_some_and(|span| span.start_secs() - SPEECH_MARGIN < segment.end);
        if !has_speech && !segment.flags.contains(&Flag::NoSpeech) {
            segment.flags.push(Flag::NoSpeech);
        }
    }
}

/// A whole transcript's text: the segments' own, joined, with no space at the ends.
pub fn text(segments: &[Segment]) -> String {
    let joined: String = segments.iter().map(|s| s.text.as_str()).collect();
    joined.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_move_to_their_place_and_stay_inside_the_chunk() {
        let chunk = ChunkTranscript {
            language: None,
            language_probability: None,
            segments: vec![Segment::new(0.0, 1.0, " a"), Segment::new(1.0, 9.0, " b")],
            redecodes: 0,
        };
        let placed = chunk.into_segments(30.0, 33.0, 7);
        assert_eq!(
            placed.iter().map(|s| (s.id, s.start, s.end)).collect::<Vec<_>>(),
            [(7, 30.0, 31.0), (8, 31.0, 33.0)]
        );
        assert_eq!(placed[1].decoding.window_start, 30.0);
    }

    #[test]
    fn segments_of_channels_are_ordered_by_start() {
        let of = |channel, id, start| Segment { id, channel, ..Segment::new(start, start + 1.0, " a") };
        let decoded =
            vec![of(Some(1), 0, 2.0), of(Some(0), 1, 0.0), of(Some(0), 2, 2.0), of(Some(1), 3, 1.0)];
        assert_eq!(in_order(decoded).iter().map(|s| s.id).collect::<Vec<_>>(), [1, 3, 2, 0]);
        let mixed = vec![of(None, 0, 2.0), of(None, 1, 0.0)];
        assert_eq!(in_order(mixed.clone()), mixed);
    }

    #[test]
    fn text_outside_speech_is_flagged() {
        let second = u64::from(crate::domain::audio::SAMPLE_RATE);
        let speech = [(1, 3), (10, 12)].map(|(start, end)| Span { start: start * second, end: end * second });
        let table = [
            (0.0, 0.4, true),
            (0.4, 0.6, false),
            (1.0, 3.0, false),
            (3.2, 5.0, false),
            (3.6, 9.4, true),
            (3.6, 9.6, false),
            (0.0, 20.0, false),
            (12.4, 14.0, false),
            (12.6, 14.0, true),
        ];
        for (start, end, is_silent) in table {
            let mut segments = [Segment::new(start, end, " a")];
            flag_silence(&mut segments, &speech);
            assert_eq!(segments[0].flags == [Flag::NoSpeech], is_silent, "{start} to {end}");
            segments[0].flags.clear();
            flag_silence(&mut segments, &[]);
            assert_eq!(segments[0].flags, []);
        }
    }

    #[test]
    fn text_joins_segments_without_edges() {
        assert_eq!(text(&[Segment::new(0.0, 1.0, " One."), Segment::new(1.0, 2.0, " Two.")]), "One. Two.");
    }
}
