//! The settings as types. What each key means stands in `config/default.toml`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use actors::domain::model::stay::Stay;
use actors::domain::services::Role;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::device::Device;
use super::model_entry::ModelEntry;
use crate::compute_type::ComputeType;
use crate::telemetry::LogFormat;

/// Every setting, checked. `config/default.toml` has a value for each, so none is optional but the list of devices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub server: Server,
    pub limits: Limits,
    pub storage: Storage,
    pub node: Node,
    pub model: Model,
    /// Beside that one, by name.
    pub models: BTreeMap<String, ModelEntry>,
    pub engine: Engine,
    /// Empty: the one of `engine`.
    #[serde(default)]
    pub devices: Vec<Device>,
    pub gpu: Gpu,
    pub jobs: Jobs,
    pub audio: Audio,
    pub decode: Decode,
    pub auth: Auth,
    pub webhooks: Webhooks,
    pub fetch: Fetch,
    pub openai: OpenAi,
    pub wyoming: Wyoming,
    pub log: Log,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub max_upload_bytes: u64,
    pub shutdown_secs: u64,
    pub keep_alive_secs: u64,
    pub allowed_hosts: Vec<String>,
    pub cors_origins: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// 0: no limit.
    pub requests_per_minute: u32,
    pub min_upload_bytes_per_sec: u64,
    pub max_event_streams: u64,
    /// 0: as many as of all callers.
    pub max_event_streams_per_caller: u64,
    pub stalled_client_secs: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    pub dir: PathBuf,
    /// Empty: SQLite in `dir`.
    pub url: SecretString,
    /// Empty: in `dir`.
    pub blobs: String,
    pub cache_bytes: u64,
    /// 0: for ever.
    pub keep_days: u32,
}

impl Storage {
    /// The URL of the PostgreSQL database, with its password; `None` for SQLite in `dir`.
    pub fn postgres(&self) -> Option<&str> {
        Some(self.url.expose_secret()).filter(|url| !url.is_empty())
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Empty: the name of the machine.
    pub name: String,
    pub role: Role,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Empty: `name` in `dir`.
    pub path: PathBuf,
    pub name: String,
    pub dir: PathBuf,
    pub source_url: String,
    pub hub_url: String,
    pub auto_pull: bool,
    /// 0: at once, -1: never.
    pub idle_timeout_secs: i64,
    pub gpu_poll_interval_secs: u64,
    pub unload_hold_secs: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub isolation: Isolation,
    pub backend: Backend,
    pub compute_type: ComputeType,
    /// 0: by the device.
    pub batch_size: u32,
    pub workers: u32,
    /// 0: all physical cores.
    pub threads: u32,
    /// 0: no limit.
    pub memory_limit_bytes: u64,
    pub hang_secs: u64,
    pub use_gpu: bool,
    pub gpu_device: u32,
    pub flash_attn: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    Process,
    Thread,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    Auto,
    Ctranslate2,
    WhisperCpp,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// 0: never.
    pub yield_below_free_bytes: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    pub max_queued: u64,
    pub on_model_failed: OnModelFailed,
    pub reuse_results: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnModelFailed {
    Wait,
    Fail,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audio {
    pub ffmpeg: Ffmpeg,
    pub channels: Channels,
    /// Empty: none.
    pub vad_model: PathBuf,
    pub max_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ffmpeg {
    Auto,
    Off,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    Mix,
    Split,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decode {
    pub entropy_thold: f32,
    pub loop_entropy: f32,
    pub no_speech_thold: f32,
    pub logprob_thold: f32,
    pub beam_size: u32,
    pub best_of: u32,
    pub max_decodes: u32,
    pub unvoiced_logprob_thold: f32,
    pub doubtful_no_speech_thold: f32,
    pub suppress_non_speech: bool,
    pub condition_on_previous: bool,
    /// Empty: any.
    pub languages: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub mode: AuthMode,
    pub keys: Vec<SecretString>,
    /// Empty: none.
    pub keys_file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    None,
    Keys,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Empty: none was given.
    pub secret: SecretString,
    pub allow_private: bool,
    pub allow: Vec<String>,
    pub timeout_secs: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    pub timeout_secs: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAi {
    pub wait_secs: u64,
    pub on_disconnect: OnDisconnect,
    /// 0: not at all.
    pub join_secs: u64,
    pub early_headers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    Cancel,
    Keep,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wyoming {
    /// 0: off.
    pub port: u16,
    /// Empty: not set.
    pub owner: String,
    pub max_connections: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

impl Server {
    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.as_str();
        host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback())
    }
}

impl Settings {
    /// The model's id and its file, whether or not that exists. The id is `model.name`, or the stem
    /// of `model.path` without a leading "ggml-".
    pub fn model_file(&self) -> (String, PathBuf) {
        match self.default_entry() {
            Some((name, entry)) => (name.clone(), entry.path().to_owned()),
            None => self.model.file(),
        }
    }

    /// The entry of `models` that `model.name` names.
    pub fn default_entry(&self) -> Option<(&String, &ModelEntry)> {
        self.models.get_key_value(&self.model.name).filter(|_| self.model.path.as_os_str().is_empty())
    }

    /// Every model's id and file, the default one first.
    pub fn model_files(&self) -> Vec<(String, PathBuf)> {
        let default = self.model_file();
        let others = self.models.iter().filter(|(name, _)| **name != default.0);
        let others = others.map(|(name, entry)| (name.clone(), entry.path().to_owned())).collect::<Vec<_>>();
        std::iter::once(default).chain(others).collect()
    }
}

impl Model {
    fn file(&self) -> (String, PathBuf) {
        if self.path.as_os_str().is_empty() {
            return (self.name.clone(), self.file_of(&self.name));
        }
        (id_of(&self.path), self.path.clone())
    }

    /// Where a model of that name is: a CTranslate2 folder of the name, else `ggml-<name>.bin`. Names of faster-whisper's
    /// folders stand for folders before those are there.
    fn file_of(&self, name: &str) -> PathBuf {
        let folder = self.dir.join(name);
        if name.starts_with("faster-") || folder.is_dir() {
            return folder;
        }
        self.dir.join(format!("ggml-{name}.bin"))
    }

    /// How long the model stays loaded without work.
    pub fn idle_timeout(&self) -> Stay {
        // The checks have let through nothing else.
        Stay::try_from(self.idle_timeout_secs).unwrap_or(Stay::Forever)
    }
}

fn id_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    match stem.strip_prefix("ggml-") {
        Some(name) if !name.is_empty() => name.to_owned(),
        Some(_) | None => stem.into_owned(),
    }
}
