//! The models that there are to choose from.

/// What clients of the OpenAI API call their models: each stands for the default one.
pub const ALIASES: [&str; 5] = [
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
];

/// A model's number, in the settings' order; 0 is the default one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelNo(pub usize);
