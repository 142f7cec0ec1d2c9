//! Looking for work: the next job, and its model.
//!
//! This table is the whole decision; `order_tests` goes through it row by row. A line is the queue of one priority. Where
//! several rows apply, the later one counts.
//!
//! | situation | which job runs next | why |
//! | --- | --- | --- |
//! | jobs of both priorities wait | the interactive job | a client waits for its result |
//! | four interactive jobs in a row were taken and a batch job waits | the batch job ([`Turns`]) | a flood of interactive jobs does not stop batch jobs |
//! | one owner has several jobs of a priority | the oldest ([`Rank`]) | they run in the order in which they came |
//! | several owners have jobs of a priority | the job of the owner served longest ago ([`Rank`]) | a thousand jobs of one owner do not delay another owner's |
//! | a job of the priority was begun before and given back | that job ([`Rank`]) | an interrupted job keeps its place |
//! | the first job is for another model and jobs of the loaded one wait in its line | a job of the loaded model, up to 8 jobs or 600 s of audio ([`Overtakes`]) | a load takes as long as many a job |
//! | as many have overtaken the first job as may | no job until its model is loaded, then the first job | every job gets its model |
//! | the first job is interactive and only batch jobs are for the loaded model | no job until its model is loaded, then the first job | a batch job overtakes no interactive one |
//! | a client was turned away and asked to retry for another model | jobs of the loaded model, as many as may overtake; then its model is loaded | the client gets its model however long the queue is |
//! | the loaded model is kept for a client that was asked to retry or asked for it | its jobs, batch ones and those over the limit too | the client that it is kept for comes with a job |
//! | the model of the first job waits for memory | jobs of other models, until the next try | they may fit into the memory that there is |
//! | the model of the first job cannot be loaded | jobs of other models | only a new job or a request has it tried again |
//! | the same with on_model_failed = "fail" | jobs of other models; those of that one fail | their owners learn of it at once |
//! | the same while its file is being downloaded | jobs of other models; none fails | it is tried again after the download |
//! | the same after a new job for that model was taken in | jobs of other models; none fails | the model is tried once more for the new job ([`JobsToFail`](super::jobs_to_fail::JobsToFail)) |
//! | the memory was asked for with a hold | no job until the hold ends, or a new job comes | it is needed elsewhere |
//! | the model of the first job is loaded on another worker that has room | the first of the other jobs | that worker takes it |
//! | this worker does not serve the model of the first job | the first of the other jobs | another worker loads it |
//! | its model is not loaded, jobs run on the loaded one, and another worker is idle | no other job until then | the idle worker loads its model |
//! | no worker has the model loaded, or those that have it are busy | the first job, on the one worker whose turn it is to load | one job does not load its model everywhere |
//! | all workers are busy and an interactive job waits for a worker that runs a batch job | the interactive job, after the present batch of chunks | it waits for seconds, not for the end of a long recording |
//! | all workers are busy and the model of the interactive job cannot be loaded | the batch job runs on | giving way would gain nothing |
//!
//! When the model may go for another one is decided in [`lifecycle`](crate::domain::model::lifecycle);
//! [`queue::place`](crate::domain::jobs::queue::place) computes ahead what this table says.
//!
//! [`Turns`]: crate::domain::jobs::turns::Turns
//! [`Rank`]: crate::domain::jobs::queue::Rank

use std::sync::Arc;
use std::time::Instant;

use tracing::error;

use super::on_model_failed::OnModelFailed;
use super::report;
use super::run::Deps;
use super::snapshot::NAME;
use crate::domain::jobs::job::{JobError, Status};
use crate::domain::jobs::options::Priority;
use crate::domain::jobs::overtakes::{Line, Overtakes};
use crate::domain::model::lifecycle::Demand;
use crate::domain::model::models::ModelNo;
use crate::model::{Known, Lease, ModelStatus, State};
use crate::panics::caught;
use crate::ports::{Claim, Ending, Head, StoreError, Waiting};

/// The state that decides which job is next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub turn: Priority,
    pub overtakes: Overtakes,
    pub on_model_failed: OnModelFailed,
}

/// The result of a search.
pub(super) enum Found {
    /// A job that goes before the first of a line, if it does.
    Work(Box<Claim>, Arc<Lease>, Option<Line>),
    Nothing,
    /// A job of that priority waits for another model, and for the work on this one to end.
    Swap(Priority),
    /// The queue has changed meanwhile.
    Changed,
    /// The store was not well.
    Later,
}

/// Finds a claim and a lease, or asks for the model when there is work and no model.
pub(super) async fn search(deps: Deps, order: Order, lease: Option<Arc<Lease>>) -> Found {
    let found = caught(NAME, try_search(&deps, order, lease)).await;
    match found.unwrap_or_else(|panicked| Err(StoreError::Failed(panicked.to_string()))) {
        Ok(found) => found,
        Err(error) => {
            error!(%error, "cannot look for work");
            Found::Later
        }
    }
}

async fn try_search(
    deps: &Deps,
    Order { turn, overtakes, on_model_failed }: Order,
    lease: Option<Arc<Lease>>,
) -> Result<Found, StoreError> {
    if deps.store.waiting().await? == Waiting::default() {
        return Ok(Found::Nothing);
    }
    let status = deps.model.status();
    if on_model_failed == OnModelFailed::Fail {
        let failing = |model, known: &Known| {
            known.failure.as_ref().is_some_and(|failure| !failure.is_temporary())
                && deps.jobs_to_fail.fails_jobs(model, known.failures)
        };
        for model in status.choices(failing) {
            let number = deps.model.find(model.as_deref()).unwrap_or_default();
            // Not a job that comes meanwhile: for that the model is tried again.
            let keeps_failing = || deps.jobs_to_fail.fails_jobs(number, status.failures(number));
            fail_all(deps, &model, keeps_failing, "model_failed", "the model cannot be loaded").await?;
        }
    }
    let Some(head) = head(deps, turn, &status).await? else { return Ok(Found::Nothing) };
    let Some(wanted) = deps.model.find(head.model.as_deref()) else { return Ok(Found::Nothing) };
    // The client that the model is kept for comes with a job.
    let may_overtake = |line| status.is_promised || overtakes.allow(line);
    match status.state_of(wanted) {
        State::Ready => {
            // The model goes when the last lease is given back.
            let line = status.wanted_next.map(|_| Line::Client);
            if line.is_some_and(|line| !may_overtake(line)) {
                Ok(Found::Nothing)
            } else {
                take(deps, &head, lease, line).await
            }
        }
        State::Unloaded if status.state() == State::Ready => {
            let line = Line::from(head.priority);
            if may_overtake(line)
                && let Some(sooner) = sooner(deps, &head, &status).await?
            {
                return take(deps, &sooner, lease, Some(line)).await;
            }
            let of_others = status.leases().saturating_sub(u32::from(lease.is_some()));
            let is_for_another = status
                .models
                .get(wanted.0)
                .is_some_and(|known| of_others > 0 && deps.peers.may_be_loaded_elsewhere(&known.facts.id));
            // With a lease that is held the model is not idle.
            drop(lease);
            if is_for_another {
                return Ok(Found::Nothing);
            }
            match demand(deps, &status, wanted).await? {
                true => Ok(Found::Swap(head.priority)),
                false => Ok(Found::Nothing),
            }
        }
        State::Unloaded => {
            demand(deps, &status, wanted).await?;
            Ok(Found::Nothing)
        }
        State::Loading | State::Unloading | State::WaitingForGpu | State::Failed => Ok(Found::Nothing),
    }
}

/// Asks for the model, if it is this worker's turn to load it, and says whether it is.
async fn demand(deps: &Deps, status: &ModelStatus, wanted: ModelNo) -> Result<bool, StoreError> {
    let Some(known) = status.models.get(wanted.0) else { return Ok(false) };
    if status.held_until().is_none() && !deps.peers.may_load(&known.facts.id).await? {
        return Ok(false);
    }
    deps.model.demand(Demand::Queue, wanted);
    Ok(true)
}

/// The job whose turn it is. Until a model that ran out of memory is tried again, jobs of other models come first: they may
/// fit.
async fn head(deps: &Deps, turn: Priority, status: &ModelStatus) -> Result<Option<Head>, StoreError> {
    let now = Instant::now();
    // Jobs for other models than the loaded one run where theirs is loaded.
    let may_run_here = |model, known: &Known| {
        let is_loaded = model == status.model && status.state() == State::Ready;
        is_loaded || known.is_served_here && !deps.peers.is_served_elsewhere(&known.facts.id)
    };
    let able = status.choices(|model, known| may_run_here(model, known) && known.may_load(now));
    match deps.store.head(turn, &able).await? {
        Some(head) => Ok(Some(head)),
        None => {
            let able = status.choices(|model, known| may_run_here(model, known) && known.failure.is_none());
            deps.store.head(turn, &able).await
        }
    }
}

/// A job of the loaded model that may go before `head`: a batch job goes before an interactive one only where the
/// model is kept for it.
async fn sooner(deps: &Deps, head: &Head, status: &ModelStatus) -> Result<Option<Head>, StoreError> {
    let loaded = status.names(status.model);
    let sooner = deps.store.head(head.priority, &loaded).await?;
    let may = |sooner: &Head| Overtakes::may_overtake(head.priority, sooner.priority);
    Ok(sooner.filter(|sooner| status.is_promised || may(sooner)))
}

async fn take(
    deps: &Deps,
    head: &Head,
    lease: Option<Arc<Lease>>,
    overtakes: Option<Line>,
) -> Result<Found, StoreError> {
    let wanted = deps.model.find(head.model.as_deref());
    let is_right = |lease: &Lease| Some(lease.number()) == wanted;
    let lease = match lease.filter(|lease| is_right(lease)) {
        Some(lease) => lease,
        None => match deps.model.acquire().await {
            Ok(lease) if is_right(&lease) => Arc::new(lease),
            Ok(_) | Err(_) => return Ok(Found::Nothing),
        },
    };
    let claimed = deps.store.claim(head.priority, head.model.as_deref()).await?;
    let Some((claim, events)) = claimed else { return Ok(Found::Changed) };
    deps.notifier.publish(events);
    Ok(Found::Work(Box::new(claim), lease, overtakes))
}

/// Fails all queued jobs for a model, one after the other, while the model stays failed.
async fn fail_all(
    deps: &Deps,
    model: &Option<String>,
    keeps_failing: impl Fn() -> bool,
    code: &str,
    message: &str,
) -> Result<(), StoreError> {
    for priority in [Priority::Interactive, Priority::Batch] {
        while keeps_failing()
            && let Some((claim, events)) = deps.store.claim(priority, model.as_deref()).await?
        {
            deps.notifier.publish(events);
            let error = JobError { code: code.into(), message: message.into() };
            match deps.store.end(claim.fence, Ending::Failed(error)).await {
                Ok(events) => {
                    let model = deps.model.id_of(model.as_deref());
                    report::ended(&claim.job, &model, Status::Failed, None);
                    deps.notifier.publish(events);
                }
                // Its owner cancelled it at this moment.
                Err(StoreError::LeaseLost) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Jobs for a model that the settings no longer name would wait for ever.
pub(super) async fn fail_those_of_unknown_models(deps: Deps) {
    let failed = async {
        for model in deps.store.models_waited_for().await? {
            if let (Some(name), None) = (&model, deps.model.find(model.as_deref())) {
                let message = format!("the settings name no model {name:?} any more");
                fail_all(&deps, &model, || true, "unknown_model", &message).await?;
            }
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = failed.await {
        error!(%error, "cannot look for jobs of models that are not in the settings");
    }
}
