//! Several services on one store: what each reports, and which of them a job or a request is for.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::event::UnloadReason;
use super::jobs::job::JobId;
use super::model::lifecycle::{Afterwards, Failure, Phase, Shortage, Trying, Unloading};
use super::model::stay::Stay;
use super::time::Timestamp;

/// What a service reports of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// For operators.
    pub name: String,
    pub role: Role,
    pub version: String,
    /// It takes no new work.
    pub is_draining: bool,
    /// Where it runs jobs.
    pub worker: Option<WorkerReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// All that it can load, each with what it is there.
    pub models: Vec<ModelReport>,
    /// The number of the one that is in memory, or was last.
    pub model: usize,
    /// Those that run now.
    pub jobs: Vec<JobId>,
    /// How many can at the same time.
    pub slots: u32,
    pub total_bytes: u64,
    pub free_bytes: u64,
    pub used_by_model_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    pub id: String,
    pub path: String,
    /// `None` while the file cannot be read.
    pub bytes: Option<u64>,
    pub multilingual: Option<bool>,
    /// As in [`ModelFacts`](crate::ports::ModelFacts); empty while it is not known.
    #[serde(default)]
    pub fingerprint: String,
    /// The library that runs it, and on which device.
    pub backend: String,
    pub device_backend: String,
    pub device_name: String,
    pub phase: ReportedPhase,
}

/// A [`Phase`] without moments of a clock that only one machine has: times are seconds from the report on, or until it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ReportedPhase {
    Unloaded { held_secs: Option<f64> },
    Loading,
    Ready { leases: u32, idle_secs: f64 },
    Unloading { leases: u32, reason: UnloadReason },
    WaitingForGpu { needed_bytes: u64, free_bytes: u64, attempts: u32, retry_secs: f64 },
    Failed { code: String, message: String },
}

/// What a service does beside answering requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    All,
    /// Neither runs jobs nor sends webhooks.
    Api,
    /// Runs jobs.
    Worker,
    /// Sends webhooks.
    Notifier,
}

impl Role {
    pub fn runs_jobs(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    pub fn sends_webhooks(self) -> bool {
        matches!(self, Self::All | Self::Notifier)
    }
}

/// A service on the store, as it was at its last report.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// Stays the same over restarts.
    pub id: String,
    pub reported_at: Timestamp,
    /// Whether that is a short time ago.
    pub is_live: bool,
    pub report: Report,
}

/// How often a service reports.
pub const REPORT_EVERY: Duration = Duration::from_secs(5);
/// A service without a report for so long counts as stopped.
pub const GONE_AFTER: Duration = Duration::from_secs(20);

/// What one service asks of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    Load {
        model: Option<String>,
        is_for_client: bool,
        keep_alive: Option<Stay>,
    },
    Unload {
        hold: Option<Duration>,
    },
    /// A job of that model came in.
    NewJob {
        model: String,
    },
}

impl Report {
    /// Whether others should know at once: more than a figure of memory is new.
    pub fn is_news_to(&self, before: &Self) -> bool {
        let shape = |report: &Self| {
            let worker = report.worker.as_ref();
            let phases =
                worker.map(|worker| worker.models.iter().map(|known| known.phase.rank()).collect::<Vec<_>>());
            let jobs = worker.map(|worker| worker.jobs.clone());
            (report.name.clone(), report.role, report.is_draining, phases, jobs)
        };
        shape(self) != shape(before)
    }
}

impl Peer {
    /// What it reports as a worker, if it takes work.
    fn working(&self) -> Option<&WorkerReport> {
        self.report.worker.as_ref().filter(|_| self.is_live && !self.report.is_draining)
    }
}

impl WorkerReport {
    pub fn of(&self, model: &str) -> Option<&ModelReport> {
        self.models.iter().find(|known| known.id == model)
    }
}

impl ReportedPhase {
    pub fn of(phase: &Phase, now: Instant) -> Self {
        let until = |at: Instant| at.saturating_duration_since(now).as_secs_f64();
        match phase {
            Phase::Unloaded { held_until } => Self::Unloaded { held_secs: held_until.map(until) },
            Phase::Loading => Self::Loading,
            Phase::Ready { leases, idle_since } => Self::Ready {
                leases: *leases,
                idle_secs: now.saturating_duration_since(*idle_since).as_secs_f64(),
            },
            Phase::Unloading(going) => Self::Unloading { leases: going.leases, reason: going.reason },
            Phase::Waiting(shortage) => Self::WaitingForGpu {
                needed_bytes: shortage.needed_bytes,
                free_bytes: shortage.free_bytes,
                attempts: shortage.attempts,
                retry_secs: until(shortage.next_retry_at),
            },
            Phase::Failed(failure) => {
                Self::Failed { code: failure.code.to_owned(), message: failure.message.clone() }
            }
        }
    }

    /// The phase by this machine's clock.
    pub fn phase(&self, now: Instant) -> Phase {
        let span = |secs: f64| Duration::try_from_secs_f64(secs).unwrap_or_default();
        match self {
            Self::Unloaded { held_secs } => {
                Phase::Unloaded { held_until: held_secs.map(|secs| now + span(secs)) }
            }
            Self::Loading => Phase::Loading,
            Self::Ready { leases, idle_secs } => {
                Phase::Ready { leases: *leases, idle_since: now.checked_sub(span(*idle_secs)).unwrap_or(now) }
            }
            Self::Unloading { leases, reason } => Phase::Unloading(Unloading {
                leases: *leases,
                reason: *reason,
                hold: None,
                afterwards: Afterwards::Stay,
            }),
            Self::WaitingForGpu { needed_bytes, free_bytes, attempts, retry_secs } => {
                Phase::Waiting(Shortage {
                    needed_bytes: *needed_bytes,
                    free_bytes: *free_bytes,
                    attempts: *attempts,
                    last_try: now,
                    next_retry_at: now + span(*retry_secs),
                    now: Trying::No,
                })
            }
            Self::Failed { code, message } => Phase::Failed(Failure::reported(code, message.clone())),
        }
    }

    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }

    /// Neither a load nor an unload is under way; one that waits for memory may be.
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::Loading | Self::Unloading { .. })
    }

    /// All of it, or a part.
    pub fn is_in_memory(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Loading | Self::Unloading { .. })
    }

    /// How soon a worker in this phase will run a job of the model: the least is soonest.
    fn rank(&self) -> u8 {
        match self {
            Self::Ready { .. } => 0,
            Self::Loading => 1,
            Self::Unloaded { .. } => 2,
            Self::WaitingForGpu { .. } => 3,
            Self::Unloading { .. } => 4,
            Self::Failed { .. } => 5,
        }
    }
}

/// The phase of a model for those who want a job of it to run, wherever: that of the worker which is soonest to run it. `None`
/// where no worker that is there can load it.
pub fn soonest<'a>(peers: &'a [Peer], model: &str) -> Option<&'a ReportedPhase> {
    let phases = peers.iter().filter_map(Peer::working).filter_map(|worker| worker.of(model));
    phases.map(|known| &known.phase).min_by_key(|phase| phase.rank())
}

/// Which worker is asked to load a model that is ready nowhere: first one that loads it or waits for memory for it already, then
/// one without work whose memory takes it, then one without work, then the one with the least. `None` where none can.
pub fn loader<'a>(peers: &'a [Peer], model: &str) -> Option<&'a Peer> {
    let rank = |peer: &&Peer| {
        let Some((worker, known)) = peer.working().and_then(|worker| Some((worker, worker.of(model)?)))
        else {
            return (u8::MAX, usize::MAX);
        };
        let fits = known
            .bytes
            .is_none_or(|bytes| bytes <= worker.free_bytes.saturating_add(worker.used_by_model_bytes));
        let rank = match &known.phase {
            ReportedPhase::Loading | ReportedPhase::Ready { .. } => 0,
            ReportedPhase::Failed { .. } => 3,
            _ if fits => 1,
            _ => 2,
        };
        (rank, worker.jobs.len())
    };
    peers.iter().min_by_key(rank).filter(|peer| rank(peer).0 < u8::MAX)
}

/// Workers that take work, without `myself`.
fn others<'a>(peers: &'a [Peer], myself: &str) -> impl Iterator<Item = &'a WorkerReport> {
    peers.iter().filter(move |peer| peer.id != myself).filter_map(Peer::working)
}

/// Whether a worker other than `myself` has the model in memory and room for a job, or will soon.
pub fn is_served_elsewhere(peers: &[Peer], myself: &str, model: &str) -> bool {
    let serves = |worker: &WorkerReport| match worker.of(model).map(|known| &known.phase) {
        Some(ReportedPhase::Ready { .. }) => worker.jobs.len() < worker.slots as usize,
        Some(ReportedPhase::Loading) => true,
        _ => false,
    };
    others(peers, myself).any(serves)
}

/// Whether a worker other than `myself` has nothing to do and could load the model at once.
pub fn may_be_loaded_elsewhere(peers: &[Peer], myself: &str, model: &str) -> bool {
    others(peers, myself).any(|worker| {
        let known = worker.of(model).map(|known| &known.phase);
        worker.jobs.is_empty() && matches!(known, Some(ReportedPhase::Unloaded { held_secs: None }))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A worker of the one model "base", which needs 100 bytes.
    pub(crate) fn peer(id: &str, phase: ReportedPhase, jobs: usize, free_bytes: u64) -> Peer {
        let known = ModelReport {
            id: "base".into(),
            path: String::new(),
            bytes: Some(100),
            multilingual: Some(true),
            fingerprint: String::new(),
            backend: String::new(),
            device_backend: "cpu".into(),
            device_name: "cpu".into(),
            phase,
        };
        let worker = WorkerReport {
            models: vec![known],
            model: 0,
            jobs: (0..jobs).map(|_| JobId::new()).collect(),
            slots: 1,
            total_bytes: 1000,
            free_bytes,
            used_by_model_bytes: 0,
        };
        let report = Report {
            name: id.into(),
            role: Role::Worker,
            version: "1".into(),
            is_draining: false,
            worker: Some(worker),
        };
        Peer { id: id.into(), reported_at: Timestamp(0), is_live: true, report }
    }

    const UNLOADED: ReportedPhase = ReportedPhase::Unloaded { held_secs: None };
    pub(crate) const READY: ReportedPhase = ReportedPhase::Ready { leases: 1, idle_secs: 0.0 };
    const WAITING: ReportedPhase =
        ReportedPhase::WaitingForGpu { needed_bytes: 100, free_bytes: 1, attempts: 1, retry_secs: 3.0 };

    #[test]
    fn the_soonest_worker_s_phase_counts() {
        let peers = [peer("a", WAITING, 0, 1), peer("b", UNLOADED, 0, 500), peer("c", READY, 1, 500)];
        assert_eq!(soonest(&peers, "base"), Some(&READY));
        assert_eq!(soonest(&peers[..2], "base"), Some(&UNLOADED));
        assert_eq!(soonest(&peers[..1], "base"), Some(&WAITING));
        assert_eq!(soonest(&peers, "large"), None);
    }

    #[test]
    fn a_worker_that_is_gone_or_draining_does_not_count() {
        let gone = Peer { is_live: false, ..peer("a", READY, 0, 500) };
        let mut draining = peer("b", READY, 0, 500);
        draining.report.is_draining = true;
        let mut api = peer("c", READY, 0, 500);
        api.report.worker = None;
        let peers = [gone, draining, api];
        assert_eq!((soonest(&peers, "base"), loader(&peers, "base")), (None, None));
        assert!(!is_served_elsewhere(&peers, "d", "base"));
    }

    /// Each worker with its phase, its jobs and its free memory; the first is the one that is asked.
    #[test]
    fn the_worker_that_can_load_soonest_is_asked() {
        let failed = ReportedPhase::Failed { code: "model_corrupt".into(), message: String::new() };
        let in_order = [
            peer("loads", ReportedPhase::Loading, 3, 0),
            peer("fits", UNLOADED, 0, 500),
            peer("fits, with work", UNLOADED, 2, 500),
            peer("full", UNLOADED, 0, 10),
            peer("full, waits", WAITING, 1, 10),
            peer("failed", failed, 0, 500),
        ];
        for first in 0..in_order.len() {
            let mut peers = in_order[first..].to_vec();
            peers.reverse();
            assert_eq!(loader(&peers, "base").map(|peer| &peer.id), Some(&in_order[first].id));
        }
    }

    #[test]
    fn its_own_model_is_not_elsewhere() {
        let peers = [peer("a", READY, 0, 500)];
        assert!(!is_served_elsewhere(&peers, "a", "base"));
        assert!(is_served_elsewhere(&peers, "b", "base"));
        let busy = [peer("a", READY, 1, 500)];
        assert!(!is_served_elsewhere(&busy, "b", "base"), "its worker is busy");
        let loading = [peer("a", ReportedPhase::Loading, 0, 500)];
        assert!(is_served_elsewhere(&loading, "b", "base"));
    }

    #[test]
    fn a_phase_is_the_same_after_it_was_told() {
        let now = Instant::now();
        let failure = Failure { code: "model_corrupt", message: "cut".into() };
        let phases = [
            Phase::Unloaded { held_until: Some(now + Duration::from_secs(5)) },
            Phase::Unloaded { held_until: None },
            Phase::Loading,
            Phase::Ready { leases: 2, idle_since: now },
            Phase::Failed(failure),
        ];
        for phase in phases {
            assert_eq!(ReportedPhase::of(&phase, now).phase(now), phase);
        }
        let reported = ReportedPhase::of(&WAITING.phase(now), now);
        assert_eq!(reported, WAITING);
    }
}
