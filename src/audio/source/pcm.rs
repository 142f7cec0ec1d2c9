//! A recording as input of the engine: one stream of samples at 16 kHz, read forward.

use actors::domain::audio::Span;
use actors::domain::jobs::selection::Selection;
use actors::ports::{AudioError, CancelToken};
use dsp::{ResampleError, Resampler, Stretch};

use super::sample_stream::{Doubt, SampleStream};

/// Decoded and resampled samples, a block at a time. A change of rate on the way (as between the
/// links of a chained stream) starts a new resampler; times continue.
pub struct Pcm {
    stream: Box<dyn SampleStream>,
    resampler: Option<Resampler>,
    mono: Vec<f32>,
    ready: Stretch,
    floor: u64,
    /// Where what is wanted begins and ends.
    start: u64,
    end: u64,
    ended: bool,
    cancel: CancelToken,
}

impl Pcm {
    /// Samples of the selected range, at their places in the recording.
    pub fn new(stream: Box<dyn SampleStream>, selection: &Selection, cancel: CancelToken) -> Self {
        let (mono, ready) = (Vec::new(), Stretch::default());
        let (start, end) = (selection.start, selection.end.unwrap_or(u64::MAX));
        Self { stream, resampler: None, mono, ready, floor: start, start, end, ended: false, cancel }
    }

    /// The next samples of the range in order; an empty slice is not the end, `None` is.
    ///
    /// # Blocking
    /// Decodes one packet.
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, AudioError> {
        self.ready.drop_before(self.ready.end());
        if self.ended {
            return Ok(None);
        }
        self.advance()?;
        self.ready.drop_before(self.start);
        Ok(Some(&self.ready.samples))
    }

    /// The samples of one span. What lies before it is decoded but not resampled. A span may overlap the previous
    /// one, but not start before it: the samples of the last span stay in memory until the next read.
    ///
    /// # Blocking
    /// Decodes everything up to the span's end.
    pub fn read(&mut self, span: Span) -> Result<Vec<f32>, AudioError> {
        self.floor = span.start;
        if let Some(resampler) = &mut self.resampler {
            resampler.skip_to(span.start);
        }
        self.ready.drop_before(span.start);
        while self.position() < span.end && !self.ended {
            self.advance()?;
            self.ready.drop_before(span.start);
        }
        let wanted = span.end.saturating_sub(self.ready.start).min(self.ready.samples.len() as u64);
        Ok(self.ready.samples.get(..wanted as usize).unwrap_or_default().to_vec())
    }

    /// Samples that came out so far, those that were skipped too.
    pub fn position(&self) -> u64 {
        self.resampler.as_ref().map_or(0, Resampler::position).min(self.end)
    }

    /// Where the range ends, once its end was reached. So few samples at so high a rate that they
    /// are not one at 16 kHz are none.
    pub fn position_or_none(&self) -> Result<u64, AudioError> {
        match self.position() {
            0 => Err(AudioError::NoSamples),
            end if end <= self.start => Err(AudioError::StartsPastEnd { start: self.start, end }),
            end => Ok(end),
        }
    }

    /// See [`SampleStream::warnings`].
    pub fn warnings(&self) -> Vec<String> {
        self.stream.warnings()
    }

    /// See [`SampleStream::channels`].
    pub fn channels(&self) -> usize {
        self.stream.channels()
    }

    /// See [`SampleStream::doubt`].
    pub fn doubt(&self) -> Option<Doubt> {
        self.stream.doubt()
    }

    fn advance(&mut self) -> Result<(), AudioError> {
        if self.cancel.is_cancelled() {
            return Err(AudioError::Cancelled);
        }
        let Some(rate) = self.stream.next_block(&mut self.mono)? else { return self.finish() };
        if self.resampler.as_ref().is_none_or(|resampler| resampler.rate() != rate) {
            self.change_rate(rate)?;
        }
        if let Some(resampler) = &mut self.resampler {
            resampler.push(&self.mono, &mut self.ready).map_err(audio_error)?;
        }
        if self.position() < self.end {
            return Ok(());
        }
        self.ended = true;
        self.ready.drop_from(self.end);
        self.stream.enough()
    }

    fn change_rate(&mut self, rate: u32) -> Result<(), AudioError> {
        if let Some(last) = &mut self.resampler {
            last.finish(&mut self.ready).map_err(audio_error)?;
        }
        let mut fresh = Resampler::new(rate, self.position()).map_err(audio_error)?;
        fresh.skip_to(self.floor);
        self.resampler = Some(fresh);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        self.ended = true;
        if let Some(resampler) = &mut self.resampler {
            resampler.finish(&mut self.ready).map_err(audio_error)?;
        }
        self.ready.drop_from(self.end);
        Ok(())
    }
}

fn audio_error(error: ResampleError) -> AudioError {
    match error {
        ResampleError::Rate { .. } => AudioError::Unsupported(error.to_string()),
        ResampleError::Block(_) => AudioError::Corrupt(error.to_string()),
    }
}
