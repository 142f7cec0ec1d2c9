//! How large a model is, and which sizes are accepted.

use serde::{Deserialize, Serialize};

use super::error::Fault;

/// How large a model is in each direction. Encoder and decoder have the same width and head count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Tokens, timestamps and language tokens included.
    pub vocabulary: i32,
    /// Positions of 20 ms in one window of the encoder.
    pub audio_context: i32,
    pub text_context: i32,
    pub width: i32,
    pub heads: i32,
    pub encoder_layers: i32,
    pub decoder_layers: i32,
    pub mel_bands: i32,
}

/// Every published model has heads of this width.
const HEAD_WIDTH: i32 = 64;

impl Shape {
    pub fn multilingual(&self) -> bool {
        self.vocabulary >= 51_865
    }

    /// How many languages it transcribes: 99, or 100 since large-v3. One for an English-only model.
    pub fn languages(&self) -> i32 {
        if self.multilingual() { self.vocabulary - 51_766 } else { 1 }
    }

    /// "tiny" to "large-v3-turbo" where the shape is a published one, otherwise "custom".
    pub fn family(&self) -> &'static str {
        match (self.width, self.encoder_layers, self.decoder_layers) {
            (384, 4, 4) => "tiny",
            (512, 6, 6) => "base",
            (768, 12, 12) => "small",
            (768, 12, 4) => "distil-small",
            (1024, 24, 24) => "medium",
            (1024, 24, 2) => "distil-medium",
            (1280, 32, 32) if self.mel_bands == 128 => "large-v3",
            (1280, 32, 32) => "large",
            (1280, 32, 4) => "large-v3-turbo",
            (1280, 32, 2) => "distil-large",
            _ => "custom",
        }
    }

    /// Refuses sizes that no Whisper model has, before anything is computed from them.
    pub(super) fn check(self) -> Result<Self, Fault> {
        within("vocabulary size", self.vocabulary, 51_864, 51_866)?;
        within("audio context", self.audio_context, 1500, 1500)?;
        within("text context", self.text_context, 448, 448)?;
        within("width", self.width, HEAD_WIDTH, 1280)?;
        within("head count", self.heads, self.width / HEAD_WIDTH, self.width / HEAD_WIDTH)?;
        within("number of encoder layers", self.encoder_layers, 1, 32)?;
        within("number of decoder layers", self.decoder_layers, 1, 32)?;
        if self.width % HEAD_WIDTH != 0 {
            return Err(Fault::Invalid(format!(
                "its width is {}, a multiple of {HEAD_WIDTH} expected",
                self.width
            )));
        }
        if self.mel_bands != 80 && self.mel_bands != 128 {
            return Err(Fault::Invalid(format!("it has {} mel bands, 80 or 128 expected", self.mel_bands)));
        }
        Ok(self)
    }
}

pub(super) fn within(what: &str, number: i32, least: i32, most: i32) -> Result<(), Fault> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(Fault::Invalid(format!("its {what} is {number}, {expected} expected")))
}
