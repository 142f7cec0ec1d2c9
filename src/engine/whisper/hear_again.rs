//! Decodes again what the decoder passed over.

use std::sync::atomic::AtomicBool;

use actors::ports::EngineFault;
use tracing::debug;

use super::{KEPT_SILENCE, Pass, WhisperCore};
use crate::engine::loudness::Loudness;
use crate::engine::request::SAMPLE_RATE;
use crate::engine::segments::RawSegment;
use crate::engine::unheard::unheard;

impl WhisperCore {
    /// Puts the segments of every stretch in that has speech and no text, each decoded by itself. `progress` is a
    /// sign of life: what it says is of the stretch.
    pub(super) fn hear_again(
        &self,
        segments: &mut Vec<RawSegment>,
        pass: &Pass<'_>,
        samples: &[f32],
        loudness: &Loudness,
        abort: &AtomicBool,
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<(), EngineFault> {
        let hundredths = samples.len() * 100 / SAMPLE_RATE;
        for stretch in unheard(segments, hundredths, loudness) {
            let in_samples = |hundredths: usize| hundredths * SAMPLE_RATE / 100;
            let of_stretch = in_samples(stretch.start)..in_samples(stretch.end);
            let samples = samples.get(of_stretch).unwrap_or_default();
            debug!(from = stretch.start, to = stretch.end, "hearing a stretch again that has no text");
            let until = Loudness::of(samples).end_of_sound() + KEPT_SILENCE;
            let found = self.decode(&Pass { until, ..*pass }, samples, abort, progress)?;
            let (offset, length) = (stretch.start as i64, stretch.len() as i64);
            let inside = found.into_iter().filter(|segment| (0..length).contains(&segment.start));
            segments.extend(inside.map(|mut segment| {
                segment.start += offset;
                segment.end = segment.end.min(length) + offset;
                segment.window_start += offset;
                segment
            }));
        }
        segments.sort_by_key(|segment| segment.start);
        Ok(())
    }
}
