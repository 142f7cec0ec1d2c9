//! A transcript as a person left it: what is taken of it, and how it becomes one that is shown.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Decoding, Flag, Segment, Word};

/// The most segments of a transcript.
pub const MOST_SEGMENTS: usize = 100_000;
/// The longest text of a segment, and the longest word, in characters.
pub const LONGEST_TEXT: usize = 10_000;
/// The longest name of a speaker, in characters.
pub const LONGEST_SPEAKER: usize = 100;
/// By how much times may be after the recording's end, in seconds: its length is rounded where it is shown, and players
/// come to others than decoders.
const AFTER_END: f64 = 1.0;

/// A segment as a person left it. Times are seconds in the original recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditedSegment {
    pub start: f64,
    pub end: f64,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<Word>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u8>,
}

/// What cannot be kept of an edited transcript.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} {problem}")]
pub struct BadEdit {
    /// As `segments[3].end`.
    pub field: String,
    pub problem: String,
}

/// Makes sure that an edited transcript of a recording of that length can be kept and shown; the length is not known of
/// one that was never read.
pub fn check(segments: &[EditedSegment], duration_secs: Option<f64>) -> Result<(), BadEdit> {
    if segments.len() > MOST_SEGMENTS {
        let problem = format!("has {} items: at most {MOST_SEGMENTS} are kept", segments.len());
        return Err(BadEdit { field: "segments".into(), problem });
    }
    let latest = duration_secs.map_or(f64::MAX, |secs| secs + AFTER_END);
    let mut before = 0.0;
    for (number, segment) in segments.iter().enumerate() {
        let bad = |(field, problem): (&str, String)| BadEdit {
            field: format!("segments[{number}]{field}"),
            problem,
        };
        check_times([segment.start, segment.end], before, latest).map_err(bad)?;
        check_text(".text", &segment.text, LONGEST_TEXT).map_err(bad)?;
        if let Some(speaker) = &segment.speaker {
            check_text(".speaker", speaker, LONGEST_SPEAKER).map_err(bad)?;
            if speaker.trim().is_empty() {
                return Err(bad((".speaker", "is empty: leave it out".into())));
            }
        }
        check_words(segment, latest).map_err(|(word, (field, problem))| BadEdit {
            field: format!("segments[{number}].words[{word}]{field}"),
            problem,
        })?;
        before = segment.start;
    }
    Ok(())
}

/// A field below the one that is looked at, and what is wrong with it.
type Problem = (&'static str, String);

fn check_words(segment: &EditedSegment, latest: f64) -> Result<(), (usize, Problem)> {
    for (number, word) in segment.words.iter().flatten().enumerate() {
        let in_word = |problem| (number, problem);
        check_times([word.start, word.end], 0.0, latest).map_err(in_word)?;
        check_text(".word", &word.word, LONGEST_TEXT).map_err(in_word)?;
        if !(0.0..=1.0).contains(&word.probability) {
            let problem = format!("is {}: use 0 to 1", word.probability);
            return Err(in_word((".probability", problem)));
        }
    }
    Ok(())
}

/// Starts ascend; ends need not, where people talk at the same time.
fn check_times([start, end]: [f64; 2], before: f64, latest: f64) -> Result<(), Problem> {
    for (field, time) in [(".start", start), (".end", end)] {
        if !(0.0..=latest).contains(&time) {
            let known = if latest < f64::MAX { format!(", at most {latest:.3}") } else { String::new() };
            return Err((field, format!("is {time}: use seconds from the recording's beginning{known}")));
        }
    }
    if start < before {
        return Err((".start", format!("is {start}, before that of the one before, {before}")));
    }
    if end < start {
        return Err((".end", format!("is {end}, before its start, {start}")));
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str, longest: usize) -> Result<(), Problem> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err((field, format!("contains the control character {control:?}: take it out")));
    }
    match text.chars().count() {
        chars if chars > longest => {
            Err((field, format!("has {chars} characters: at most {longest} are kept")))
        }
        _ => Ok(()),
    }
}

/// The edited transcript as it is shown. What is as the engine wrote it keeps what is known of its decoding.
pub fn shown(edited: Vec<EditedSegment>, original: &[Segment]) -> Vec<Segment> {
    (0..)
        .zip(edited)
        .map(|(id, edited)| {
            let EditedSegment { start, end, text, speaker, words, flags, channel } = edited;
            let near = original.partition_point(|other| other.start < start - SAME_TIME);
            let nearby = original.iter().skip(near).take_while(|other| other.start <= start + SAME_TIME);
            let mut same = nearby.filter(|other| other.text == text && (other.end - end).abs() <= SAME_TIME);
            let decoding = same.next().map_or_else(Decoding::default, |other| other.decoding.clone());
            Segment { id, start, end, text, words, flags, channel, speaker, decoding }
        })
        .collect()
}

/// Times that are shown are rounded to milliseconds.
const SAME_TIME: f64 = 0.001;

/// The texts of an edited transcript in one line, with a space between two where they have none; no space at the ends.
/// People write no leading space, which the engine does.
pub fn joined<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> String {
    let mut joined = String::new();
    for segment in segments {
        if let (Some(last), Some(first)) = (joined.chars().next_back(), segment.text.chars().next())
            && needs_space(last, first)
        {
            joined.push(' ');
        }
        joined.push_str(&segment.text);
    }
    joined.trim().to_owned()
}

fn needs_space(last: char, first: char) -> bool {
    !last.is_whitespace() && !first.is_whitespace() && !is_unspaced(last) && !is_unspaced(first)
}

/// Of scripts that are written without spaces: Thai, Lao, Tibetan, Burmese, Khmer, Chinese and Japanese, with their
/// punctuation.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{30ff}'
        | '\u{31f0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(start: f64, end: f64, text: &str) -> EditedSegment {
        EditedSegment {
            start,
            end,
            text: text.into(),
            speaker: None,
            words: None,
            flags: vec![],
            channel: None,
        }
    }

    fn refused(segments: &[EditedSegment]) -> String {
        check(segments, Some(10.0)).unwrap_err().field
    }

    #[test]
    fn what_can_be_kept_is_taken() {
        let words = Some(vec![Word { word: "a".into(), start: 1.0, end: 1.0, probability: 1.0 }]);
        let spoken = EditedSegment { words, speaker: Some("Zo\u{eb}".into()), ..edited(1.0, 3.0, "a") };
        let good = [edited(0.0, 2.0, "one"), spoken, edited(1.0, 10.5, ""), edited(10.0, 11.0, "end")];
        assert_eq!(check(&good, Some(10.0)), Ok(()));
        assert_eq!(check(&[], Some(10.0)), Ok(()));
        assert_eq!(check(&[edited(1e9, 2e9, "long")], None), Ok(()));
    }

    #[test]
    fn times_outside_the_recording_or_out_of_order_are_named() {
        let first = edited(0.0, 1.0, "a");
        let with = |second: EditedSegment| refused(&[first.clone(), second]);
        assert_eq!(with(edited(-0.1, 1.0, "b")), "segments[1].start");
        assert_eq!(with(edited(1.0, 11.1, "b")), "segments[1].end");
        assert_eq!(with(edited(2.0, 1.0, "b")), "segments[1].end");
        assert_eq!(refused(&[edited(2.0, 3.0, "a"), edited(1.0, 3.0, "b")]), "segments[1].start");
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(with(edited(odd, 2.0, "b")), "segments[1].start");
            assert_eq!(with(edited(1.0, odd, "b")), "segments[1].end");
            assert!(check(&[edited(0.0, odd, "b")], None).is_err());
        }
    }

    #[test]
    fn texts_names_and_words_out_of_bounds_are_named() {
        for text in ["a\nb", "\0", "\u{7f}", "\u{9b}", &"x".repeat(LONGEST_TEXT + 1)] {
            assert_eq!(refused(&[edited(0.0, 1.0, text)]), "segments[0].text", "{text:.9}");
        }
        for name in ["", "  ", "a\tb", &"x".repeat(LONGEST_SPEAKER + 1)] {
            let named = EditedSegment { speaker: Some(name.into()), ..edited(0.0, 1.0, "a") };
            assert_eq!(refused(&[named]), "segments[0].speaker", "{name:.9}");
        }
        let word = |word: &str, start, probability| {
            let good = Word { word: "a".into(), start: 0.5, end: 0.6, probability: 0.5 };
            let words = Some(vec![good, Word { word: word.into(), start, end: 0.9, probability }]);
            refused(&[EditedSegment { words, ..edited(0.0, 1.0, "a") }])
        };
        assert_eq!(word("\r", 0.7, 0.5), "segments[0].words[1].word");
        assert_eq!(word("b", -0.4, 0.5), "segments[0].words[1].start");
        assert_eq!(word("b", 0.7, 1.5), "segments[0].words[1].probability");
        assert_eq!(refused(&vec![edited(0.0, 1.0, "a"); MOST_SEGMENTS + 1]), "segments");
    }

    #[test]
    fn an_unchanged_segment_keeps_its_decoding() {
        let decoding = Decoding { tokens: vec![1, 2], avg_logprob: -0.5, ..Decoding::default() };
        let of_engine = |start: f64, text: &str| Segment {
            decoding: decoding.clone(),
            ..Segment::new(start, start + 1.0, text)
        };
        let original = [of_engine(0.0004, " a"), of_engine(1.0, " b"), of_engine(1.0, " c")];
        let after =
            shown(vec![edited(0.0, 1.0, " a"), edited(1.0, 2.0, " c"), edited(1.0, 2.0, " d")], &original);
        assert_eq!(after.iter().map(|segment| segment.id).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((&after[0].decoding, &after[1].decoding), (&decoding, &decoding));
        assert_eq!(after[2].decoding, Decoding::default());
    }

    #[test]
    fn texts_are_joined_as_they_are_read() {
        let joined_of = |texts: &[&str]| {
            let segments = texts.iter().map(|text| edited(0.0, 1.0, text)).collect();
            joined(&shown(segments, &[]))
        };
        assert_eq!(joined_of(&["One.", "Two.", " Three. ", "Four"]), "One. Two. Three. Four");
        assert_eq!(
            joined_of(&["\u{4f60}\u{597d}\u{3002}", "\u{4e16}\u{754c}"]),
            "\u{4f60}\u{597d}\u{3002}\u{4e16}\u{754c}"
        );
        assert_eq!(joined_of(&["", "One", ""]), "One");
    }
}
