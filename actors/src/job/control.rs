//! Orders to a run while it works.

use std::time::Duration;

use tokio::sync::watch;

use super::position::Position;
use crate::domain::event::RequeueReason;
use crate::domain::jobs::options::Priority;
use crate::model::State;
use crate::ports::CancelToken;

/// How often a waiting run checks whether it should still wait.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// Whether the service runs or stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Running,
    /// Runs give their jobs back at the next chunk boundary.
    Stopping,
}

/// What to do at a chunk boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    GoOn,
    GiveBack(RequeueReason),
}

#[derive(Clone)]
pub(super) struct Control {
    /// Set when the running chunk must end now.
    pub cancel: CancelToken,
    pub service: watch::Receiver<Service>,
    /// Whether an interactive job waits for a worker.
    pub urgent: watch::Sender<bool>,
    pub position: Position,
}

impl Control {
    pub(super) fn order(&self, model: State) -> Order {
        match (*self.service.borrow(), model) {
            (Service::Stopping, _) => Order::GiveBack(RequeueReason::Shutdown),
            (Service::Running, State::Unloading) => Order::GiveBack(RequeueReason::ModelUnloading),
            (
                Service::Running,
                State::Unloaded | State::Loading | State::Ready | State::WaitingForGpu | State::Failed,
            ) => Order::GoOn,
        }
    }

    /// Whether a job of that priority is to let a more urgent one go first. Only the first caller gets
    /// yes: one job waits, and one worker is enough for it.
    pub(super) fn gives_way(&self, priority: Priority) -> bool {
        priority == Priority::Batch && self.urgent.send_if_modified(std::mem::take)
    }

    /// What is running then, the next start takes up.
    pub(super) fn is_stopping(&self) -> bool {
        *self.service.borrow() == Service::Stopping
    }
}
