//! Decodes again what the decoder passed over.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use actors::ports::EngineFault;
use tracing::debug;

use super::{KEPT_SILENCE, Pass, WhisperCore};
use crate::engine::loudness::Loudness;
use crate::engine::request::SAMPLE_RATE;
use crate::engine::second_hearing::{is_echo, is_sure, outdoes, unsure_at_the_edges};
use crate::engine::segments::RawSegment;
use crate::engine::unheard::{stretch_of, too_short_for_their_sound, unheard};

impl WhisperCore {
    /// Hears every stretch again that has speech and no text, too little, or text that is in doubt, each by itself, and
    /// puts in what is better. `progress` is a sign of life: what it says is of the stretch.
    pub(super) fn hear_again(
        &self,
        segments: &mut Vec<RawSegment>,
        pass: &Pass<'_>,
        samples: &[f32],
        loudness: &Loudness,
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<(), EngineFault> {
        let length = samples.len() * 100 / SAMPLE_RATE;
        let hear = |stretch: &Range<usize>| self.hear(stretch, pass, samples, abort, progress);
        let mut more = Vec::new();
        let mut outdone = Vec::new();
        for index in doubtful(segments, length, loudness) {
            let Some(stretch) = stretch_of(index, segments, length, loudness) else { continue };
            let found = hear(&stretch)?;
            if outdoes(&found, &segments[index]) {
                outdone.push(index);
                more.extend(found);
            }
        }
        for index in outdone.into_iter().rev() {
            segments.remove(index);
        }
        put_in(segments, more);
        let mut more = Vec::new();
        for stretch in unheard(segments, length, loudness) {
            let found = hear(&stretch.range)?;
            let next = segments.partition_point(|segment| segment.start < stretch.range.start as i64);
            let (before, after) = (segments[..next].last(), segments.get(next));
            if (stretch.is_long || is_sure(&found)) && !is_echo(&found, before, after) {
                more.extend(found);
            }
        }
        put_in(segments, more);
        Ok(())
    }

    /// What is heard in a stretch of the chunk, in hundredths of a second, when it is all there is.
    fn hear(
        &self,
        stretch: &Range<usize>,
        pass: &Pass<'_>,
        samples: &[f32],
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Vec<RawSegment>, EngineFault> {
        let in_samples = |hundredths: usize| hundredths * SAMPLE_RATE / 100;
        let samples = samples.get(in_samples(stretch.start)..in_samples(stretch.end)).unwrap_or_default();
        debug!(from = stretch.start, to = stretch.end, "hearing a stretch again");
        let until = Loudness::of(samples).end_of_sound() + KEPT_SILENCE;
        let mut found = self.decode(&Pass { until, ..*pass }, samples, abort, progress)?;
        let (offset, length) = (stretch.start as i64, stretch.len() as i64);
        found.retain(|segment| (0..length).contains(&segment.start));
        for segment in &mut found {
            segment.start += offset;
            segment.end = segment.end.min(length) + offset;
            segment.window_start += offset;
        }
        Ok(found)
    }
}

/// The segments to be heard by themselves. Where the model is sure of nothing, in noise, it would only be unsure once
/// more.
fn doubtful(segments: &[RawSegment], length: usize, loudness: &Loudness) -> Vec<usize> {
    if !is_sure(segments) {
        return vec![];
    }
    let mut doubtful = too_short_for_their_sound(segments, length, loudness);
    doubtful.extend(unsure_at_the_edges(segments));
    doubtful.sort_unstable();
    doubtful.dedup();
    doubtful
}

fn put_in(segments: &mut Vec<RawSegment>, more: Vec<RawSegment>) {
    segments.extend(more);
    segments.sort_by_key(|segment| segment.start);
}
