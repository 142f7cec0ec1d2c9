//! The planner as a whole, on frames made of stretches.

use proptest::prelude::*;

use super::*;
use crate::audio::frames::{FRAME, level};

/// Frames made of stretches: seconds, probability and level in dBFS.
pub(super) fn recording(stretches: &[(f64, u8, f64)]) -> Frames {
    let mut made = Frames::default();
    for &(secs, activity, dbfs) in stretches {
        made.activity.extend(std::iter::repeat_n(activity, frames(secs)));
        made.levels.extend(std::iter::repeat_n(level(dbfs), frames(secs)));
    }
    made
}

fn samples(recording: &Frames) -> u64 {
    (recording.len() * FRAME) as u64
}

fn plan(stretches: &[(f64, u8, f64)]) -> Vec<(f64, f64)> {
    let recording = recording(stretches);
    let chunks = plan_chunks(&recording, samples(&recording), &PlanSettings::default());
    let round = |secs: f64| (secs * 10.0).round() / 10.0;
    chunks.iter().map(|chunk| (round(chunk.start_secs()), round(chunk.end_secs()))).collect()
}

const fn speech(secs: f64) -> (f64, u8, f64) {
    (secs, 250, -20.0)
}

const fn pause(secs: f64) -> (f64, u8, f64) {
    (secs, 20, -50.0)
}

const fn silence(secs: f64) -> (f64, u8, f64) {
    (secs, 0, -100.0)
}

#[test]
fn a_silent_recording_has_no_chunk() {
    assert_eq!(plan(&[]), []);
    assert_eq!(plan(&[silence(0.5)]), []);
    assert_eq!(plan(&[(60.0, 250, -80.0)]), [], "whatever the detector finds");
}

#[test]
fn sound_is_in_a_chunk_whatever_the_detector_finds() {
    assert_eq!(plan(&[(20.0, 0, -20.0)]), [(0.0, 20.0)]);
    assert_eq!(plan(&[(6.0, 0, -55.0)]), [(0.0, 6.0)], "room noise");
    assert_eq!(plan(&[(10.0, 0, -22.0), speech(10.0)]), [(0.0, 20.0)], "speech that it missed");
}

#[test]
fn silence_at_the_edges_is_trimmed() {
    assert_eq!(plan(&[silence(20.0), speech(5.0), silence(20.0)]), [(19.6, 25.4)]);
}

#[test]
fn a_long_pause_ends_a_chunk_once_it_is_filled() {
    let chunks = plan(&[speech(8.0), pause(3.0), speech(8.0), pause(3.0), speech(8.0)]);
    assert_eq!(chunks, [(0.0, 21.4), (21.4, 30.0)], "what remains of the pause stays with the first chunk");
    let chunks = plan(&[speech(8.0), silence(3.0), speech(8.0), silence(3.0), speech(8.0)]);
    assert_eq!(chunks, [(0.0, 19.4), (21.6, 30.0)], "silence is left out");
}

#[test]
fn a_very_long_pause_is_a_chunk_of_its_own() {
    let chunks = plan(&[speech(3.0), pause(12.0), speech(3.0)]);
    assert_eq!(chunks, [(0.0, 3.5), (3.5, 14.4), (14.4, 18.0)]);
    let chunks = plan(&[speech(3.0), pause(70.0), speech(3.0)]);
    assert_eq!(chunks.len(), 5, "{chunks:?}");
    assert!(chunks.windows(2).all(|pair| pair[0].1 == pair[1].0), "{chunks:?}");
    assert_eq!(plan(&[pause(9.0), speech(3.0), pause(9.0)]), [(0.0, 8.4), (8.4, 12.5), (12.5, 21.0)]);
    assert_eq!(plan(&[speech(3.0), silence(12.0), speech(3.0)]), [(0.0, 3.4), (14.6, 18.0)]);
}

#[test]
fn sound_between_two_silences_is_not_lost() {
    let chunks = plan(&[
        speech(5.0),
        silence(6.0),
        (0.3, 0, -40.0),
        silence(6.0),
        speech(5.0),
        silence(9.0),
        pause(2.0),
    ]);
    assert_eq!(chunks, [(0.0, 5.4), (10.6, 11.7), (16.9, 22.7), (30.9, 33.3)]);
}

#[test]
fn speech_is_cut_in_a_long_pause_rather_than_a_later_short_one() {
    let chunks = plan(&[speech(14.0), pause(0.8), speech(8.0), pause(0.3), speech(15.0)]);
    assert_eq!(chunks.len(), 2);
    assert!((14.0..14.8).contains(&chunks[0].1), "{chunks:?}");
    assert_eq!(chunks[0].1, chunks[1].0);
    let chunks = plan(&[speech(14.0), pause(0.6), speech(8.0), pause(0.6), speech(15.0)]);
    assert!((22.6..23.2).contains(&chunks[0].1), "of equal pauses the later one: {chunks:?}");
    let chunks = plan(&[speech(14.0), pause(0.6), speech(28.0)]);
    assert!((14.0..14.6).contains(&chunks[0].1), "an earlier pause is better than none: {chunks:?}");
}

#[test]
fn chunks_overlap_where_there_is_no_pause() {
    let chunks = plan(&[speech(60.0)]);
    assert_eq!(chunks.len(), 3, "{chunks:?}");
    for pair in chunks.windows(2) {
        assert!((2.0..=4.0).contains(&(pair[0].1 - pair[1].0)), "{chunks:?}");
    }
    let chunks = plan(&[speech(25.0), (0.5, 0, -21.0), speech(25.0)]);
    assert!(chunks[1].0 < chunks[0].1, "the detector's pause is as loud as speech: {chunks:?}");
}

#[test]
fn what_is_left_behind_a_cut_is_not_a_scrap() {
    let chunks = plan(&[speech(28.5)]);
    assert!(chunks.len() == 2 && chunks[1].1 - chunks[1].0 > 4.0, "{chunks:?}");
}

fn stretches() -> impl Strategy<Value = Vec<(f64, u8, f64)>> {
    let length = prop_oneof![4 => 0.02f64..0.6, 3 => 0.6f64..6.0, 1 => 6.0f64..60.0];
    let activity = prop_oneof![Just(0u8), Just(250u8), any::<u8>()];
    let dbfs = prop_oneof![2 => Just(-20.0), 1 => Just(-50.0), 1 => Just(-100.0), 2 => -110.0f64..0.0];
    prop::collection::vec((length, activity, dbfs), 0..40)
}

fn overlap(pair: &[Span]) -> Option<(u64, u64)> {
    (pair[1].start < pair[0].end).then_some((pair[1].start, pair[0].end))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn chunks_are_in_order_and_not_too_long(
        stretches in stretches(),
        missing in 0u64..FRAME as u64,
        most in 0.0f64..60.0,
    ) {
        let recording = recording(&stretches);
        let samples = samples(&recording).saturating_sub(missing);
        let settings = PlanSettings { most };
        let chunks = plan_chunks(&recording, samples, &settings);
        for chunk in &chunks {
            prop_assert!(chunk.samples() > 0 && chunk.samples() <= (most.clamp(14.0, 30.0) * 16_000.0) as u64);
            prop_assert!(chunk.end <= samples);
        }
        for pair in chunks.windows(2) {
            prop_assert!(pair[0].start < pair[1].start && pair[0].end < pair[1].end, "{pair:?}");
            prop_assert!(overlap(pair).is_none_or(|(start, end)| end - start <= 5 * 16_000), "{pair:?}");
        }
        for three in chunks.windows(3) {
            prop_assert!(three[0].end <= three[2].start, "{three:?}");
        }
        prop_assert_eq!(&chunks, &plan_chunks(&recording, samples, &settings));
    }

    #[test]
    fn everything_but_near_silence_is_in_a_chunk(stretches in stretches()) {
        let recording = recording(&stretches);
        let chunks = plan_chunks(&recording, samples(&recording), &PlanSettings::default());
        let silences = silence::find(&recording.levels);
        for frame in 0..recording.len() {
            let (start, end) = ((frame * FRAME) as u64, ((frame + 1) * FRAME) as u64);
            let held = chunks.iter().any(|chunk| chunk.start <= start && end <= chunk.end);
            prop_assert!(held || silence::at(&silences, frame).is_some(), "frame {frame} of {chunks:?}");
        }
    }

    #[test]
    fn chunks_overlap_only_where_there_is_no_pause(stretches in stretches()) {
        let recording = recording(&stretches);
        let chunks = plan_chunks(&recording, samples(&recording), &PlanSettings::default());
        let silences = silence::find(&recording.levels);
        for pair in chunks.windows(2).filter(|pair| overlap(pair).is_some()) {
            let at = pair[0].start as usize / FRAME;
            let pauses = pauses::Pauses::new(&recording, &silences, at);
            let end = pair[0].end as usize / FRAME;
            let found = (at + frames(20.0)..end).find(|frame| pauses.is_pause(*frame));
            prop_assert_eq!(found, None, "{:?}", pair);
        }
    }

    #[test]
    fn the_first_chunk_follows_from_the_beginning(stretches in stretches(), part in 0.0f64..1.0) {
        let whole = recording(&stretches);
        let known = (whole.len() as f64 * part) as usize;
        let beginning = Frames {
            activity: whole.activity[..known].to_vec(),
            levels: whole.levels[..known].to_vec(),
        };
        let settings = PlanSettings::default();
        let chunks = plan_chunks(&whole, samples(&whole), &settings);
        if let Some(first) = first_chunk(&beginning, &settings) {
            prop_assert_eq!(Some(&first), chunks.first());
        } else if let Some(first) = chunks.first() {
            let start = first.start as usize / FRAME;
            prop_assert!(known < start + frames(FIRST_CHUNK_SECS) + 1, "{} frames are enough", known);
        }
    }

    #[test]
    fn language_windows_are_short_apart_and_not_silent(stretches in stretches()) {
        let recording = recording(&stretches);
        let windows = language_windows(&recording, samples(&recording));
        prop_assert!(windows.len() <= 6);
        prop_assert!(windows.iter().all(|window| window.samples() <= 10 * 16_000));
        let mut sorted = windows.clone();
        sorted.sort_by_key(|window| window.start);
        prop_assert!(sorted.windows(2).all(|pair| pair[0].end <= pair[1].start), "{sorted:?}");
        let chunks = plan_chunks(&recording, samples(&recording), &PlanSettings::default());
        prop_assert_eq!(windows.is_empty(), chunks.is_empty());
    }
}
