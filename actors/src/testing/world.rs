//! All actors together, over fakes: what a test of them starts with.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;

use super::{FakeEngine, FakeProbe, FakeRecordings, MemoryStore, SentWebhooks, TransportFake};
use crate::clock::Clock;
use crate::domain::event::{Event, JobEvent, ModelEvent, Recorded, Stream};
use crate::domain::jobs::job::{Audio, BlobKey, Job, JobId, NewJob};
use crate::domain::jobs::options::Options;
use crate::domain::jobs::origin::Origin;
use crate::domain::language::Language;
use crate::domain::model::lifecycle::Policy;
use crate::domain::model::stay::Stay;
use crate::job::{JobHandle, JobParts, JobSettings, OnModelFailed};
use crate::model::{ModelHandle, ModelParts, ModelStatus, ServedModels, State};
use crate::notifier::{NotifierHandle, NotifierSettings};
use crate::peers::PeersHandle;
use crate::ports::{Engine, JobStore};
use crate::pull::{OnDemand, PullHandle};

pub(crate) struct World {
    pub engine: Arc<FakeEngine>,
    pub probe: Arc<FakeProbe>,
    pub store: Arc<MemoryStore>,
    pub model: ModelHandle,
    pub notifier: NotifierHandle,
    pub jobs: JobHandle,
    pub sent: SentWebhooks,
    pub clock: Clock,
}

/// How a world differs from the usual one: one worker, three chunks a job, an idle time that no test
/// outlasts.
pub(crate) struct Setting {
    pub engine: FakeEngine,
    /// Downloads the default model, "fake", when it is missing.
    pub on_demand: Option<PullHandle>,
    /// Beside the default one.
    pub models: Vec<&'static str>,
    pub idle_timeout: Stay,
    pub yield_below_free_bytes: Option<u64>,
    pub unload_hold: Duration,
    pub chunks: usize,
    pub workers: usize,
    pub max_queued: u64,
    pub reuse_results: bool,
    pub on_model_failed: OnModelFailed,
    pub languages: Vec<Language>,
    pub condition_on_previous: bool,
    pub failing_webhooks: (usize, u16),
    pub store: MemoryStore,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            engine: FakeEngine::default(),
            on_demand: None,
            models: vec![],
            idle_timeout: Stay::For(Duration::from_secs(3600)),
            yield_below_free_bytes: None,
            unload_hold: Duration::ZERO,
            chunks: 3,
            workers: 1,
            max_queued: 100,
            reuse_results: false,
            on_model_failed: OnModelFailed::Wait,
            languages: vec![],
            condition_on_previous: false,
            failing_webhooks: (0, 500),
            store: MemoryStore::default(),
        }
    }
}

impl World {
    pub(crate) fn start(setting: Setting) -> Self {
        let clock = Clock::start();
        let (engine, probe) = (Arc::new(setting.engine), Arc::new(FakeProbe::default()));
        let store = Arc::new(setting.store);
        let (transport, sent) = TransportFake::new(setting.failing_webhooks.0, setting.failing_webhooks.1);
        let notifier = NotifierHandle::start(
            NotifierSettings::default(),
            store.clone(),
            move || Box::new(transport),
            |_, _| {},
        );
        let policy = Policy {
            idle_timeout: setting.idle_timeout,
            poll_interval: Duration::from_secs(3600),
            unload_hold: setting.unload_hold,
            yield_below_free_bytes: setting.yield_below_free_bytes,
        };
        let others = setting.models.iter().map(|name| Arc::new(engine.another(name)) as Arc<dyn Engine>);
        let default: Arc<dyn Engine> = match setting.on_demand {
            Some(pulls) => Arc::new(OnDemand::new(engine.clone(), "fake".into(), pulls)),
            None => engine.clone(),
        };
        let parts = ModelParts {
            engines: std::iter::once(default).chain(others).collect(),
            memory: probe.clone(),
            served: ServedModels::All,
            policy,
            notifier: notifier.clone(),
            clock: clock.clone(),
        };
        let model = ModelHandle::start(parts, |_, _| {});
        let jobs = JobHandle::start(JobParts {
            store: store.clone(),
            recordings: Arc::new(FakeRecordings { chunks: setting.chunks }),
            model: model.clone(),
            notifier: notifier.clone(),
            peers: PeersHandle::new(store.clone()).0,
            settings: JobSettings {
                workers: setting.workers,
                max_queued: setting.max_queued,
                reuse_results: setting.reuse_results,
                on_model_failed: setting.on_model_failed,
                languages: setting.languages,
                condition_on_previous: setting.condition_on_previous,
            },
            on_actor_stop: |_, _| {},
        });
        Self { engine, probe, store, model, notifier, jobs, sent, clock }
    }

    pub(crate) async fn submit(&self) -> Job {
        self.jobs.submit(new_job()).await.unwrap()
    }

    pub(crate) async fn until_model(&self, wanted: impl FnMut(&ModelStatus) -> bool) -> ModelStatus {
        self.model.watch().wait_for(wanted).await.unwrap().clone()
    }

    pub(crate) async fn until_state(&self, state: State) -> ModelStatus {
        self.until_model(|status| status.state() == state).await
    }

    /// Follows a job from its beginning until an event satisfies `wanted`, or to its end.
    pub(crate) async fn until_event(&self, id: JobId, wanted: impl Fn(&JobEvent) -> bool) -> Vec<JobEvent> {
        let mut seen = vec![];
        let mut events = std::pin::pin!(self.notifier.follow(Stream::Job(id), 0));
        while let Some(event) = events.next().await {
            let Event::Job(_, event) = event.unwrap().event.clone() else { continue };
            let found = wanted(&event);
            seen.push(event);
            if found {
                break;
            }
        }
        seen
    }

    /// All events of a job, once it has ended.
    pub(crate) async fn to_the_end(&self, id: JobId) -> Vec<JobEvent> {
        self.until_event(id, JobEvent::is_last).await
    }

    pub(crate) async fn model_events(&self, count: usize) -> Vec<ModelEvent> {
        let events = self.notifier.follow(Stream::Model, 0).take(count);
        let events: Vec<_> = events.collect().await;
        events.into_iter().filter_map(|e| model_event(&e.unwrap())).collect()
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.store.job(id).await.unwrap().unwrap()
    }
}

fn model_event(event: &Recorded) -> Option<ModelEvent> {
    match &event.event {
        Event::Model(of) => Some(of.event.clone()),
        Event::Job(..) => None,
    }
}

pub(crate) fn new_job() -> NewJob {
    let audio = Audio {
        filename: Some("a.wav".into()),
        bytes: 1,
        sha256: "00".into(),
        duration_secs: None,
        blob: BlobKey("good".into()),
    };
    NewJob {
        id: JobId::new(),
        owner: String::new(),
        once: None,
        origin: Origin::default(),
        audio,
        options: Options::default(),
        metadata: None,
        webhook_url: None,
        retry_of: None,
    }
}

/// The names of events, for comparing whole histories.
pub(crate) fn names(events: &[JobEvent]) -> Vec<&'static str> {
    events.iter().map(JobEvent::name).collect()
}
