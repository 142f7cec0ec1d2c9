//! A service among others on one store: it reports what it is, does what others ask of it, and hands on what they have written.

use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use crate::domain::event::{Stream, UnloadReason};
use crate::domain::model::lifecycle::Demand;
use crate::domain::services::{Ask, REPORT_EVERY, Report};
use crate::job::JobHandle;
use crate::model::ModelHandle;
use crate::notifier::NotifierHandle;
use crate::peers::PeersSender;
use crate::ports::{Changes, Peers};

/// Runs for as long as the service; where there can be no others it does nothing.
pub async fn run(
    sender: PeersSender,
    store: Arc<dyn Peers>,
    model: ModelHandle,
    jobs: JobHandle,
    notifier: NotifierHandle,
    report: impl Fn() -> Report,
) {
    if !store.are_there() {
        return;
    }
    let mut status = model.watch();
    let mut reported = Reported::default();
    loop {
        let changes = tokio::select! {
            changes = store.changes() => changes,
            changed = status.changed() => match changed {
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
            match store.services().await {
                Ok(peers) => drop(sender.0.send_replace(Arc::new(peers))),
                Err(error) => debug!(%error, "cannot read the reports of other services"),
            }
            match store.asked().await {
                Ok(asks) => asks.into_iter().for_each(|ask| perform(&model, ask)),
                Err(error) => debug!(%error, "cannot read what other services ask"),
            }
        }
        notifier.read_others(changes);
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

fn perform(model: &ModelHandle, ask: Ask) {
    info!(?ask, "another service asks");
    match ask {
        Ask::Load { model: name, is_for_client, keep_alive } => match model.find(name.as_deref()) {
            Some(number) => {
                let demand = if is_for_client { Demand::TurnedAway } else { Demand::Request };
                model.demand_for(demand, number, keep_alive);
            }
            None => warn!(?name, "another service asks for a model that is not in the settings"),
        },
        Ask::Unload { hold } => {
            let model = model.clone();
            actix::spawn(async move { model.unload(UnloadReason::Request, hold).await });
        }
    }
}
