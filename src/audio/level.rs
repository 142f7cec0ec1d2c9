//! The level of each frame of a recording.

use super::frames::{FRAME, level};

/// Measures a stream of samples. Keeps one byte for each frame and no samples.
#[derive(Default)]
pub struct LevelMeter {
    levels: Vec<u8>,
    filled: usize,
    sum: f64,
    squares: f64,
}

impl LevelMeter {
    /// Takes samples within [-1, 1].
    pub fn push(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let (now, later) = samples.split_at((FRAME - self.filled).min(samples.len()));
            for sample in now.iter().map(|sample| f64::from(*sample)) {
                self.sum += sample;
                self.squares += sample * sample;
            }
            self.filled += now.len();
            samples = later;
            if self.filled == FRAME {
                self.end_frame();
            }
        }
    }

    /// The levels of the complete frames, see [`Frames::levels`](super::frames::Frames::levels).
    pub fn so_far(&self) -> &[u8] {
        &self.levels
    }

    /// The levels of all frames; the last one may be incomplete.
    pub fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.end_frame();
        }
        self.levels
    }

    /// A constant offset is not sound: the frame's mean is left out.
    fn end_frame(&mut self) {
        let count = self.filled as f64;
        let power = (self.squares / count - (self.sum / count).powi(2)).max(0.0);
        self.levels.push(level(10.0 * power.max(1e-15).log10()));
        (self.filled, self.sum, self.squares) = (0, 0.0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(samples: &[f32], block: usize) -> Vec<u8> {
        let mut meter = LevelMeter::default();
        samples.chunks(block).for_each(|block| meter.push(block));
        meter.finish()
    }

    #[test]
    fn a_level_is_the_rms_of_the_frame_without_its_mean() {
        let square: Vec<f32> = (0..600).map(|n| if n % 2 == 0 { 0.35 } else { 0.15 }).collect();
        assert_eq!(measure(&square, 7), [level(-20.0); 3]);
        assert_eq!(measure(&[0.5; 256], 256), [0]);
        assert_eq!(measure(&[], 1), [0; 0]);
    }

    #[test]
    fn block_sizes_do_not_change_levels() {
        let samples: Vec<f32> = (0..5_000).map(|n| (n as f32 * 0.37).sin() * n as f32 / 5_000.0).collect();
        assert_eq!(measure(&samples, 1), measure(&samples, 999));
    }
}
