//! An entry of `[[devices]]`.

use serde::Deserialize;

/// One of several devices that the service runs models on at the same time. What it leaves out is as in `[engine]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub name: String,
    pub use_gpu: Option<bool>,
    pub gpu_device: Option<u32>,
    pub threads: Option<u32>,
    pub memory_limit_bytes: Option<u64>,
    /// Names of the models that it runs; empty: all.
    #[serde(default)]
    pub models: Vec<String>,
}
