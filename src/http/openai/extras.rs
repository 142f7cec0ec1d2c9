//! What an answer has beside the text, if it is asked for.

/// Contents of a stream beside the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extras {
    pub logprobs: Logprobs,
    /// Whether each segment is sent with its times.
    pub segments: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Logprobs {
    Included,
    #[default]
    Left,
}
