//! Who waits for the same job: calls that were sent again, and the first of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A call that all callers left is remembered for this long: the longest `[openai] join_secs`.
const REMEMBERED: Duration = Duration::from_secs(86_400);

/// Calls that are the same, by what makes them so: those that wait, and those that were left before their answer.
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
    /// The number of the caller who joined last.
    latest: u64,
    touched: Instant,
}

impl Callers {
    /// Counts a caller, who looks for the job afterwards: it is not cancelled from now on. One that was just being cancelled
    /// has ended when this returns.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it counts no caller.
    pub(super) async fn join(self: &Arc<Self>, call: String) -> Waiting {
        let waiting = self.count(call, Instant::now());
        drop(self.cancelling.lock().await);
        waiting
    }

    fn count(self: &Arc<Self>, call: String, now: Instant) -> Waiting {
        let mut known = self.known();
        known.calls.retain(|_, call| call.waiting > 0 || now < call.touched + REMEMBERED);
        known.joined += 1;
        let (latest, is_repeated) = (known.joined, known.calls.contains_key(&call));
        let of_it = known.calls.entry(call.clone()).or_insert(Call { waiting: 0, latest, touched: now });
        of_it.waiting += 1;
        of_it.latest = latest;
        of_it.touched = now;
        Waiting { callers: self.clone(), call, is_counted: true, is_repeated }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// One caller less. The number of the latest, if no caller waits now.
    fn uncount(&mut self, call: &str) -> Option<u64> {
        let of_it = self.calls.get_mut(call)?;
        of_it.waiting = of_it.waiting.saturating_sub(1);
        (of_it.waiting == 0).then_some(of_it.latest)
    }
}

/// A caller that is counted until this is dropped. The last one removes the call: its job is over.
pub(super) struct Waiting {
    callers: Arc<Callers>,
    call: String,
    is_counted: bool,
    is_repeated: bool,
}

impl Waiting {
    /// Whether the same call waits or was left before its answer: a result that there is by now is this caller's, too.
    pub(super) fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    /// The caller disconnected before the job's end. `None` while others wait.
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
    /// the cancellation is done. Where `cancel` finds that the job has ended (`false`), its result stays for the next
    /// caller.
    pub(super) async fn unless_joined(self, cancel: impl Future<Output = bool>) {
        let _cancelling = self.callers.cancelling.lock().await;
        if let Some(call) = self.forget()
            && !cancel.await
        {
            self.callers.known().calls.entry(self.call.clone()).or_insert(call);
        }
    }

    /// The call, if no caller joined it since it was left.
    fn forget(&self) -> Option<Call> {
        let mut known = self.callers.known();
        let since = known.calls.get(&self.call);
        let is_left = since.is_some_and(|of_it| of_it.waiting == 0 && of_it.latest == self.latest);
        if is_left { known.calls.remove(&self.call) } else { None }
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
        abandoned
            .unless_joined(async {
                cancelled.set(true);
                true
            })
            .await;
        cancelled.get()
    }

    #[tokio::test]
    async fn a_job_is_cancelled_once_its_last_caller_disconnected() {
        let callers = Arc::<Callers>::default();
        let (first, second) = (callers.join("a".into()).await, callers.join("a".into()).await);
        let _other = callers.join("b".into()).await;
        assert!(first.leave().is_none(), "the second still waits");
        assert!(is_cancelled(second.leave().unwrap()).await);
    }

    #[tokio::test]
    async fn a_caller_that_retries_keeps_the_job() {
        let callers = Arc::<Callers>::default();
        let left = callers.join("a".into()).await.leave().unwrap();
        let again = callers.join("a".into()).await;
        assert!(!is_cancelled(left).await);

        // Only the last caller decides.
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
    async fn a_result_is_for_callers_that_were_left_without_it() {
        let callers = Arc::<Callers>::default();
        let first = callers.join("a".into()).await;
        assert!(!first.is_repeated());
        assert!(callers.join("a".into()).await.is_repeated(), "the first still waits");
        drop(first);
        let answered = callers.join("a".into()).await;
        assert!(!answered.is_repeated(), "the first one was answered");
        answered.leave().unwrap().unless_joined(async { false }).await;
        assert!(callers.join("a".into()).await.is_repeated(), "the job ended after its caller left");
        assert!(!callers.join("a".into()).await.is_repeated(), "and is answered now");
    }

    #[tokio::test]
    async fn calls_that_were_left_are_forgotten_after_a_day() {
        let callers = Arc::<Callers>::default();
        let _left = callers.join("a".into()).await.leave().unwrap();
        drop(callers.count("b".into(), Instant::now() + REMEMBERED));
        assert!(callers.known().calls.is_empty());
    }

    #[tokio::test]
    async fn a_call_during_the_cancellation_waits_for_its_end() {
        let callers = Arc::<Callers>::default();
        let left = callers.join("a".into()).await.leave().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let mut cancelling = Box::pin(left.unless_joined(async { ended.await.is_ok() }));
        assert!((&mut cancelling).now_or_never().is_none());
        let mut coming = Box::pin(callers.join("a".into()));
        assert!((&mut coming).now_or_never().is_none());
        end.send(()).unwrap();
        cancelling.await;
        drop(coming.await);
    }
}
