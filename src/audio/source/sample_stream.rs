//! What every decoder gives: samples, and what is doubtful about them.

use actors::ports::AudioError;

/// A recording's samples, in order, with memory that does not grow with its length.
pub trait SampleStream: Send {
    /// Replaces `mono` by the next samples and gives their rate in Hz, or `None` at the end. Samples are
    /// finite and within [-1, 1]. A recording without a single one is an error.
    fn next_block(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError>;

    /// What was odd so far, one sentence each; complete once the end was reached, or [`SampleStream::enough`] was called.
    fn warnings(&self) -> Vec<String>;

    /// No more samples are wanted: what comes behind is not missing.
    fn enough(&mut self) -> Result<(), AudioError>;

    /// The most channels that it had so far.
    fn channels(&self) -> usize;

    /// Why another decoder may make more of the recording, if it may; known once the end was reached.
    fn doubt(&self) -> Option<Doubt>;
}

/// What is wrong with a decoded recording, and perhaps the decoder's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It ends where it should not.
    Short,
    /// Many of its packets could not be decoded.
    Undecodable,
}
