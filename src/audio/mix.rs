//! From the channels of a recording to the single one that is transcribed.

use actors::ports::AudioError;

const MAX_CHANNELS: usize = 8;
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Refuses what is not a recording of speech, or has a rate that the resampler was not measured with.
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

/// What is transcribed of a recording with several channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downmix {
    /// The mean of all.
    Mean,
    /// One of them, from 0: silence where the recording has fewer for a while.
    Channel(u8),
}

/// Replaces `mono` by what is taken of the channels, finite and within [-1, 1].
pub fn mix_down(planes: &[Vec<f32>], downmix: Downmix, mono: &mut Vec<f32>) {
    mono.clear();
    match downmix {
        Downmix::Mean => sum(planes, mono),
        Downmix::Channel(channel) => match planes.get(usize::from(channel)) {
            Some(plane) => mono.extend_from_slice(plane),
            None => mono.resize(planes.first().map_or(0, Vec::len), 0.0),
        },
    }
    let scale = if downmix == Downmix::Mean { 1.0 / planes.len().max(1) as f32 } else { 1.0 };
    for sample in mono {
        let value = *sample * scale;
        *sample = if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
    }
}

fn sum(planes: &[Vec<f32>], mono: &mut Vec<f32>) {
    let mut planes = planes.iter();
    if let Some(first) = planes.next() {
        mono.extend_from_slice(first);
    }
    for plane in planes {
        for (sum, sample) in mono.iter_mut().zip(plane) {
            *sum += sample;
        }
    }
}
