//! The eleven numbers at the head of a model file, and which of them are believed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Fault;
use super::reader::Reader;

/// How large a model is in each direction. Encoder and decoder have the same width and head count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Tokens, timestamps and language tokens included.
    pub vocabulary: i32,
    /// Positions of 20 ms that the encoder sees at once.
    pub audio_context: i32,
    pub text_context: i32,
    pub width: i32,
    pub heads: i32,
    pub encoder_layers: i32,
    pub decoder_layers: i32,
    pub mel_bands: i32,
}

impl Shape {
    pub fn multilingual(&self) -> bool {
        self.vocabulary >= 51_865
    }

    /// How many language tokens it has: 99, or 100 since large-v3. One for an English-only model.
    pub fn languages(&self) -> i32 {
        if self.multilingual() { self.vocabulary - 51_766 } else { 1 }
    }

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
}

/// How the large matrices are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightType {
    F16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

impl WeightType {
    /// By the file's number for "most tensors are of this type". f32 is none of them: on a CPU it
    /// ends in a failed assertion.
    fn from_file_type(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            7 => Self::Q8_0,
            8 => Self::Q5_0,
            9 => Self::Q5_1,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Q8_0 => "q8_0",
            Self::Q2K => "q2_k",
            Self::Q3K => "q3_k",
            Self::Q4K => "q4_k",
            Self::Q5K => "q5_k",
            Self::Q6K => "q6_k",
        }
    }
}

impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Quantisation formats are numbered: the file type is `version * 1000 + type`.
const VERSION_FACTOR: i32 = 1000;
const NEWEST_VERSION: i32 = 2;
/// Every published model has heads of this width.
const HEAD_WIDTH: i32 = 64;

pub(super) fn read(reader: &mut Reader) -> Result<(Shape, WeightType), Fault> {
    let mut number = || reader.int("the header");
    let vocabulary = number()?;
    let audio_context = number()?;
    let (audio_width, audio_heads, encoder_layers) = (number()?, number()?, number()?);
    let text_context = number()?;
    let (text_width, text_heads, decoder_layers) = (number()?, number()?, number()?);
    let mel_bands = number()?;
    let file_type = number()?;

    within("vocabulary size", vocabulary, 51_864, 51_866)?;
    within("audio context", audio_context, 1500, 1500)?;
    within("text context", text_context, 448, 448)?;
    within("width", audio_width, HEAD_WIDTH, 1280)?;
    within("decoder width", text_width, audio_width, audio_width)?;
    within("head count", audio_heads, audio_width / HEAD_WIDTH, audio_width / HEAD_WIDTH)?;
    within("decoder head count", text_heads, audio_heads, audio_heads)?;
    within("number of encoder layers", encoder_layers, 1, 32)?;
    within("number of decoder layers", decoder_layers, 1, 32)?;
    if audio_width % HEAD_WIDTH != 0 {
        return Err(Fault::Invalid(format!(
            "its width is {audio_width}, a multiple of {HEAD_WIDTH} expected"
        )));
    }
    if mel_bands != 80 && mel_bands != 128 {
        return Err(Fault::Invalid(format!("it has {mel_bands} mel bands, 80 or 128 expected")));
    }
    let shape = Shape {
        vocabulary,
        audio_context,
        text_context,
        width: audio_width,
        heads: audio_heads,
        encoder_layers,
        decoder_layers,
        mel_bands,
    };
    Ok((shape, weight_type(file_type)?))
}

fn weight_type(file_type: i32) -> Result<WeightType, Fault> {
    let (version, kind) = (file_type / VERSION_FACTOR, file_type % VERSION_FACTOR);
    if kind == 0 && file_type >= 0 {
        return Err(Fault::Invalid("its weights are f32: convert it to f16 or quantise it to q8_0".into()));
    }
    (0..=NEWEST_VERSION)
        .contains(&version)
        .then(|| WeightType::from_file_type(kind))
        .flatten()
        .ok_or_else(|| Fault::Invalid(format!("its weights are of the unknown type {file_type}")))
}

fn within(what: &str, number: i32, least: i32, most: i32) -> Result<(), Fault> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(Fault::Invalid(format!("its {what} is {number}, {expected} expected")))
}
