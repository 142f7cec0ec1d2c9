//! What a run is told from outside while it works.

use tokio::sync::watch;

use crate::domain::event::RequeueReason;
use crate::model::State;
use crate::ports::CancelToken;

/// Whether the service goes on or comes to its end.
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

    pub(super) fn service(&self) -> Service {
        *self.service.borrow()
    }
}
