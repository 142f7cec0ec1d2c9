//! Who waits for the same job: calls that were sent again, and the first of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Calls that are the same, by what makes them so, for as long as one of them waits or its job may be cancelled.
#[derive(Default)]
pub struct Callers {
    known: Mutex<Known>,
    /// Held while a job is cancelled.
    cancelling: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    calls: HashMap<String, Call>,
    /// How many callers there ever were.
    joined: u64,
}

struct Call {
    waiting: usize,
    /// The number of the one who came last.
    latest: u64,
}

impl Callers {
    /// Counts a caller, who looks for the job afterwards: it is not cancelled from now on. One that was just being cancelled
    /// has ended when this returns.
    ///
    /// # Cancel safety
    /// Dropped before it returns, nobody was counted.
    pub(super) async fn join(self: &Arc<Self>, call: String) -> Waiting {
        let waiting = self.count(call);
        drop(self.cancelling.lock().await);
        waiting
    }

    fn count(self: &Arc<Self>, call: String) -> Waiting {
        let mut known = self.known();
        known.joined += 1;
        let latest = known.joined;
        let of_it = known.calls.entry(call.clone()).or_insert(Call { waiting: 0, latest });
        of_it.waiting += 1;
        of_it.latest = latest;
        Waiting { callers: self.clone(), call, is_counted: true }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// One caller less. The number of the one who came last, if nobody waits now.
    fn uncount(&mut self, call: &str) -> Option<u64> {
        let of_it = self.calls.get_mut(call)?;
        of_it.waiting = of_it.waiting.saturating_sub(1);
        (of_it.waiting == 0).then_some(of_it.latest)
    }
}

/// A caller who is counted until this is dropped. The last one forgets the call: its job is over.
pub(super) struct Waiting {
    callers: Arc<Callers>,
    call: String,
    is_counted: bool,
}

impl Waiting {
    /// The caller is gone before the job's end. `None` while others wait.
    pub(super) fn leave(mut self) -> Option<Abandoned> {
        self.is_counted = false;
        let latest = self.callers.known().uncount(&self.call)?;
        Some(Abandoned { callers: self.callers.clone(), call: self.call.clone(), latest })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_counted {
            return;
        }
        let mut known = self.callers.known();
        if known.uncount(&self.call).is_some() {
            known.calls.remove(&self.call);
        }
    }
}

/// A job that all of its callers have left.
pub(super) struct Abandoned {
    callers: Arc<Callers>,
    call: String,
    latest: u64,
}

impl Abandoned {
    /// Runs `cancel`, unless a caller joined the job since the last one left. A caller that joins meanwhile waits until
    /// the cancellation is done.
    pub(super) async fn unless_joined(self, cancel: impl Future<Output = ()>) {
        let _cancelling = self.callers.cancelling.lock().await;
        if self.is_still_left() {
            cancel.await;
        }
    }

    /// Forgets the call, if so.
    fn is_still_left(&self) -> bool {
        let mut known = self.callers.known();
        let since = known.calls.get(&self.call);
        let is_left = since.is_some_and(|of_it| of_it.waiting == 0 && of_it.latest == self.latest);
        if is_left {
            known.calls.remove(&self.call);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    async fn is_cancelled(abandoned: Abandoned) -> bool {
        let cancelled = Cell::new(false);
        abandoned.unless_joined(async { cancelled.set(true) }).await;
        cancelled.get()
    }

    #[tokio::test]
    async fn a_job_is_cancelled_once_its_last_caller_is_gone() {
        let callers = Arc::<Callers>::default();
        let (first, second) = (callers.join("a".into()).await, callers.join("a".into()).await);
        let _other = callers.join("b".into()).await;
        assert!(first.leave().is_none(), "the second still waits");
        assert!(is_cancelled(second.leave().unwrap()).await);
    }

    #[tokio::test]
    async fn a_caller_who_comes_back_keeps_the_job() {
        let callers = Arc::<Callers>::default();
        let left = callers.join("a".into()).await.leave().unwrap();
        let again = callers.join("a".into()).await;
        assert!(!is_cancelled(left).await);

        // Only who was the last decides.
        let left = again.leave().unwrap();
        let left_again = callers.join("a".into()).await.leave().unwrap();
        assert!(!is_cancelled(left).await);
        assert!(is_cancelled(left_again).await);
    }

    #[tokio::test]
    async fn an_answered_caller_leaves_nothing() {
        let callers = Arc::<Callers>::default();
        let left = callers.join("a".into()).await.leave().unwrap();
        drop(callers.join("a".into()).await);
        assert!(!is_cancelled(left).await, "the job is over");
        assert!(callers.known().calls.is_empty());
    }

    #[tokio::test]
    async fn whoever_comes_while_the_job_is_cancelled_waits_for_its_end() {
        let callers = Arc::<Callers>::default();
        let left = callers.join("a".into()).await.leave().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let mut cancelling = Box::pin(left.unless_joined(async { ended.await.unwrap() }));
        assert!((&mut cancelling).now_or_never().is_none());
        let mut coming = Box::pin(callers.join("a".into()));
        assert!((&mut coming).now_or_never().is_none());
        end.send(()).unwrap();
        cancelling.await;
        drop(coming.await);
    }
}
