//! The model's status on the wire.

use std::time::Instant;

use actors::domain::model::lifecycle::Failure;
use actors::domain::model::models::ModelNo;
use actors::domain::services::Peer;
use actors::model::ModelStatus;
use actors::ports::{MemoryReading, ModelFacts};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{WaitingView, model_states};
use crate::http::service::Service;
use crate::wire_time::{rfc3339, secs};

/// The state of the model, of its memory and of its idle clock.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelStatus)]
pub(in crate::http) struct StatusView {
    #[schema(schema_with = model_states)]
    state: &'static str,
    #[schema(required)]
    model: Option<FactsView>,
    /// All that a job may ask for, the default one first.
    models: Vec<KnownView>,
    #[schema(required)]
    device: Option<DeviceView>,
    memory: MemoryView,
    idle: IdleView,
    #[schema(required)]
    waiting: Option<WaitingView>,
    #[schema(required)]
    error: Option<FailureView>,
    #[schema(format = "date-time")]
    since: String,
    /// Until then queued jobs do not load the model.
    #[schema(required, format = "date-time")]
    held_until: Option<String>,
}

/// A model's file.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelFacts)]
struct FactsView {
    id: String,
    path: String,
    /// `null` while the file cannot be read.
    #[schema(required)]
    bytes: Option<u64>,
    #[schema(required)]
    multilingual: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KnownModel)]
struct KnownView {
    #[serde(flatten)]
    facts: FactsView,
    /// Whether jobs that name no model run on it.
    default: bool,
    #[schema(schema_with = model_states)]
    state: &'static str,
    #[schema(required)]
    error: Option<FailureView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
struct DeviceView {
    backend: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Memory)]
struct MemoryView {
    total_bytes: u64,
    free_bytes: u64,
    used_by_model_bytes: u64,
    /// What the last unload did not give back.
    residual_bytes: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Idle)]
struct IdleView {
    /// -1: the model stays.
    #[schema(minimum = -1)]
    timeout_secs: i64,
    #[schema(required)]
    for_secs: Option<f64>,
    #[schema(required, format = "date-time")]
    unloads_at: Option<String>,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Failure)]
pub(in crate::http) struct FailureView {
    pub(super) code: String,
    pub(super) message: String,
}

/// `GET /model/status`: reads the published status, sends no message.
pub(in crate::http) fn status_view(service: &Service, status: &ModelStatus) -> StatusView {
    view(service, status, &memory(service, status))
}

/// Of the device that the model runs on, or of all devices; where other services run models, of all workers together.
fn memory(service: &Service, status: &ModelStatus) -> MemoryReading {
    match service.model.is_elsewhere() && service.devices.is_empty() {
        true => memory_on(&service.peers.list()),
        false => own_memory(service, status),
    }
}

/// Of the device that the model runs on, or of all devices together.
pub(in crate::http) fn own_memory(service: &Service, status: &ModelStatus) -> MemoryReading {
    if service.devices.is_empty() {
        return service.memory.read(status.holder());
    }
    sum(service.devices.iter().map(|device| {
        let memory = device.memory.read(device.model.status().holder());
        match device.shares_memory {
            true => MemoryReading { total_bytes: 0, free_bytes: 0, ..memory },
            false => memory,
        }
    }))
}

/// The status on these services, with the memory of all of them.
pub(in crate::http) fn status_view_on(service: &Service, status: &ModelStatus, peers: &[Peer]) -> StatusView {
    view(service, status, &memory_on(peers))
}

fn memory_on(peers: &[Peer]) -> MemoryReading {
    let live = peers.iter().filter(|peer| peer.is_live);
    sum(live.filter_map(|peer| peer.report.worker.as_ref()).map(|worker| MemoryReading {
        total_bytes: worker.total_bytes,
        free_bytes: worker.free_bytes,
        used_by_model_bytes: worker.used_by_model_bytes,
        ..MemoryReading::default()
    }))
}

/// Of what is shown.
fn sum(readings: impl Iterator<Item = MemoryReading>) -> MemoryReading {
    readings.fold(MemoryReading::default(), |all, memory| MemoryReading {
        total_bytes: all.total_bytes.saturating_add(memory.total_bytes),
        free_bytes: all.free_bytes.saturating_add(memory.free_bytes),
        used_by_model_bytes: all.used_by_model_bytes.saturating_add(memory.used_by_model_bytes),
        ..all
    })
}

fn view(service: &Service, status: &ModelStatus, memory: &MemoryReading) -> StatusView {
    let wall = |at: Instant| rfc3339(service.clock.wall(at));
    let facts = status.facts();
    StatusView {
        state: status.state().name(),
        model: facts.map(model),
        models: models(status),
        device: facts.map(|facts| DeviceView {
            backend: facts.device.backend.clone(),
            name: facts.device.name.clone(),
        }),
        memory: MemoryView {
            total_bytes: memory.total_bytes,
            free_bytes: memory.free_bytes,
            used_by_model_bytes: memory.used_by_model_bytes,
            residual_bytes: status.residual_bytes,
        },
        idle: IdleView {
            timeout_secs: status.idle_timeout.secs(),
            for_secs: status.idle_since().map(|since| secs(since.elapsed().as_secs_f64())),
            unloads_at: status.unloads_at.map(wall),
        },
        waiting: status
            .shortage()
            .map(|shortage| WaitingView::new(shortage, service.clock.wall(shortage.next_retry_at))),
        error: status.failure().map(failure),
        since: wall(status.since),
        held_until: status.held_until().map(wall),
    }
}

fn models(status: &ModelStatus) -> Vec<KnownView> {
    let numbered = status.models.iter().enumerate();
    numbered
        .map(|(number, known)| KnownView {
            facts: model(&known.facts),
            default: number == 0,
            state: status.state_of(ModelNo(number)).name(),
            error: known.failure.as_ref().map(failure),
        })
        .collect()
}

fn model(facts: &ModelFacts) -> FactsView {
    let ModelFacts { id, path, bytes, multilingual, .. } = facts;
    FactsView { id: id.clone(), path: path.clone(), bytes: *bytes, multilingual: *multilingual }
}

pub(super) fn failure(failure: &Failure) -> FailureView {
    FailureView { code: failure.code.to_owned(), message: failure.message.clone() }
}
