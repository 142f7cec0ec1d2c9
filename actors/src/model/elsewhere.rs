//! The status of models that run on other services.

use std::time::Instant;

use super::status::{Known, ModelStatus};
use crate::domain::model::lifecycle::{Failure, Phase};
use crate::domain::model::models::ModelNo;
use crate::domain::services::{ModelReport, Peer, Report, ReportedPhase, soonest};
use crate::ports::{Device, ModelFacts};

/// Of each model its phase where it will run soonest.
pub(super) fn status_of(peers: &[Peer], before: &ModelStatus, now: Instant) -> ModelStatus {
    let mut models = before.models.clone();
    for known in &mut models {
        let id = known.facts.id.clone();
        let workers = peers.iter().filter(|peer| peer.is_live).filter_map(|peer| peer.report.worker.as_ref());
        if let Some(there) = workers.filter_map(|worker| worker.of(&id)).next() {
            copy_facts(&mut known.facts, there);
        }
        let phase =
            soonest(peers, &id).map_or_else(|| Phase::Failed(no_worker(&id)), |phase| phase.phase(now));
        known.failure = match &phase {
            Phase::Failed(failure) => Some(failure.clone()),
            _ => None,
        };
        known.elsewhere = Some(phase);
    }
    let present = match peers {
        [Peer { report: Report { worker: Some(worker), .. }, .. }] => {
            let id = worker.models.get(worker.model).map(|known| &known.id);
            models.iter().position(|known| Some(&known.facts.id) == id).unwrap_or_default()
        }
        _ => 0,
    };
    let phase = models.get(present).and_then(|known| known.elsewhere.clone());
    let phase = phase.unwrap_or(Phase::Unloaded { held_until: None });
    let is_as_before = std::mem::discriminant(&phase) == std::mem::discriminant(&before.phase);
    let since = if is_as_before { before.since } else { now };
    ModelStatus {
        model: ModelNo(present),
        phase,
        since,
        models,
        wanted_next: None,
        is_promised: false,
        unloads_at: None,
        unloads: 0,
        residual_bytes: 0,
        idle_timeout: before.idle_timeout,
    }
}

fn copy_facts(facts: &mut ModelFacts, there: &ModelReport) {
    facts.path.clone_from(&there.path);
    facts.bytes = there.bytes;
    facts.multilingual = there.multilingual;
    if !there.fingerprint.is_empty() {
        facts.fingerprint.clone_from(&there.fingerprint);
    }
    facts.backend.clone_from(&there.backend);
    facts.device = Device { backend: there.device_backend.clone(), name: there.device_name.clone() };
    facts.unusable = None;
}

/// What this worker's model actor shows, for others: the models that it runs jobs of, and the number in there of the one that is
/// in memory, or was last.
pub(super) fn reports_of(status: &ModelStatus, now: Instant) -> (Vec<ModelReport>, usize) {
    let numbered = || status.models.iter().enumerate().filter(|(_, known)| known.is_served_here);
    let present = numbered().position(|(number, _)| number == status.model.0);
    let report = |(number, known): (usize, &Known)| ModelReport {
        id: known.facts.id.clone(),
        path: known.facts.path.clone(),
        bytes: known.facts.bytes,
        multilingual: known.facts.multilingual,
        fingerprint: known.facts.fingerprint.clone(),
        backend: known.facts.backend.clone(),
        device_backend: known.facts.device.backend.clone(),
        device_name: known.facts.device.name.clone(),
        phase: ReportedPhase::of(&status.of(ModelNo(number)).phase, now),
    };
    (numbered().map(report).collect(), present.unwrap_or_default())
}

/// Ends as soon as there is one.
fn no_worker(model: &str) -> Failure {
    Failure {
        code: Failure::NO_WORKER,
        message: format!("no worker is there that can load {model:?}: start one"),
    }
}
