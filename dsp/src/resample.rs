//! Resamples one stretch of constant rate to the engine's rate, block by block.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};
use thiserror::Error;

use crate::SAMPLE_RATE;

/// Shortest block of either side, in samples. The filter is as long as a block: 1,024 samples at
/// 16 kHz leave everything below 7.6 kHz as it is.
const LEAST_BLOCK: u32 = 1024;

/// Why samples cannot be resampled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResampleError {
    #[error("a rate of {rate} Hz cannot be resampled: {detail}")]
    Rate { rate: u32, detail: String },
    #[error("resampling failed: {0}")]
    Block(String),
}

/// Samples at [`SAMPLE_RATE`], within [-1, 1], and where the first of them stands in the recording.
#[derive(Debug, Default)]
pub struct Stretch {
    pub start: u64,
    pub samples: Vec<f32>,
}

impl Stretch {
    pub fn end(&self) -> u64 {
        self.start + self.samples.len() as u64
    }

    /// Drops everything before `position`, which may be beyond the end.
    pub fn drop_before(&mut self, position: u64) {
        let count = position.saturating_sub(self.start).min(self.samples.len() as u64);
        self.samples.drain(..count as usize);
        self.start += count;
    }

    /// Drops everything from `position` on.
    pub fn drop_from(&mut self, position: u64) {
        let left = position.saturating_sub(self.start).min(self.samples.len() as u64);
        self.samples.truncate(left as usize);
    }

    fn append(&mut self, position: u64, samples: &[f32]) {
        if self.samples.is_empty() {
            self.start = position;
        }
        debug_assert_eq!(self.end(), position, "a stretch has no holes");
        // A filter overshoots where the input is cut off at full scale.
        self.samples.extend(samples.iter().map(|sample| sample.clamp(-1.0, 1.0)));
    }
}

/// Turns samples of one rate into samples at [`SAMPLE_RATE`], at the same times.
///
/// The filter's delay is taken out: sample `n` of the output belongs to the time `n / SAMPLE_RATE`,
/// and there are `round(input × SAMPLE_RATE / rate)` of them. The same input gives the same bits,
/// whatever was left out before them.
pub struct Resampler {
    rate: u32,
    /// Where the output of this stretch begins in the recording.
    base: u64,
    /// Input samples so far.
    fed: u64,
    /// Output samples so far, those left out too.
    made: u64,
    /// Output before this position of the recording may be left out.
    floor: u64,
    converter: Option<Converter>,
}

impl Resampler {
    /// A stretch of `rate` samples a second that begins at the output position `base`.
    pub fn new(rate: u32, base: u64) -> Result<Self, ResampleError> {
        let converter = if rate == SAMPLE_RATE { None } else { Some(Converter::new(rate)?) };
        Ok(Self { rate, base, fed: 0, made: 0, floor: 0, converter })
    }

    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Position in the recording of the next sample to come out.
    pub fn position(&self) -> u64 {
        self.base + self.made
    }

    /// Allows all output before `position` to be left out, and saves the work where it can.
    pub fn skip_to(&mut self, position: u64) {
        self.floor = position;
    }

    /// Takes input and appends what is ready to `out`.
    pub fn push(&mut self, input: &[f32], out: &mut Stretch) -> Result<(), ResampleError> {
        self.fed += input.len() as u64;
        if self.converter.is_none() {
            self.emit(input, out);
            return Ok(());
        }
        let mut rest = input;
        while !rest.is_empty() {
            let taken = self.fill(rest);
            rest = rest.get(taken..).unwrap_or_default();
            if self.block_is_full() {
                self.run_block(u64::MAX, out)?;
            }
        }
        Ok(())
    }

    /// Appends what the filter still holds. The stretch ends here.
    pub fn finish(&mut self, out: &mut Stretch) -> Result<(), ResampleError> {
        let total = self.total();
        while self.converter.is_some() && self.made < total {
            if let Some(converter) = &mut self.converter {
                converter.pad();
            }
            self.run_block(total, out)?;
        }
        Ok(())
    }

    fn total(&self) -> u64 {
        let (fed, rate) = (u128::from(self.fed), u128::from(self.rate));
        ((fed * u128::from(SAMPLE_RATE) + rate / 2) / rate) as u64
    }

    fn fill(&mut self, input: &[f32]) -> usize {
        self.converter.as_mut().map_or(input.len(), |converter| converter.fill(input))
    }

    fn block_is_full(&self) -> bool {
        self.converter.as_ref().is_some_and(Converter::is_full)
    }

    /// Converts the full input block. A block that is left out is still converted when the one
    /// behind it is wanted, because its tail reaches into that one.
    fn run_block(&mut self, total: u64, out: &mut Stretch) -> Result<(), ResampleError> {
        let Some(mut converter) = self.converter.take() else { return Ok(()) };
        let late = converter.take_delay();
        let fresh = (converter.output.len() - late) as u64;
        let fresh = fresh.min(total.saturating_sub(self.made)) as usize;
        let next_end = self.position() + fresh as u64 + converter.output.len() as u64;
        let converted = if next_end > self.floor { converter.convert() } else { converter.leave_out() };
        if converted.is_ok() {
            self.emit(converter.output.get(late..late + fresh).unwrap_or_default(), out);
        }
        self.converter = Some(converter);
        converted
    }

    fn emit(&mut self, samples: &[f32], out: &mut Stretch) {
        let position = self.position();
        self.made += samples.len() as u64;
        if self.position() > self.floor {
            out.append(position, samples);
        }
    }
}

/// The filter and one block of each side.
struct Converter {
    fft: Fft<f32>,
    input: Vec<f32>,
    block: usize,
    output: Vec<f32>,
    /// Output samples that stand before the first sample's time.
    delay: usize,
}

impl Converter {
    fn new(rate: u32) -> Result<Self, ResampleError> {
        let (least_in, least_out) = reduced(rate);
        // A power of two times the smallest block keeps the transforms' lengths smooth, hence fast.
        let times = LEAST_BLOCK.div_ceil(least_in.min(least_out)).next_power_of_two();
        let block = (least_in * times) as usize;
        let (from, to) = (rate as usize, SAMPLE_RATE as usize);
        let fft = Fft::new_custom(from, to, block, 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both)
            .map_err(|error| ResampleError::Rate { rate, detail: error.to_string() })?;
        let (block, delay) = (fft.input_frames_next(), fft.output_delay());
        let output = vec![0.0; fft.output_frames_next()];
        Ok(Self { fft, input: Vec::with_capacity(block), block, output, delay })
    }

    fn fill(&mut self, samples: &[f32]) -> usize {
        let count = samples.len().min(self.block - self.input.len());
        self.input.extend(samples.iter().take(count));
        count
    }

    fn is_full(&self) -> bool {
        self.input.len() == self.block
    }

    fn pad(&mut self) {
        self.input.resize(self.block, 0.0);
    }

    fn take_delay(&mut self) -> usize {
        let late = self.delay.min(self.output.len());
        self.delay -= late;
        late
    }

    fn convert(&mut self) -> Result<(), ResampleError> {
        let frames = self.output.len();
        let done = InterleavedSlice::new(&self.input, 1, self.block)
            .map_err(|error| error.to_string())
            .and_then(|input| {
                let mut output = InterleavedSlice::new_mut(&mut self.output, 1, frames)
                    .map_err(|error| error.to_string())?;
                self.fft.process_into_buffer(&input, &mut output, None).map_err(|error| error.to_string())
            });
        self.input.clear();
        done.map(|_| ()).map_err(ResampleError::Block)
    }

    fn leave_out(&mut self) -> Result<(), ResampleError> {
        self.input.clear();
        Ok(())
    }
}

/// The smallest numbers of input and output samples that last equally long.
fn reduced(rate: u32) -> (u32, u32) {
    let (mut a, mut b) = (rate, SAMPLE_RATE);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let divisor = a.max(1);
    (rate / divisor, SAMPLE_RATE / divisor)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn tone(rate: u32, hertz: f64, count: usize) -> Vec<f32> {
        (0..count).map(|n| (0.5 * (TAU * hertz * n as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    fn resample(rate: u32, input: &[f32], step: usize, floor: u64) -> Stretch {
        let mut resampler = Resampler::new(rate, 0).unwrap();
        resampler.skip_to(floor);
        let mut out = Stretch::default();
        for block in input.chunks(step) {
            resampler.push(block, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn a_tone_keeps_its_phase_and_level_at_every_rate() {
        for rate in [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000, 384_000] {
            let out = resample(rate, &tone(rate, 440.0, rate as usize), 777, 0);
            assert_eq!(out.samples.len(), 16_000, "{rate} Hz");
            let wanted = tone(16_000, 440.0, 16_000);
            let inner = 1_600..14_400;
            let worst = inner.map(|n| (out.samples[n] - wanted[n]).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-3, "{rate} Hz: off by {worst}");
        }
    }

    #[test]
    fn the_length_is_the_inputs_in_time() {
        for (rate, count, wanted) in
            [(44_100, 1, 0), (44_100, 2, 1), (48_000, 100_003, 33_334), (8_000, 5, 10)]
        {
            assert_eq!(resample(rate, &vec![0.1; count], 4_096, 0).samples.len(), wanted);
        }
    }

    #[test]
    fn the_block_size_of_the_input_changes_no_bit() {
        let input = tone(44_100, 1_000.0, 50_000);
        assert_eq!(resample(44_100, &input, 1, 0).samples, resample(44_100, &input, 9_999, 0).samples);
    }

    #[test]
    fn what_is_left_out_changes_no_bit_of_the_rest() {
        for rate in [16_000, 44_100, 48_000] {
            let input = tone(rate, 1_234.5, rate as usize * 2);
            let all = resample(rate, &input, 1_000, 0);
            for floor in [1, 500, 1_280, 20_001, 31_999] {
                let mut rest = resample(rate, &input, 1_000, floor);
                assert!(rest.start <= floor && (floor < 10_000 || rest.start > 0));
                rest.drop_before(floor);
                assert_eq!(rest.samples, all.samples[floor as usize..], "{rate} Hz from {floor}");
            }
        }
    }
}
