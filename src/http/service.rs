//! What handlers forward to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::web;
use actors::clock::Clock;
use actors::domain::jobs::job::JobId;
use actors::domain::jobs::options::{Options, Task};
use actors::domain::language::Language;
use actors::domain::model::models::ModelNo;
use actors::domain::services::Role;
use actors::domain::time::Timestamp;
use actors::job::JobHandle;
use actors::model::ModelHandle;
use actors::notifier::NotifierHandle;
use actors::peers::PeersHandle;
use actors::ports::{BlobStore, Cancelled, MemoryProbe, Recordings, Sources, StoreError};
use actors::pull::PullHandle;
use tracing::warn;

use super::callers::Callers;
use super::middleware::rate::Rates;
use super::streams::Streams;
use super::views::answers::Answers;
use super::wait_policy::WaitPolicy;
use crate::auth::{Caller, Keyring, Sites};
use crate::error::AppError;
use crate::outgoing::AddressRules;

/// Handles in front of the actors, and the few stores that a request reads or writes itself.
pub struct Service {
    pub model: ModelHandle,
    pub jobs: JobHandle,
    /// The devices that run jobs; empty where `model` and `jobs` run them.
    pub devices: Vec<Device>,
    pub pulls: PullHandle,
    pub notifier: NotifierHandle,
    pub peers: PeersHandle,
    pub node: Node,
    pub blobs: Arc<dyn BlobStore>,
    pub recordings: Arc<dyn Recordings>,
    pub sources: Arc<dyn Sources>,
    pub memory: Arc<dyn MemoryProbe>,
    pub clock: Clock,
    /// Who may call.
    pub keys: Keyring,
    pub limits: Limits,
    pub wait_policy: WaitPolicy,
    /// `None`: everyone may send as much as they like.
    pub rates: Option<Rates>,
    pub streams: Streams,
    /// Of calls that may be sent again.
    pub callers: Arc<Callers>,
    pub answers: Answers,
    pub started: Instant,
    pub stopping: AtomicBool,
    pub draining: AtomicBool,
}

/// One of several that models are loaded on.
#[derive(Clone)]
pub struct Device {
    pub name: String,
    pub model: ModelHandle,
    pub jobs: JobHandle,
    pub memory: Arc<dyn MemoryProbe>,
    /// Whether another device before it is on the same memory.
    pub shares_memory: bool,
}

/// This service among those that share its database.
#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    pub role: Role,
}

/// What the settings allow.
#[derive(Debug, Clone)]
pub struct Limits {
    pub max_upload_bytes: u64,
    /// An upload that comes more slowly is given up.
    pub min_upload_bytes_per_sec: u64,
    /// For a recording that is fetched, from finding the address to the last byte.
    pub fetch_timeout: Duration,
    pub unload_hold: Duration,
    pub webhook_rules: AddressRules,
    pub sites: Sites,
}

impl Service {
    /// What loads models here: on each device, or on the only one.
    pub fn models(&self) -> impl Iterator<Item = &ModelHandle> {
        let own = (!self.model.is_elsewhere()).then_some(&self.model);
        own.into_iter().chain(self.devices.iter().map(|device| &device.model))
    }

    /// From now on no new work is taken.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// From now on no new work is taken, until [`Service::resume`].
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.jobs.drain(true);
    }

    /// New work is taken again, unless the service is stopping.
    pub fn resume(&self) {
        self.draining.store(false, Ordering::SeqCst);
        self.jobs.drain(false);
    }

    /// Counts a request. Callers without a key are distinguished by their addresses.
    ///
    /// # Errors
    /// The caller has had their share.
    pub fn count(&self, caller: &Caller, address: &str) -> Result<(), AppError> {
        let Some(rates) = &self.rates else { return Ok(()) };
        match caller.owner.as_str() {
            "" => rates.count(address),
            owner => rates.count(&format!("key {owner}")),
        }
    }

    /// The model of that name; without one, the default one.
    pub fn find_model(&self, name: Option<&str>) -> Result<ModelNo, AppError> {
        let unknown = || AppError::UnknownModel {
            name: name.unwrap_or_default().to_owned(),
            known: self.model.names().join(", "),
        };
        self.model.find(name).ok_or_else(unknown)
    }

    /// Whether a service that shares the database has the model in memory.
    pub(super) fn is_ready_elsewhere(&self, model: ModelNo) -> bool {
        let status = self.model.status();
        status.models.get(model.0).is_some_and(|known| self.peers.is_ready(&known.facts.id))
    }

    /// The model of that name, as jobs name it.
    pub fn choose_model(&self, name: Option<&str>) -> Result<Option<String>, AppError> {
        Ok(self.model.status().choice(self.find_model(name)?))
    }

    /// What jobs of the model of that name may have in their options: the default one has two names, and one that is not
    /// served any more still has jobs.
    pub(super) fn wanted_as(&self, name: &str) -> Vec<Option<String>> {
        match self.model.find(Some(name)) {
            Some(number) => self.model.status().names(number),
            None => vec![Some(name.to_owned())],
        }
    }

    /// Whether the model that is asked for can do what is asked of it. One whose file is not there, or cannot be read, is
    /// taken for one that can: its engine refuses the rest.
    ///
    /// # Errors
    /// The model supports English only, and another language or a translation is asked for; or there is no such model.
    pub async fn check_options(&self, options: &Options) -> Result<(), AppError> {
        let Some(model) = self.english_only(options.model.as_deref()).await? else { return Ok(()) };
        let Options { language, languages, task, is_multilingual, .. } = options;
        let is_english = |language: &Language| *language == Language::ENGLISH;
        if *task == Task::Translate {
            return Err(AppError::UnsupportedTask { model });
        }
        let takes_english = languages.is_empty() || languages.iter().any(is_english);
        match language.iter().all(is_english) && takes_english && !is_multilingual {
            true => Ok(()),
            false => Err(AppError::UnsupportedLanguage { model }),
        }
    }

    /// Whether a model can detect languages.
    ///
    /// # Errors
    /// It supports English only; or there is no such model.
    pub async fn check_detects_languages(&self, model: Option<&str>) -> Result<(), AppError> {
        match self.english_only(model).await? {
            Some(model) => Err(AppError::CannotDetectLanguages { model }),
            None => Ok(()),
        }
    }

    /// The id of a model that is known to support English only.
    async fn english_only(&self, name: Option<&str>) -> Result<Option<String>, AppError> {
        let number = self.find_model(name)?;
        let mut facts = self.model.status().models.get(number.0).map(|known| known.facts.clone());
        // Its file was not there at the start, and may be by now.
        if facts.as_ref().is_some_and(|facts| facts.multilingual.is_none()) {
            let handle = self.model.clone();
            facts = web::block(move || handle.describe(number)).await.map_err(AppError::internal)?;
        }
        Ok(facts.filter(|facts| facts.multilingual == Some(false)).map(|facts| facts.id))
    }

    /// Cancels a job, or removes an ended one, with its recording.
    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, StoreError> {
        let cancelled = self.jobs.cancel(id).await?;
        if let Cancelled::Removed { blob } = &cancelled
            && let Err(error) = self.blobs.delete(blob).await
        {
            // The job is removed; the next start removes files that no job needs.
            warn!(%error, "cannot remove a recording");
        }
        Ok(cancelled)
    }

    /// Results from before this are not given to a call that is sent again: they are too old, or were made under settings
    /// from before the start.
    pub(super) fn oldest_result(&self) -> Timestamp {
        let age = self.wait_policy.join.min(self.started.elapsed());
        self.clock.wall_now().before(age)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Whether no new work is taken.
    pub fn is_draining(&self) -> bool {
        self.is_stopping() || self.draining.load(Ordering::SeqCst)
    }
}
