//! The workers on the wire, and the report of this service.

use std::time::Instant;

use actors::domain::services::{Peer, Report, ReportedPhase, Role, WorkerReport};
use actors::domain::time::Timestamp;
use actors::job::JobHandle;
use actors::model::{ModelHandle, State};
use actors::ports::MemoryProbe;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::model_states;
use crate::http::service::{Device, Node, Service};
use crate::wire_time::rfc3339;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The services that run jobs, or the devices of one.
#[derive(Serialize, ToSchema)]
#[schema(as = Workers)]
pub(in crate::http) struct WorkersView {
    workers: Vec<WorkerView>,
}

/// A service that runs jobs, as it last reported, or a device.
#[derive(Serialize, ToSchema)]
#[schema(as = Worker)]
struct WorkerView {
    /// The same over restarts. Empty where the service shares its database with none.
    id: String,
    name: String,
    version: String,
    /// Whether it reported a short time ago.
    live: bool,
    /// Whether it takes no new work.
    draining: bool,
    /// Of the model that is in memory, or was last.
    #[schema(schema_with = model_states)]
    state: &'static str,
    model: String,
    /// All that it may load.
    models: Vec<WorkersModelView>,
    device: WorkersDeviceView,
    memory: WorkersMemoryView,
    /// Those that run there.
    jobs: Vec<String>,
    /// How many can at the same time.
    slots: u32,
    #[schema(format = "date-time")]
    heartbeat_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WorkersModel)]
struct WorkersModelView {
    id: String,
    #[schema(schema_with = model_states)]
    state: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WorkersDevice)]
struct WorkersDeviceView {
    backend: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WorkersMemory)]
struct WorkersMemoryView {
    total_bytes: u64,
    free_bytes: u64,
    used_by_model_bytes: u64,
}

/// All with a report of the last day; of a service alone itself, as it is now.
pub(in crate::http) fn workers_view(service: &Service) -> WorkersView {
    let peers = service.peers.list();
    let alone = peers.is_empty().then(|| Peer {
        id: String::new(),
        reported_at: service.clock.wall_now(),
        is_live: true,
        report: report(service),
    });
    let workers = peers.iter().chain(&alone).filter_map(|peer| {
        let worker = peer.report.worker.as_ref()?;
        Some(view(peer, worker))
    });
    WorkersView { workers: workers.collect() }
}

fn view(Peer { id, reported_at, is_live, report }: &Peer, worker: &WorkerReport) -> WorkerView {
    let present = worker.models.get(worker.model);
    let text = |of: fn(&actors::domain::services::ModelReport) -> &String| {
        present.map(of).cloned().unwrap_or_default()
    };
    WorkerView {
        id: id.clone(),
        name: report.name.clone(),
        version: report.version.clone(),
        live: *is_live,
        draining: report.is_draining,
        state: present.map_or("unloaded", |known| state(&known.phase)),
        model: text(|known| &known.id),
        models: worker
            .models
            .iter()
            .map(|known| WorkersModelView { id: known.id.clone(), state: state(&known.phase) })
            .collect(),
        device: WorkersDeviceView {
            backend: text(|known| &known.device_backend),
            name: text(|known| &known.device_name),
        },
        memory: WorkersMemoryView {
            total_bytes: worker.total_bytes,
            free_bytes: worker.free_bytes,
            used_by_model_bytes: worker.used_by_model_bytes,
        },
        jobs: worker.jobs.iter().map(ToString::to_string).collect(),
        slots: worker.slots,
        heartbeat_at: rfc3339(Timestamp(reported_at.0)),
    }
}

fn state(phase: &ReportedPhase) -> &'static str {
    State::from(&phase.phase(Instant::now())).name()
}

/// What this service is now, for others.
pub fn report(service: &Service) -> Report {
    let Node { name, role } = service.node.clone();
    let worker = worker(&service.model, &service.jobs, service.memory.as_ref());
    Report { name, role, version: VERSION.to_owned(), is_draining: service.is_draining(), worker }
}

/// What a device is now, for the others and for the service in front of them.
pub fn device_report(service: &Service, device: &Device) -> Report {
    Report {
        name: device.name.clone(),
        role: Role::Worker,
        version: VERSION.to_owned(),
        is_draining: service.is_draining(),
        worker: worker(&device.model, &device.jobs, device.memory.as_ref()),
    }
}

/// The devices as they are now.
pub(in crate::http) fn device_peers(service: &Service) -> Vec<Peer> {
    let now = service.clock.wall_now();
    let peer = |device: &Device| Peer {
        id: device.name.clone(),
        reported_at: now,
        is_live: true,
        report: device_report(service, device),
    };
    service.devices.iter().map(peer).collect()
}

fn worker(model: &ModelHandle, jobs: &JobHandle, memory: &dyn MemoryProbe) -> Option<WorkerReport> {
    let (models, present) = model.report()?;
    let memory = memory.read(model.status().holder());
    Some(WorkerReport {
        models,
        model: present,
        jobs: jobs.running(),
        slots: jobs.slots(),
        total_bytes: memory.total_bytes,
        free_bytes: memory.free_bytes,
        used_by_model_bytes: memory.used_by_model_bytes,
    })
}
