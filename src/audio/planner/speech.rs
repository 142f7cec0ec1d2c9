//! Where the detector finds speech.

use std::ops::Range;

use crate::audio::frames::frames;

/// Speech begins where its probability reaches this …
const BEGINS: u8 = probability(0.5);
/// … and ends where it falls below this, so that a dip inside a word is not a pause.
const ENDS: u8 = probability(0.35);
/// Speech that stands alone and is nowhere as likely as this is noise. Measured: the first moment of
/// noise reaches 0.64, every phrase of speech 0.88, and 0.69 when 42 dB quieter.
const SURE: u8 = probability(0.65);
/// Speech that stands alone and is shorter is a click.
const LEAST_SECS: f64 = 0.25;
/// Pauses shorter than this do not make the speech beside them stand alone.
const JOINING_SECS: f64 = 0.4;

/// Stretches of speech in frames, in order, without lone clicks and noise.
pub fn find(activity: &[u8]) -> Vec<Range<usize>> {
    let stretches = stretches(activity);
    let mut kept = Vec::with_capacity(stretches.len());
    for group in stretches.chunk_by(|a, b| b.start - a.end < frames(JOINING_SECS)) {
        let length = group.iter().map(Range::len).sum::<usize>();
        let mut values = group.iter().filter_map(|stretch| activity.get(stretch.clone())).flatten();
        if length >= frames(LEAST_SECS) && values.any(|p| *p >= SURE) {
            kept.extend_from_slice(group);
        }
    }
    kept
}

fn stretches(activity: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (frame, &p) in activity.iter().enumerate() {
        match start {
            None if p >= BEGINS => start = Some(frame),
            Some(begun) if p < ENDS => {
                found.push(begun..frame);
                start = None;
            }
            None | Some(_) => {}
        }
    }
    found.extend(start.map(|begun| begun..activity.len()));
    found
}

const fn probability(p: f32) -> u8 {
    (p * 255.0 + 0.5) as u8
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // Lists of one range are meant.
mod tests {
    use super::*;

    const NONE: [Range<usize>; 0] = [];

    fn activity(stretches: &[(usize, u8)]) -> Vec<u8> {
        stretches.iter().flat_map(|&(length, p)| std::iter::repeat_n(p, length)).collect()
    }

    #[test]
    fn lone_clicks_and_faint_noise_are_left_out() {
        assert_eq!(find(&activity(&[(100, 0), (10, 255), (300, 0)])), NONE);
        assert_eq!(find(&activity(&[(100, 0), (40, 160), (300, 0)])), NONE);
    }

    #[test]
    fn a_click_beside_speech_is_kept() {
        let found = find(&activity(&[(100, 0), (10, 255), (20, 0), (100, 255), (300, 0)]));
        assert_eq!(found, [100..110, 130..230]);
    }

    #[test]
    fn a_dip_inside_a_word_does_not_end_speech() {
        assert_eq!(find(&activity(&[(10, 0), (50, 200), (5, 100), (50, 200)])), [10..115]);
    }
}
