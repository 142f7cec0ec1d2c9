//! Speech that the decoder passed over.
//!
//! A Whisper model sometimes begins a window with its second or third sentence, or ends it before the last
//! one: whole phrases are missing, and whisper.cpp goes on behind them. They show as sound
//! as loud as the speech beside it that no segment covers. Heard by themselves they are understood.

use std::ops::Range;

use super::loudness::Loudness;
use super::segments::RawSegment;

/// Hundredths of a second as loud as speech that may lie between two segments. Timestamps of larger models are off by
/// half a second at times, on both sides: the end of a word that lies behind its segment must not be heard twice.
const MOST: usize = 100;

/// Silence that is kept at both ends, where there is any.
const EDGE: usize = 30;

/// The stretches that should be heard again, in hundredths of a second of the chunk: in order, apart from each
/// other and from every segment. `segments` are in order.
pub(super) fn unheard(segments: &[RawSegment], length: usize, loudness: &Loudness) -> Vec<Range<usize>> {
    let at = |time: i64| usize::try_from(time).unwrap_or(0).min(length);
    let ends = std::iter::once(0).chain(segments.iter().map(|segment| at(segment.end)));
    let starts = segments.iter().map(|segment| at(segment.start)).chain([length]);
    ends.zip(starts)
        .filter(|(from, to)| from < to && loudness.as_loud_as_speech(*from..*to) > MOST)
        .filter_map(|(from, to)| {
            let sound = loudness.sounding(from..to);
            let (first, last) = (sound.first()?, sound.last()?);
            Some(first.saturating_sub(EDGE).max(from)..(last + 1 + EDGE).min(to))
        })
        .collect()
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
        unheard(segments, 1000, &chunk()).into_iter().map(|stretch| (stretch.start, stretch.end)).collect()
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
}
