//! The loudness of a recording over time, for drawing it.

use serde::{Deserialize, Serialize};

/// As many stretches a recording is measured in at most; half as many at least, once it is long enough.
const MOST: usize = 8192;
/// A stretch of a short recording: 1 ms.
const SHORTEST: u64 = 16;

/// The loudest sample of each stretch of a recording. All stretches but the last have the same length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peaks {
    /// Of the whole recording.
    pub samples: u64,
    /// Samples of a stretch.
    pub stretch: u64,
    /// As parts of 65535, which is full scale.
    pub levels: Vec<u16>,
}

impl Peaks {
    /// The loudest sample, 0 to 1, of each of `count` parts of equal length.
    pub fn points(&self, count: u32) -> Vec<f64> {
        let parts = u128::from(count.max(1));
        let at = |part: u128| u128::from(self.samples) * part / parts;
        let stretch = u128::from(self.stretch.max(1));
        (0..u128::from(count))
            .map(|part| {
                let first = at(part) / stretch;
                let end = at(part + 1).div_ceil(stretch).max(first + 1);
                let [first, end] = [first, end].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
                let levels = self.levels.get(first..end.min(self.levels.len())).unwrap_or_default();
                f64::from(levels.iter().copied().max().unwrap_or(0)) / f64::from(u16::MAX)
            })
            .collect()
    }
}

/// Measures a stream of samples in memory that does not grow with it.
#[derive(Debug)]
pub struct PeakMeter {
    samples: u64,
    stretch: u64,
    filled: u64,
    loudest: f32,
    levels: Vec<u16>,
}

impl Default for PeakMeter {
    fn default() -> Self {
        Self { samples: 0, stretch: SHORTEST, filled: 0, loudest: 0.0, levels: Vec::with_capacity(MOST) }
    }
}

impl PeakMeter {
    /// Takes samples within [-1, 1].
    pub fn push(&mut self, mut samples: &[f32]) {
        self.samples += samples.len() as u64;
        while !samples.is_empty() {
            let room = usize::try_from(self.stretch - self.filled).unwrap_or(usize::MAX);
            let (now, later) = samples.split_at(room.min(samples.len()));
            self.loudest = now.iter().fold(self.loudest, |loudest, sample| loudest.max(sample.abs()));
            self.filled += now.len() as u64;
            samples = later;
            if self.filled == self.stretch {
                self.end_stretch();
            }
        }
    }

    pub fn finish(mut self) -> Peaks {
        if self.filled > 0 {
            self.end_stretch();
        }
        Peaks { samples: self.samples, stretch: self.stretch, levels: self.levels }
    }

    /// Once there are too many stretches, two become one.
    fn end_stretch(&mut self) {
        // The cast saturates.
        self.levels.push((self.loudest * f32::from(u16::MAX)).round() as u16);
        (self.filled, self.loudest) = (0, 0.0);
        if self.levels.len() == MOST {
            let pairs = self.levels.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0));
            self.levels = pairs.collect();
            self.stretch *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(samples: &[f32], block: usize) -> Peaks {
        let mut meter = PeakMeter::default();
        samples.chunks(block).for_each(|block| meter.push(block));
        meter.finish()
    }

    #[test]
    fn each_point_is_the_loudest_sample_of_its_part() {
        let mut samples = vec![0.0; 1600];
        (samples[0], samples[799], samples[1599]) = (0.25, -0.5, 1.0);
        let peaks = measured(&samples, 7);
        assert_eq!(peaks.samples, 1600);
        let rounded = |points: Vec<f64>| -> Vec<f64> {
            points.into_iter().map(|point| (point * 1000.0).round() / 1000.0).collect()
        };
        assert_eq!(rounded(peaks.points(2)), [0.5, 1.0]);
        assert_eq!(rounded(peaks.points(4)), [0.25, 0.5, 0.0, 1.0]);
        assert_eq!(rounded(peaks.points(1)), [1.0]);
    }

    #[test]
    fn memory_stays_bounded_and_block_sizes_do_not_matter() {
        let samples: Vec<f32> = (0..1_000_003).map(|n| (n as f32 * 0.37).sin() * n as f32 / 1e6).collect();
        let peaks = measured(&samples, 1000);
        assert_eq!(peaks, measured(&samples, 4096));
        assert!((MOST / 2..MOST).contains(&peaks.levels.len()), "{}", peaks.levels.len());
        let points = peaks.points(100);
        assert!(points.is_sorted() && points[99] > 0.99, "it grows louder: {points:?}");
    }

    #[test]
    fn there_are_as_many_points_as_asked_for_of_short_recordings() {
        for samples in [1, 15, 16, 17, 100] {
            let points = measured(&vec![0.5; samples], 3).points(4000);
            assert_eq!(points.len(), 4000);
            assert!(points.iter().all(|point| (point - 0.5).abs() < 0.001), "{samples}");
        }
    }
}
