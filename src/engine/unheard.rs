//! Speech that the decoder passed over.
//!
//! A Whisper model sometimes begins a window with its second or third sentence, ends it before the last one, or
//! skips a phrase between two: whisper.cpp goes on behind them. They show as sound as loud as speech that no
//! segment covers, or in a segment that says far less than its sound has room for. Heard by themselves they are
//! understood.

use std::ops::Range;

use super::loudness::Loudness;
use super::segments::RawSegment;

/// Hundredths of a second as loud as speech that may lie between two segments. Timestamps of larger models are off by
/// half a second at times, on both sides: the end of a word that lies behind its segment must not be heard twice.
const MOST: usize = 100;

/// As many where silence keeps them apart from both segments: a word, and not a click.
const MOST_APART: usize = 20;

/// That much silence does.
const APART: usize = 20;

/// Silence that is kept at both ends, where there is any.
const EDGE: usize = 30;

/// Sound is too much for a segment's text when it is this many times what the chunk's other text takes …
const TOO_MUCH: f32 = 1.35;
/// … and this much longer, in hundredths of a second: the time of two words.
const TOO_LONG: f32 = 45.0;
/// No more segments of a chunk are heard again for that: each takes as long as a whole window.
const MOST_SEGMENTS: usize = 3;

/// A stretch without text, in hundredths of a second of the chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unheard {
    pub range: Range<usize>,
    /// Whether it is long enough for a sentence. What is shorter may be no speech at all.
    pub is_long: bool,
}

/// The stretches that should be heard again: in order, apart from each other and from every segment. `segments` are
/// in order.
pub(super) fn unheard(segments: &[RawSegment], length: usize, loudness: &Loudness) -> Vec<Unheard> {
    let ends = std::iter::once(0).chain(segments.iter().map(|segment| at(segment.end, length)));
    let starts = segments.iter().map(|segment| at(segment.start, length)).chain([length]);
    let gaps = ends.zip(starts).filter(|(from, to)| from < to);
    gaps.filter_map(|(from, to)| {
        let is_long = loudness.as_loud_as_speech(from..to) > MOST;
        let sound =
            if is_long { around(loudness.sounding(from..to)) } else { apart(from..to, length, loudness) }?;
        let range = sound.start.saturating_sub(EDGE).max(from)..(sound.end + EDGE).min(to);
        Some(Unheard { range, is_long })
    })
    .collect()
}

/// Where the sound is in a gap that silence keeps apart from what lies beside it, if there is enough.
fn apart(gap: Range<usize>, length: usize, loudness: &Loudness) -> Option<Range<usize>> {
    let sound = loudness.sounding(gap.clone());
    // A chunk's own ends are in silence.
    let is_apart = |burst: &&[usize]| {
        burst.first().is_some_and(|first| gap.start == 0 || *first >= gap.start + APART)
            && burst.last().is_some_and(|last| gap.end == length || last + APART < gap.end)
    };
    let bursts = sound.chunk_by(|one, next| next - one < APART).filter(is_apart);
    let range = around(bursts.flatten().copied().collect())?;
    (loudness.as_loud_as_speech(range.clone()) > MOST_APART).then_some(range)
}

fn around(sound: Vec<usize>) -> Option<Range<usize>> {
    Some(*sound.first()?..sound.last()? + 1)
}

/// The segments that say far less than they sound like, beside the other segments of their chunk: their places, the
/// worst first. `segments` are in order.
pub(super) fn too_short_for_their_sound(
    segments: &[RawSegment],
    length: usize,
    loudness: &Loudness,
) -> Vec<usize> {
    let sound = |segment: &RawSegment| loudness.sounding(at(segment.start, length)..at(segment.end, length));
    let measures: Vec<(f32, f32)> =
        segments.iter().map(|segment| (sound(segment).len() as f32, letters(segment))).collect();
    let mut paces: Vec<f32> = measures
        .iter()
        .filter(|(sound, letters)| *sound > 0.0 && *letters > 0.0)
        .map(|(sound, letters)| sound / letters)
        .collect();
    paces.sort_by(f32::total_cmp);
    let Some(pace) = paces.get(paces.len().saturating_sub(1) / 2) else { return vec![] };
    let mut found: Vec<(f32, usize)> = measures
        .iter()
        .enumerate()
        .filter(|(_, (sound, letters))| *sound > letters * pace * TOO_MUCH)
        .map(|(index, (sound, letters))| (sound - letters * pace, index))
        .filter(|(surplus, _)| *surplus >= TOO_LONG)
        .collect();
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.into_iter().map(|(_, index)| index).take(MOST_SEGMENTS).collect()
}

/// Where a segment is to be heard by itself: round its sound, without that of its neighbours. `None` where it has none.
pub(super) fn stretch_of(
    index: usize,
    segments: &[RawSegment],
    length: usize,
    loudness: &Loudness,
) -> Option<Range<usize>> {
    let segment = segments.get(index)?;
    let sound = around(loudness.sounding(at(segment.start, length)..at(segment.end, length)))?;
    let before = index.checked_sub(1).map_or(0, |before| at(segments[before].end, length));
    let after = segments.get(index + 1).map_or(length, |after| at(after.start, length));
    let range = sound.start.saturating_sub(EDGE).max(before)..(sound.end + EDGE).min(after);
    (!range.is_empty()).then_some(range)
}

/// A time in hundredths of a second of the chunk.
fn at(time: i64, length: usize) -> usize {
    usize::try_from(time).unwrap_or(0).min(length)
}

fn letters(segment: &RawSegment) -> f32 {
    String::from_utf8_lossy(&segment.text).chars().filter(|letter| letter.is_alphanumeric()).count() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(start: i64, end: i64) -> RawSegment {
        RawSegment { start, end, ..RawSegment::default() }
    }

    /// Ten seconds: speech from 1 to 4 s and from 6 to 9 s.
    fn chunk() -> Loudness {
        let level =
            |at: usize| if (100..400).contains(&at) || (600..900).contains(&at) { 0.5 } else { 0.001 };
        let samples: Vec<f32> = (0..1000).flat_map(|at| std::iter::repeat_n(level(at), 160)).collect();
        Loudness::of(&samples)
    }

    fn found(segments: &[RawSegment]) -> Vec<(usize, usize)> {
        let found = unheard(segments, 1000, &chunk()).into_iter();
        found.map(|stretch| (stretch.range.start, stretch.range.end)).collect()
    }

    #[test]
    fn a_phrase_without_a_segment_is_to_be_heard_again() {
        assert_eq!(found(&[segment(600, 900)]), [(70, 430)]);
        assert_eq!(found(&[segment(100, 400)]), [(570, 930)]);
        assert_eq!(found(&[]), [(70, 930)]);
    }

    #[test]
    fn what_segments_cover_but_for_their_edges_is_not() {
        assert!(found(&[segment(150, 350), segment(650, 820)]).is_empty());
    }

    #[test]
    fn times_out_of_the_chunk_do_no_harm() {
        assert!(found(&[segment(-500, 400), segment(600, 3000)]).is_empty());
        assert!(found(&[segment(100, 900), segment(500, 3000)]).is_empty());
    }

    /// Two phrases with a second of silence on both sides of half a second of sound.
    fn with_sound_between(from: usize) -> Loudness {
        let is_loud = |at: usize| at < 200 || (from..from + 50).contains(&at) || at >= 450;
        let level = |at: usize| if is_loud(at) { 0.5 } else { 0.001 };
        let samples: Vec<f32> = (0..700).flat_map(|at| std::iter::repeat_n(level(at), 160)).collect();
        Loudness::of(&samples)
    }

    #[test]
    fn a_short_phrase_is_heard_again_where_silence_keeps_it_apart() {
        let segments = [segment(0, 200), segment(450, 700)];
        let found = |from| unheard(&segments, 700, &with_sound_between(from));
        assert_eq!(found(300), [Unheard { range: 270..380, is_long: false }]);
        assert_eq!(found(210), [], "it may belong to the first segment");
        assert_eq!(found(390), [], "it may belong to the second");
    }

    fn saying(start: i64, end: i64, text: &str) -> RawSegment {
        RawSegment { text: text.into(), ..segment(start, end) }
    }

    #[test]
    fn a_segment_with_far_more_sound_than_the_others_need_is_to_be_heard_again() {
        let all = [saying(0, 200, "eight letters, and eight"), saying(250, 450, "eight letters, and more")];
        let loud: Vec<f32> = (0..700)
            .flat_map(|at| std::iter::repeat_n(if at % 250 < 200 { 0.5 } else { 0.001 }, 160))
            .collect();
        let loudness = Loudness::of(&loud);
        let found = |last| too_short_for_their_sound(&[&all[..], &[last]].concat(), 700, &loudness);
        assert_eq!(found(saying(500, 700, "eight")), [2]);
        assert!(found(saying(500, 700, "eight letters, and no")).is_empty(), "it may have been said slowly");
        assert!(found(saying(500, 540, "eight")).is_empty(), "there is no room for more");
        let alone = [saying(0, 700, "x")];
        assert!(too_short_for_their_sound(&alone, 700, &loudness).is_empty(), "there are no others");
        assert!(too_short_for_their_sound(&[], 700, &loudness).is_empty());
        assert_eq!(stretch_of(1, &all, 700, &loudness), Some(220..480));
        assert_eq!(stretch_of(2, &all, 700, &loudness), None);
    }
}
