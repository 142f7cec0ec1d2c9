//! A service or a worker among others on one store: it reports what it is, does what others ask of it, and hands on what they
//! have written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::domain::event::{Stream, UnloadReason};
use crate::domain::model::lifecycle::Demand;
use crate::domain::services::{Ask, REPORT_EVERY, Report};
use crate::job::JobHandle;
use crate::model::ModelHandle;
use crate::notifier::NotifierHandle;
use crate::peers::PeersSender;
use crate::ports::{Changes, Peers};

/// How often a service looks for changes that it got no notification of.
const LOOK: Duration = Duration::from_secs(2);

/// Runs for as long as the service; where there can be no others it does nothing. `notifier` is `None` where all workers share
/// one.
pub async fn run(
    sender: PeersSender,
    store: Arc<dyn Peers>,
    model: ModelHandle,
    jobs: JobHandle,
    notifier: Option<NotifierHandle>,
    report: impl Fn() -> Report,
) {
    if !store.is_shared() {
        return;
    }
    let mut status = model.watch();
    let mut reported = Reported::default();
    let mut looks = tokio::time::interval(LOOK);
    loop {
        let changes = tokio::select! {
            changes = store.changes() => changes,
            // A notification may be lost.
            _ = looks.tick() => Changes::everything(),
            // The status of models elsewhere changes with the reports.
            changed = status.changed(), if !model.is_elsewhere() => match changed {
                Ok(()) => Changes { services: true, ..Changes::default() },
                // The service is stopping.
                Err(_) => return,
            },
        };
        if changes.queue {
            jobs.look_for_work();
        }
        if changes.services || changes.streams.contains(&Stream::Model) {
            reported.report(&*store, report()).await;
            sender.read(&*store).await;
            match store.asked().await {
                Ok(asks) if asks.is_empty() => {}
                Ok(asks) => drop(actix::spawn(perform(model.clone(), asks))),
                Err(error) => debug!(%error, "cannot read what other services ask"),
            }
        }
        if let Some(notifier) = &notifier {
            notifier.read_others(changes);
        }
    }
}

/// What this service reported last.
#[derive(Default)]
struct Reported {
    at: Option<Instant>,
    report: Option<Report>,
}

impl Reported {
    async fn report(&mut self, store: &dyn Peers, report: Report) {
        let is_new = self.report.as_ref().is_none_or(|before| report.is_news_to(before));
        if !is_new && self.at.is_some_and(|at| at.elapsed() < REPORT_EVERY) {
            return;
        }
        match store.report(&report).await {
            Ok(()) => {
                self.at = Some(Instant::now());
                self.report = Some(report);
                if is_new {
                    store.announce(Changes { services: true, ..Changes::default() });
                }
            }
            Err(error) => debug!(%error, "this service cannot report"),
        }
    }
}

/// In their order.
async fn perform(model: ModelHandle, asks: Vec<Ask>) {
    for ask in asks {
        info!(?ask, "asked by another service or worker");
        match ask {
            Ask::Load { model: name, is_for_client, keep_alive } => match model.find(name.as_deref()) {
                Some(number) => {
                    let demand = if is_for_client { Demand::TurnedAway } else { Demand::Request };
                    model.demand_for(demand, number, keep_alive);
                }
                None => warn!(?name, "another service asks for a model that is not in the settings"),
            },
            Ask::NewJob { model: name } => match model.find(Some(&name)) {
                Some(number) => model.demand(Demand::NewJob, number),
                None => warn!(name, "there is a job of a model that is not in the settings"),
            },
            Ask::Unload { hold } => {
                // An actor that has stopped ends the process.
                let _ = model.unload(UnloadReason::Request, hold).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::domain::model::lifecycle::Policy;
    use crate::domain::model::stay::Stay;
    use crate::domain::services::tests::{READY, peer};
    use crate::domain::services::{Peer, Role};
    use crate::peers::PeersHandle;
    use crate::ports::StoreError;
    use crate::testing::FakeEngine;
    use crate::testing::world::{Setting, World};

    /// A store with one worker, which reports what it did before.
    #[derive(Default)]
    struct Quiet {
        reads: AtomicUsize,
    }

    #[async_trait]
    impl Peers for Quiet {
        fn own_id(&self) -> Option<&str> {
            Some("api")
        }

        async fn services(&self) -> Result<Vec<Peer>, StoreError> {
            assert!(self.reads.fetch_add(1, Ordering::SeqCst) < 1000, "it reads without a pause");
            Ok(vec![peer("gpu-1", READY, 0, 500)])
        }
    }

    #[actix::test]
    async fn a_service_without_models_does_not_wake_itself() {
        let (world, store) = (World::start(Setting::default()), Arc::new(Quiet::default()));
        let (peers, sender) = PeersHandle::new(store.clone());
        let policy = Policy {
            idle_timeout: Stay::Forever,
            poll_interval: Duration::ZERO,
            unload_hold: Duration::ZERO,
            yield_below_free_bytes: None,
        };
        let model = ModelHandle::elsewhere(&[Arc::new(FakeEngine::default())], policy, peers);
        let report = || Report {
            name: "api".into(),
            role: Role::Api,
            version: "1".into(),
            is_draining: false,
            worker: None,
        };
        tokio::time::pause();
        let exchange =
            run(sender, store.clone(), model, world.jobs.clone(), Some(world.notifier.clone()), report);
        let _ = tokio::time::timeout(Duration::from_secs(60), exchange).await;
        let reads = store.reads.load(Ordering::SeqCst);
        assert!((20..=40).contains(&reads), "{reads}");
    }
}
