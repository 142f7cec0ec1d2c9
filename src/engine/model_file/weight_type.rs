//! How a model's large matrices are stored.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the large matrices are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightType {
    F32,
    F16,
    /// In CTranslate2 folders only, like the two that follow.
    Bf16,
    Int16,
    Int8,
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
    /// Whether a ggml file with such weights can be converted for CTranslate2.
    pub fn converts(self) -> bool {
        match self {
            Self::F32 | Self::F16 | Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => true,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K => false,
            Self::Bf16 | Self::Int16 | Self::Int8 => false,
        }
    }

    /// By a ggml file's number for "most tensors are of this type".
    pub(super) fn from_file_type(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
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

    /// Whether whisper.cpp runs a ggml file with such weights. It aborts on f32: an assertion about its
    /// convolutions fails on a CPU.
    pub fn whisper_cpp_reads(self) -> bool {
        match self {
            Self::F32 | Self::Bf16 | Self::Int16 | Self::Int8 => false,
            Self::F16
            | Self::Q4_0
            | Self::Q4_1
            | Self::Q5_0
            | Self::Q5_1
            | Self::Q8_0
            | Self::Q2K
            | Self::Q3K
            | Self::Q4K
            | Self::Q5K
            | Self::Q6K => true,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int16 => "int16",
            Self::Int8 => "int8",
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
