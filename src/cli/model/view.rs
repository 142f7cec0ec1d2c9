//! The model's status as the server shows it, as far as this side looks at it.

use serde::Deserialize;

use crate::client::ErrorSeen;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct StatusSeen {
    pub(super) state: String,
    pub(super) model: Option<Facts>,
    #[serde(default)]
    pub(super) models: Vec<Known>,
    pub(super) device: Option<Device>,
    pub(super) memory: Memory,
    pub(super) idle: Idle,
    pub(super) waiting: Option<Waiting>,
    pub(super) error: Option<ErrorSeen>,
    pub(super) since: String,
    pub(super) held_until: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Facts {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) bytes: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) default: bool,
    pub(super) state: String,
    pub(super) error: Option<ErrorSeen>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Device {
    pub(super) backend: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Memory {
    pub(super) total_bytes: u64,
    pub(super) free_bytes: u64,
    pub(super) used_by_model_bytes: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Idle {
    pub(super) for_secs: Option<f64>,
    pub(super) unloads_at: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Waiting {
    pub(super) needed_bytes: u64,
    pub(super) free_bytes: u64,
    pub(super) attempts: u64,
    pub(super) next_retry_at: String,
}

impl StatusSeen {
    /// Of the model with a name, or of the default one.
    pub(super) fn known(&self, name: Option<&str>) -> Option<&Known> {
        self.models.iter().find(|known| match name {
            Some(name) => known.id == name,
            None => known.default,
        })
    }
}
