//! From the channels of a recording to one.

use actors::ports::AudioError;

const MAX_CHANNELS: usize = 8;
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Refuses what is no recording of speech, or not one that the resampler was measured with.
pub fn check_limits(channels: usize, rate: u32) -> Result<(), AudioError> {
    if !(1..=MAX_CHANNELS).contains(&channels) {
        let message = format!("the recording has {channels} channels: send one with 1 to {MAX_CHANNELS}");
        return Err(AudioError::Unsupported(message));
    }
    if !RATES.contains(&rate) {
        let message = format!(
            "the recording has {rate} samples a second: send one with {} to {}",
            RATES.start(),
            RATES.end()
        );
        return Err(AudioError::Unsupported(message));
    }
    Ok(())
}

/// Replaces `mono` by the mean of all channels, finite and within [-1, 1].
pub fn mix_down(planes: &[Vec<f32>], mono: &mut Vec<f32>) {
    mono.clear();
    let scale = 1.0 / planes.len().max(1) as f32;
    let mut planes = planes.iter();
    if let Some(first) = planes.next() {
        mono.extend_from_slice(first);
    }
    for plane in planes {
        for (sum, sample) in mono.iter_mut().zip(plane) {
            *sum += sample;
        }
    }
    for sample in mono {
        let value = *sample * scale;
        *sample = if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
    }
}
