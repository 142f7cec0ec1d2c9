//! The number type of CTranslate2: a setting, and a part of the engine's configuration.

use serde::{Deserialize, Serialize};

/// The type that CTranslate2 computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComputeType {
    /// int8 on a CPU, float16 on a GPU.
    Auto,
    Int8,
    Int8Float32,
    Int8Float16,
    Int16,
    Float16,
    Bfloat16,
    Float32,
}
