//! What is known here of the services that share the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::domain::services::{Ask, Peer, is_served_elsewhere, loader, may_be_loaded_elsewhere, soonest};
use crate::ports::{Peers, StoreError};

/// How long one worker has to load a model that jobs wait for before another one may.
const LOAD_TURN: Duration = Duration::from_secs(15);

/// What is known of the services and workers on the store, this one among them. Empty unless the store is shared.
#[derive(Clone)]
pub struct PeersHandle {
    store: Arc<dyn Peers>,
    peers: watch::Receiver<Arc<Vec<Peer>>>,
}

/// Where [`exchange`](crate::exchange) puts what it reads.
pub struct PeersSender(pub(crate) watch::Sender<Arc<Vec<Peer>>>);

impl PeersSender {
    /// Reads what all services reported last.
    pub async fn read(&self, store: &dyn Peers) {
        match store.services().await {
            Ok(peers) => drop(self.0.send_replace(Arc::new(peers))),
            Err(error) => debug!(%error, "cannot read the reports of other services"),
        }
    }
}

impl PeersHandle {
    pub fn new(store: Arc<dyn Peers>) -> (Self, PeersSender) {
        let (sender, peers) = watch::channel(Arc::default());
        (Self { store, peers }, PeersSender(sender))
    }

    pub fn list(&self) -> Arc<Vec<Peer>> {
        self.peers.borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<Arc<Vec<Peer>>> {
        self.peers.clone()
    }

    /// Whether a job of that model could run at once, on this service or another.
    pub fn is_ready(&self, model: &str) -> bool {
        soonest(&self.peers.borrow(), model).is_some_and(|phase| phase.is_ready())
    }

    /// Whether another worker will sooner run a job of that model than this one, which would have to load it.
    pub(crate) fn is_served_elsewhere(&self, model: &str) -> bool {
        self.store.own_id().is_some_and(|myself| is_served_elsewhere(&self.peers.borrow(), myself, model))
    }

    /// Whether another worker has nothing to do and could load that model at once.
    pub(crate) fn may_be_loaded_elsewhere(&self, model: &str) -> bool {
        self.store.own_id().is_some_and(|myself| may_be_loaded_elsewhere(&self.peers.borrow(), myself, model))
    }

    /// Whether it is this worker's turn to load a model that jobs wait for: one after the other, so that one job does not load
    /// it everywhere.
    pub(crate) async fn may_load(&self, model: &str) -> Result<bool, StoreError> {
        self.store.take_duty(&format!("load {model}"), LOAD_TURN).await
    }

    /// Asks the service of that id.
    pub async fn ask(&self, id: &str, ask: &Ask) -> Result<(), StoreError> {
        self.store.ask(id, ask).await
    }

    /// Asks the worker that can load the model soonest, if there is any.
    pub(crate) async fn ask_to_load(&self, model: &str, ask: Ask) {
        let peers = self.list();
        let Some(worker) = loader(&peers, model) else {
            return info!(model, "no worker is there that can load the model");
        };
        if let Err(error) = self.ask(&worker.id, &ask).await {
            warn!(model, worker = worker.report.name, %error, "a worker could not be asked to load the model");
        }
    }
}
