//! From settings to what the rooms are built with: the one place that uses both. The rooms do not
//! depend on settings, and the service and `verbatim transcribe` run the same engine.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::language::Language;
use actors::domain::model::lifecycle::Policy;
use actors::domain::model::models::ModelNo;
use actors::domain::webhook::Secret;
use actors::job::{JobSettings, OnModelFailed};
use actors::ports::{Engine, MemoryProbe, VoiceDetector};
use actors::pull::Pulled;
use secrecy::ExposeSecret;
use thiserror::Error;

use crate::audio::{AudioSettings, Channels, Ffmpeg, NoFfmpeg, PlanSettings};
use crate::auth::{self, Caller, Keys, KeysFileError, Sites};
use crate::engine::{
    BackendChoice, BadVadModel, DecodeConfig, EngineConfig, ModelHeader, ProcessEngine, Silero, ThreadEngine,
};
use crate::http::{Node, Rates, Streams, WaitPolicy};
use crate::memory::{self, Place};
use crate::models::{Catalog, PullConfig, Shelf};
use crate::outgoing::{AddressRules, BadAllowEntry, tls};
use crate::settings::{self, AuthMode, Isolation, Settings};
use crate::store::{BadBlobPlace, BlobPlace, BucketConfig};
use crate::webhook::WebhookConfig;
use crate::wyoming;

/// The engines of all models that the settings name, the default one's first, whether or not their files are
/// there. `memory` is that of the device that they will run on.
///
/// # Errors
/// The path of this program, whose hidden command the engine's process is, cannot be found out.
pub fn engines(settings: &Settings, memory: &Arc<dyn MemoryProbe>) -> io::Result<Vec<Arc<dyn Engine>>> {
    let default = engine_config(settings);
    let configs = settings.model_files().into_iter().map(|(model_id, model_path)| EngineConfig {
        model_id,
        model_path,
        ..default.clone()
    });
    configs.map(|config| engine_of(settings, config, memory.clone())).collect()
}

/// The engine of the default model.
///
/// # Errors
/// As [`engines`].
pub fn engine(settings: &Settings, memory: Arc<dyn MemoryProbe>) -> io::Result<Arc<dyn Engine>> {
    engine_of(settings, engine_config(settings), memory)
}

fn engine_of(
    settings: &Settings,
    config: EngineConfig,
    memory: Arc<dyn MemoryProbe>,
) -> io::Result<Arc<dyn Engine>> {
    Ok(match settings.engine.isolation {
        Isolation::Process => Arc::new(ProcessEngine::new(config, memory)?),
        Isolation::Thread => Arc::new(ThreadEngine::new(config, memory)),
    })
}

/// The memory of the device that the model will run on.
pub fn memory(settings: &Settings) -> Arc<dyn MemoryProbe> {
    memory::probe(memory_place(settings), engine_config(settings).memory_limit_bytes)
}

/// Where that memory is.
pub fn memory_place(settings: &Settings) -> Place {
    let config = engine_config(settings);
    match config.gpu_backend() {
        Some("cuda") => Place::NvidiaGpu(config.gpu_device),
        Some(_) | None => Place::Machine,
    }
}

pub fn engine_config(settings: &Settings) -> EngineConfig {
    let (model_id, model_path) = settings.model_file();
    let engine = &settings.engine;
    EngineConfig {
        model_path,
        model_id,
        backend: match engine.backend {
            settings::Backend::Auto => BackendChoice::Auto,
            settings::Backend::Ctranslate2 => BackendChoice::Ctranslate2,
            settings::Backend::WhisperCpp => BackendChoice::WhisperCpp,
        },
        compute_type: engine.compute_type,
        batch_size: count(engine.batch_size),
        threads: count(engine.threads),
        concurrent_chunks: count(engine.workers),
        use_gpu: engine.use_gpu,
        gpu_device: engine.gpu_device,
        flash_attn: engine.flash_attn,
        memory_limit_bytes: (engine.memory_limit_bytes > 0).then_some(engine.memory_limit_bytes),
        longest_silence: Duration::from_secs(engine.hang_secs),
        decode: decode(&settings.decode),
    }
}

fn decode(settings: &settings::Decode) -> DecodeConfig {
    DecodeConfig {
        entropy_thold: settings.entropy_thold,
        loop_entropy: settings.loop_entropy,
        logprob_thold: settings.logprob_thold,
        no_speech_thold: settings.no_speech_thold,
        beam_size: settings.beam_size,
        best_of: settings.best_of,
        max_decodes: settings.max_decodes,
        unvoiced_logprob_thold: settings.unvoiced_logprob_thold,
        doubtful_no_speech_thold: settings.doubtful_no_speech_thold,
        suppress_non_speech: settings.suppress_non_speech,
    }
}

/// How recordings are decoded and cut.
///
/// # Errors
/// ffmpeg is required and not there, or the detector's model is not valid.
///
/// # Blocking
/// Where ffmpeg is required or a model named, until they were tried.
pub fn audio(settings: &Settings) -> Result<AudioSettings, BadAudioSettings> {
    let max_secs = settings.audio.max_secs;
    let channels = match settings.audio.channels {
        settings::Channels::Mix => Channels::Mix,
        settings::Channels::Split => Channels::Split,
    };
    let ffmpeg = match settings.audio.ffmpeg {
        settings::Ffmpeg::Off => None,
        settings::Ffmpeg::Auto | settings::Ffmpeg::Required => Some(Ffmpeg::look(max_secs)),
    };
    if let (settings::Ffmpeg::Required, Some(ffmpeg)) = (settings.audio.ffmpeg, &ffmpeg) {
        ffmpeg.installed().map_err(Clone::clone)?;
    }
    let vad_model = &settings.audio.vad_model;
    let voices: Option<Arc<dyn VoiceDetector>> = if vad_model.as_os_str().is_empty() {
        None
    } else {
        Some(Arc::new(Silero::open(vad_model.clone())?))
    };
    Ok(AudioSettings { max_secs, plan: PlanSettings::default(), channels, ffmpeg, voices })
}

/// Why recordings cannot be decoded as the settings demand.
#[derive(Debug, Error)]
pub enum BadAudioSettings {
    #[error(transparent)]
    Ffmpeg(#[from] NoFfmpeg),
    #[error(transparent)]
    VadModel(#[from] BadVadModel),
}

pub fn policy(settings: &Settings) -> Policy {
    let model = &settings.model;
    Policy {
        idle_timeout: model.idle_timeout(),
        poll_interval: Duration::from_secs(model.gpu_poll_interval_secs),
        unload_hold: Duration::from_secs(model.unload_hold_secs),
        yield_below_free_bytes: (settings.gpu.yield_below_free_bytes > 0)
            .then_some(settings.gpu.yield_below_free_bytes),
    }
}

/// Where models are downloaded from, and where to.
pub fn pull_config(settings: &Settings) -> PullConfig {
    let model = &settings.model;
    PullConfig {
        dir: model.dir.clone(),
        source_url: model.source_url.clone(),
        hub_url: model.hub_url.clone(),
        catalog: Catalog::PUBLISHED,
        roots: tls::system_roots,
    }
}

/// The models folder and the catalogue.
pub fn shelf(settings: &Settings) -> Shelf {
    Shelf::new(pull_config(settings), |path| ModelHeader::read(path).ok().map(|header| header.multilingual()))
}

/// The models that can be downloaded: those whose file or folder is where a download of the catalogue puts it.
pub fn pulled(settings: &Settings) -> Vec<Pulled> {
    let PullConfig { dir, catalog, .. } = pull_config(settings);
    let files = settings.model_files().into_iter().enumerate();
    let known = files.filter_map(|(number, (_, path))| {
        let known = catalog.models().find(|model| model.path(&dir) == path)?;
        Some(Pulled { model: ModelNo(number), name: known.name.to_owned() })
    });
    known.collect()
}

/// # Errors
/// An entry of `webhooks.allow` that the settings' own check let through.
pub fn webhooks(settings: &Settings) -> Result<WebhookConfig, BadAllowEntry> {
    let webhooks = &settings.webhooks;
    let secret = webhooks.secret.expose_secret();
    Ok(WebhookConfig {
        secret: (!secret.is_empty()).then(|| Secret::new(secret)),
        rules: AddressRules::new(webhooks.allow_private, &webhooks.allow)?,
        timeout: Duration::from_secs(webhooks.timeout_secs),
    })
}

/// The names that the service answers to, and the pages that may call it.
pub fn sites(settings: &Settings) -> Sites {
    let server = &settings.server;
    Sites { hosts: server.allowed_hosts.clone(), origins: server.cors_origins.clone() }
}

/// The keys that callers need, of the settings and of their file; `None` where everyone may call.
///
/// # Errors
/// The file of keys cannot be read, or holds what is not a key.
///
/// # Blocking
/// Reads a small file.
pub fn keys(settings: &Settings) -> Result<Option<Keys>, KeysFileError> {
    let auth = &settings.auth;
    match auth.mode {
        AuthMode::None => Ok(None),
        AuthMode::Keys => {
            let entries = auth.keys.iter().map(ExposeSecret::expose_secret);
            // The checks have let through nothing that is not a key. A list without keys accepts no request.
            let keys = Keys::parse(entries).unwrap_or_default();
            let path = &auth.keys_file;
            let in_file = if path.as_os_str().is_empty() { Keys::default() } else { auth::read(path)? };
            Ok(Some(keys.and(in_file)))
        }
    }
}

/// How calls of the OpenAI-compatible routes wait.
pub fn wait_policy(settings: &Settings) -> WaitPolicy {
    let openai = &settings.openai;
    WaitPolicy {
        wait: Duration::from_secs(openai.wait_secs),
        keep: openai.on_disconnect == settings::OnDisconnect::Keep,
        begins_early: openai.early_headers,
        join: Duration::from_secs(openai.join_secs),
    }
}

/// The settings of the Wyoming port; `None` if it is off.
pub fn wyoming(settings: &Settings) -> Option<wyoming::WyomingConfig> {
    let wyoming = &settings.wyoming;
    (wyoming.port != 0).then(|| wyoming::WyomingConfig {
        caller: match settings.auth.mode {
            AuthMode::None => Caller::anyone(),
            AuthMode::Keys => Caller::acting_for(wyoming.owner.trim().to_owned()),
        },
        max_connections: count(wyoming.max_connections),
        idle_limit: Duration::from_secs(settings.limits.stalled_client_secs),
    })
}

/// How much callers may ask; `None`: as much as they like.
pub fn rates(settings: &Settings) -> Option<Rates> {
    NonZeroU32::new(settings.limits.requests_per_minute).map(Rates::per_minute)
}

pub fn streams(settings: &Settings) -> Streams {
    let of_each = settings.limits.max_event_streams_per_caller;
    Streams::at_most(settings.limits.max_event_streams, (of_each > 0).then_some(of_each))
}

/// Where recordings are kept, and what a bucket needs.
///
/// # Errors
/// `storage.blobs` is not an address of recordings.
pub fn blobs(settings: &Settings) -> Result<(BlobPlace, BucketConfig), BadBlobPlace> {
    let storage = &settings.storage;
    let config = BucketConfig { tls: tls::client_config, cache_bytes: storage.cache_bytes };
    Ok((BlobPlace::parse(&storage.blobs)?, config))
}

/// How long ended jobs are kept; `None`: for ever.
pub fn retention(settings: &Settings) -> Option<Duration> {
    let days = u64::from(settings.storage.keep_days);
    (days > 0).then(|| Duration::from_secs(days * 86_400))
}

/// The languages that a recording may be in, where the job names none; empty: any.
pub fn languages(settings: &Settings) -> Vec<Language> {
    // The checks have let through nothing else.
    settings.decode.languages.iter().filter_map(|code| code.parse().ok()).collect()
}

/// This service among those that share its database.
pub fn node(settings: &Settings) -> Node {
    let machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = Some(settings.node.name.clone()).filter(|name| !name.is_empty()).unwrap_or_else(machine);
    Node { name, role: settings.node.role }
}

pub fn job_settings(settings: &Settings) -> JobSettings {
    // Where there are several devices, each has its own.
    let runs_jobs = settings.node.role.runs_jobs() && settings.devices.is_empty();
    JobSettings {
        workers: if runs_jobs { count(settings.engine.workers) } else { 0 },
        max_queued: settings.jobs.max_queued,
        reuse_results: settings.jobs.reuse_results,
        on_model_failed: match settings.jobs.on_model_failed {
            settings::OnModelFailed::Wait => OnModelFailed::Wait,
            settings::OnModelFailed::Fail => OnModelFailed::Fail,
        },
        languages: languages(settings),
        condition_on_previous: settings.decode.condition_on_previous,
    }
}

/// Settings count in 32 bits; no platform that this runs on has fewer in a `usize`.
fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use actors::domain::model::stay::Stay;

    use super::*;

    fn with(env: &[(&str, &str)]) -> Settings {
        let env: BTreeMap<_, _> = env.iter().map(|(key, value)| (key.into(), value.into())).collect();
        let sources = settings::Sources {
            config_file: None,
            env,
            place: settings::Place::working_folder("nowhere"),
            overrides: Default::default(),
        };
        settings::load(&sources).unwrap().settings
    }

    #[test]
    fn the_default_settings_are_the_rooms_own_defaults() {
        let settings = with(&[]);
        let config = engine_config(&settings);
        assert_eq!(config, EngineConfig::new("models/ggml-base.bin", "base"));
        let (webhooks, default) = (webhooks(&settings).unwrap(), WebhookConfig::default());
        assert_eq!(webhooks.secret, None);
        assert_eq!((webhooks.timeout, webhooks.rules), (default.timeout, default.rules));
        assert_eq!(audio(&settings).unwrap().plan, PlanSettings::default());
    }

    #[test]
    fn a_limit_of_zero_is_off_and_idle_minus_one_is_never() {
        assert_eq!(engine_config(&with(&[])).memory_limit_bytes, None);
        let limited = with(&[("VERBATIM__ENGINE__MEMORY_LIMIT_BYTES", "5000000000")]);
        assert_eq!(engine_config(&limited).memory_limit_bytes, Some(5_000_000_000));
        assert_eq!(policy(&with(&[("IDLE_TIMEOUT_SECS", "-1")])).idle_timeout, Stay::Forever);
        assert_eq!(policy(&with(&[("IDLE_TIMEOUT_SECS", "0")])).idle_timeout, Stay::NOT_AT_ALL);
    }

    #[test]
    fn models_are_downloaded_to_where_the_settings_look_for_them() {
        let names = |env: &[(&str, &str)]| {
            pulled(&with(env)).into_iter().map(|pulled| (pulled.model.0, pulled.name)).collect::<Vec<_>>()
        };
        let folder = ("VERBATIM__MODEL__NAME", "faster-whisper-base");
        assert_eq!(names(&[folder]), [(0, "faster-whisper-base".to_owned())]);
        let more = [("VERBATIM__MODEL__NAME", "mine"), ("VERBATIM__MODELS__BIG", "models/ggml-large-v3.bin")];
        assert_eq!(names(&more), [(1, "large-v3".to_owned())]);
        assert_eq!(names(&[("VERBATIM__MODEL__PATH", "/elsewhere/ggml-base.bin")]), []);
    }

    #[test]
    fn an_idle_model_yields_only_where_the_settings_say_when() {
        assert_eq!(policy(&with(&[])).yield_below_free_bytes, None);
        let yielding = with(&[("VERBATIM__GPU__YIELD_BELOW_FREE_BYTES", "2000000000")]);
        assert_eq!(policy(&yielding).yield_below_free_bytes, Some(2_000_000_000));
    }

    #[test]
    fn every_setting_of_the_engine_reaches_it() {
        let config = engine_config(&with(&[
            ("VERBATIM__MODEL__PATH", "/m/ggml-tiny.bin"),
            ("VERBATIM__ENGINE__THREADS", "3"),
            ("VERBATIM__ENGINE__WORKERS", "2"),
            ("VERBATIM__ENGINE__USE_GPU", "false"),
            ("VERBATIM__ENGINE__GPU_DEVICE", "1"),
            ("VERBATIM__ENGINE__FLASH_ATTN", "true"),
            ("VERBATIM__DECODE__BEAM_SIZE", "5"),
            ("VERBATIM__DECODE__LOOP_ENTROPY", "3.1"),
        ]));
        assert_eq!(
            (config.model_id.as_str(), config.model_path),
            ("tiny", PathBuf::from("/m/ggml-tiny.bin"))
        );
        assert_eq!((config.threads, config.concurrent_chunks), (3, 2));
        assert_eq!((config.use_gpu, config.gpu_device, config.flash_attn), (false, 1, true));
        assert_eq!((config.decode.beam_size, config.decode.loop_entropy), (5, 3.1));
    }

    #[test]
    fn chunks_are_decoded_as_the_settings_say() {
        let jobs = job_settings(&with(&[
            ("VERBATIM__DECODE__LANGUAGES", "de,fr"),
            ("VERBATIM__DECODE__CONDITION_ON_PREVIOUS", "true"),
        ]));
        assert_eq!(jobs.languages.iter().map(|language| language.code()).collect::<Vec<_>>(), ["de", "fr"]);
        assert!(jobs.condition_on_previous);
    }

    #[test]
    fn the_queue_is_as_long_and_as_patient_as_the_settings_say() {
        let jobs = job_settings(&with(&[
            ("VERBATIM__JOBS__MAX_QUEUED", "7"),
            ("VERBATIM__JOBS__ON_MODEL_FAILED", "fail"),
        ]));
        assert_eq!((jobs.max_queued, jobs.workers), (7, 1));
        assert_eq!((jobs.languages.len(), jobs.condition_on_previous), (0, false));
        assert_eq!(jobs.on_model_failed, OnModelFailed::Fail);
    }
}
