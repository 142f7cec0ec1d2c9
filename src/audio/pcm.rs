//! A recording as input of the engine: one stream of samples at 16 kHz, read forward.

use actors::domain::audio::Span;
use actors::ports::{AudioError, CancelToken};

use super::resample::{Resampler, Stretch};
use super::sample_stream::{Doubt, SampleStream};

/// Decoded and resampled samples, a block at a time. A change of rate on the way (as between the
/// links of a chained stream) starts a new resampler; times go on.
pub struct Pcm {
    stream: Box<dyn SampleStream>,
    resampler: Option<Resampler>,
    mono: Vec<f32>,
    ready: Stretch,
    floor: u64,
    ended: bool,
    cancel: CancelToken,
}

impl Pcm {
    pub fn new(stream: Box<dyn SampleStream>, cancel: CancelToken) -> Self {
        let (mono, ready) = (Vec::new(), Stretch::default());
        Self { stream, resampler: None, mono, ready, floor: 0, ended: false, cancel }
    }

    /// The next samples in order; an empty slice is not the end, `None` is.
    ///
    /// # Blocking
    /// Decodes one packet.
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, AudioError> {
        self.ready.drop_before(self.ready.end());
        if self.ended {
            return Ok(None);
        }
        self.advance()?;
        Ok(Some(&self.ready.samples))
    }

    /// The samples of one span. What lies before it is decoded but not resampled. A span may overlap the one that was
    /// read before it, but not start before that one: the samples of the last span stay in memory until the next read.
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
        self.resampler.as_ref().map_or(0, Resampler::position)
    }

    /// The recording's length once its end was reached. So few samples at so high a rate that they
    /// are not one at 16 kHz are none.
    pub fn position_or_none(&self) -> Result<u64, AudioError> {
        match self.position() {
            0 => Err(AudioError::NoSamples),
            samples => Ok(samples),
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
        match &mut self.resampler {
            Some(resampler) => resampler.push(&self.mono, &mut self.ready),
            None => Ok(()),
        }
    }

    fn change_rate(&mut self, rate: u32) -> Result<(), AudioError> {
        if let Some(last) = &mut self.resampler {
            last.finish(&mut self.ready)?;
        }
        let mut fresh = Resampler::new(rate, self.position())?;
        fresh.skip_to(self.floor);
        self.resampler = Some(fresh);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        self.ended = true;
        match &mut self.resampler {
            Some(resampler) => resampler.finish(&mut self.ready),
            None => Ok(()),
        }
    }
}
