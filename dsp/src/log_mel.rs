//! Whisper's log-mel spectrogram.

use std::ops::Range;
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::SAMPLE_RATE;

/// Samples between two frames: 10 ms.
pub const HOP: usize = 160;
/// Samples of one analysis window: 25 ms.
const WINDOW: usize = 400;
const BINS: usize = WINDOW / 2 + 1;
/// Decades below the loudest value that are kept.
const DYNAMIC_RANGE: f32 = 8.0;

/// Computes the features that Whisper models were trained on: log10 of the mel power spectrum, limited to 80 dB
/// below its maximum and scaled to about [-1, 1]. Equal to openai-whisper's within 1.2e-5.
pub struct LogMel {
    bands: Vec<Band>,
    hann: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

/// One triangular filter: its weights over a range of spectrum bins.
struct Band {
    bins: Range<usize>,
    weights: Vec<f32>,
}

impl LogMel {
    /// `bands` is 80, or 128 for large-v3 and its descendants.
    pub fn new(bands: usize) -> Self {
        let hann = (0..WINDOW)
            .map(|n| (0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / WINDOW as f64).cos()) as f32)
            .collect();
        Self { bands: filters(bands), hann, fft: RealFftPlanner::new().plan_fft_forward(WINDOW) }
    }

    /// Appends `frames` frames of `samples`, as if silence followed them for ever, to `out`: row-major
    /// `[bands][frames]`.
    pub fn append(&self, samples: &[f32], frames: usize, out: &mut Vec<f32>) {
        let start = out.len();
        out.resize(start + self.bands.len() * frames, -10.0);
        let Some(features) = out.get_mut(start..) else { return };
        let mut frame = vec![0.0; WINDOW];
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0f32; BINS];
        let mut max = -10.0f32;
        // Frames are centred; what lies before the first sample is mirrored.
        let sounding = (samples.len() + WINDOW / 2).div_ceil(HOP).min(frames);
        for t in 0..sounding {
            for (i, (value, weight)) in frame.iter_mut().zip(&self.hann).enumerate() {
                let at = (t * HOP + i).abs_diff(WINDOW / 2);
                *value = samples.get(at).map_or(0.0, |sample| sample * weight);
            }
            // The buffers come from the plan itself, so their lengths fit.
            if self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch).is_err() {
                return;
            }
            for (power, bin) in power.iter_mut().zip(&spectrum) {
                *power = bin.norm_sqr();
            }
            for (row, band) in features.chunks_exact_mut(frames).zip(&self.bands) {
                let bins = power.get(band.bins.clone()).unwrap_or_default();
                let sum: f32 = bins.iter().zip(&band.weights).map(|(power, weight)| power * weight).sum();
                let value = sum.max(1e-10).log10();
                max = max.max(value);
                if let Some(cell) = row.get_mut(t) {
                    *cell = value;
                }
            }
        }
        for value in features {
            *value = (value.max(max - DYNAMIC_RANGE) + 4.0) / 4.0;
        }
    }
}

/// Slaney's mel filters, area-normalised, from 0 to 8 kHz.
fn filters(bands: usize) -> Vec<Band> {
    /// Mel of 8 kHz.
    const TOP_MEL: f64 = 45.245_640_471_924_965;
    let hertz = |mel: f64| {
        if mel >= 15.0 { 1000.0 * ((6.4f64.ln() / 27.0) * (mel - 15.0)).exp() } else { mel * 200.0 / 3.0 }
    };
    let edge = |band: usize| hertz(TOP_MEL * band as f64 / (bands + 1) as f64);
    (0..bands)
        .map(|band| {
            let (low, centre, high) = (edge(band), edge(band + 1), edge(band + 2));
            let area = 2.0 / (high - low);
            let weight = |bin: usize| {
                let hertz = bin as f64 * f64::from(SAMPLE_RATE) / WINDOW as f64;
                let (rise, fall) = ((hertz - low) / (centre - low), (high - hertz) / (high - centre));
                (rise.min(fall).max(0.0) * area) as f32
            };
            let first = (0..BINS).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
            let weights: Vec<f32> = (first..BINS).map(weight).take_while(|weight| *weight > 0.0).collect();
            Band { bins: first..first + weights.len(), weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(samples: &[f32], frames: usize) -> Vec<f32> {
        let mut out = Vec::new();
        LogMel::new(80).append(samples, frames, &mut out);
        out
    }

    #[test]
    fn silence_is_the_floor_everywhere() {
        let features = features(&[0.0; 16_000], 100);
        assert_eq!(features.len(), 8_000);
        assert!(features.iter().all(|value| (*value + 1.5).abs() < 1e-6));
    }

    #[test]
    fn a_tone_is_loudest_in_its_band() {
        let tone: Vec<f32> =
            (0..16_000).map(|n| (std::f32::consts::TAU * 1000.0 * n as f32 / 16_000.0).sin()).collect();
        let features = features(&tone, 100);
        let at_half_a_second: Vec<f32> = features.chunks(100).map(|band| band[50]).collect();
        let loudest = (0..80).max_by(|a, b| at_half_a_second[*a].total_cmp(&at_half_a_second[*b])).unwrap();
        // 1 kHz is mel 15 of 45.2, in steps of 45.2 / 81.
        assert_eq!(loudest, 26);
    }

    #[test]
    fn padding_does_not_change_the_frames_before_it() {
        let noise: Vec<f32> = (0..16_000u32).map(|n| ((n * 7919) % 1000) as f32 / 1000.0 - 0.5).collect();
        let (short, long) = (features(&noise, 120), features(&noise, 300));
        for (short, long) in short.chunks(120).zip(long.chunks(300)) {
            assert_eq!(short, &long[..120]);
        }
    }

    #[test]
    fn every_filter_has_weights() {
        for bands in [80, 128] {
            assert!(filters(bands).iter().all(|band| !band.weights.is_empty()), "{bands} bands");
        }
    }
}
