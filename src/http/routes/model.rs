//! The model's routes.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::rt::time::timeout;
use actix_web::{HttpResponse, Responder, web};
use actors::domain::event::UnloadReason;
use actors::domain::model::lifecycle::Failure;
use actors::domain::services::{Ask, Peer, REPORT_EVERY, ReportedPhase};
use actors::model::{ModelStatus, State};
use futures_util::future::join_all;

use crate::error::AppError;
use crate::http::intake::query::{Loading, OnWorker, Query, Unloading};
use crate::http::service::Service;
use crate::http::views::model_view::{StatusView, status_view, status_view_on};
use crate::http::views::worker_view::device_peers;

/// Every worker.
const ALL: &str = "*";
/// How long an answer waits for other services.
const WAIT_LIMIT: Duration = Duration::from_secs(120);

/// The model's state, at once.
///
/// Of a service that runs no jobs: each model where it will run soonest, and the memory of all workers.
#[utoipa::path(
    get, path = "/model/status", params(OnWorker),
    responses((status = 200, description = "The status.", body = StatusView))
)]
pub(in crate::http) async fn status(
    service: web::Data<Service>,
    Query(query): Query<OnWorker>,
) -> Result<impl Responder, AppError> {
    Ok(web::Json(match workers_of(&service, query.worker.as_deref())? {
        Some(workers) => status_view_on(&service, &service.model.status_on(&workers), &workers),
        None => status_view(&service, &service.model.status()),
    }))
}

/// Loads the model.
///
/// 200 when it is ready, 202 while that is under way; with `?wait=true` 422 once it cannot be.
#[utoipa::path(
    post, path = "/model/load", params(Loading),
    responses(
        (status = 200, description = "It is ready.", body = StatusView),
        (status = 202, description = "That is under way, or waits for memory.", body = StatusView),
    )
)]
pub(in crate::http) async fn load(
    service: web::Data<Service>,
    Query(query): Query<Loading>,
) -> Result<HttpResponse, AppError> {
    let keep_alive = query.keep_alive()?;
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let model = service.find_model(query.model.as_deref())?;
    if let Some(workers) = workers_of(&service, query.worker.as_deref())? {
        let name = service.model.names().into_iter().nth(model.0).unwrap_or_default();
        let (workers, without): (Vec<_>, Vec<_>) =
            workers.into_iter().partition(|peer| phase_on(peer, &name).is_some());
        if let (true, Some(peer)) =
            (workers.is_empty() || query.worker.as_deref() != Some(ALL), without.first())
        {
            let known = model_names(peer).join(", ");
            return Err(AppError::UnknownModel { name, known });
        }
        let ask = Ask::Load { model: Some(name.clone()), is_for_client: false, keep_alive };
        let is_settled = |before: &Peer, now: &Peer| {
            let (Some(was), Some(is)) = (phase_on(before, &name), phase_on(now, &name)) else { return false };
            // One that failed before may have been reported again before it was tried.
            let is_new = was != is || now.reported_at > before.reported_at.after(2 * REPORT_EVERY);
            is.is_ready() || (is.is_settled() && is_new)
        };
        let now = ask_workers(&service, &workers, &ask, query.wait, is_settled).await?;
        let phases: Vec<_> = now.iter().filter_map(|peer| phase_on(peer, &name)).collect();
        if let (true, Some(ReportedPhase::Failed { code, message })) =
            (query.wait, phases.iter().find(|phase| matches!(phase, ReportedPhase::Failed { .. })))
        {
            let Failure { code, message } = Failure::reported(code, message.clone());
            return Err(AppError::ModelFailed { code, message });
        }
        let is_done = phases.len() == workers.len() && phases.iter().all(|phase| phase.is_ready());
        return Ok(answer_of_workers(&service, &now, is_done));
    }
    let loaded = match query.wait {
        true => service.model.load_and_wait(model, keep_alive).await,
        false => service.model.load(model, keep_alive).await,
    };
    let status = loaded.map_err(AppError::internal)?;
    let asked_for = status.of(model);
    if let (true, Some(failure)) = (query.wait, asked_for.failure()) {
        return Err(AppError::ModelFailed { code: failure.code, message: failure.message.clone() });
    }
    Ok(answer(&service, &status, asked_for.state() == State::Ready))
}

/// Unloads the model.
///
/// 200 when it is unloaded, 202 while a chunk is still running.
#[utoipa::path(
    post, path = "/model/unload", params(Unloading),
    responses(
        (status = 200, description = "It is unloaded.", body = StatusView),
        (status = 202, description = "A chunk is still running.", body = StatusView),
    )
)]
pub(in crate::http) async fn unload(
    service: web::Data<Service>,
    Query(query): Query<Unloading>,
) -> Result<HttpResponse, AppError> {
    let hold = query.hold()?.unwrap_or(service.limits.unload_hold);
    if !service.devices.is_empty() && query.worker.as_deref().is_none_or(|worker| worker == ALL) {
        return unload_devices(&service, hold, query.wait).await;
    }
    // What a service without models unloads is on the workers.
    let everywhere = service.model.is_elsewhere().then_some(ALL);
    if let Some(workers) = workers_of(&service, query.worker.as_deref().or(everywhere))? {
        let ask = Ask::Unload { hold: Some(hold) };
        let has_none = |peer: &Peer| {
            let worker = peer.report.worker.as_ref();
            worker.is_none_or(|worker| worker.models.iter().all(|known| !known.phase.is_in_memory()))
        };
        let now = ask_workers(&service, &workers, &ask, query.wait, |_, now| has_none(now)).await?;
        return Ok(answer_of_workers(&service, &now, now.iter().all(has_none)));
    }
    if query.wait {
        let unloaded = service.model.unload_and_wait(UnloadReason::Request, Some(hold)).await;
        let status = unloaded.map_err(AppError::internal)?;
        return Ok(HttpResponse::Ok().json(status_view(&service, &status)));
    }
    let status = service.model.unload(UnloadReason::Request, Some(hold)).await.map_err(AppError::internal)?;
    Ok(answer(&service, &status, status.state() == State::Unloaded))
}

/// The same on all devices of this service.
async fn unload_devices(service: &Service, hold: Duration, waits: bool) -> Result<HttpResponse, AppError> {
    let unloads = service.models().map(|model| async move {
        match waits {
            true => model.unload_and_wait(UnloadReason::Request, Some(hold)).await,
            false => model.unload(UnloadReason::Request, Some(hold)).await,
        }
    });
    let statuses = join_all(unloads).await.into_iter().collect::<Result<Vec<_>, _>>();
    let is_done =
        statuses.map_err(AppError::internal)?.iter().all(|status| status.state() == State::Unloaded);
    let status = service.model.status_on(&device_peers(service));
    Ok(answer(service, &status, waits || is_done))
}

/// The workers that a request names; `None` where it names none, or the only one there is.
///
/// # Errors
/// There is no such worker.
fn workers_of(service: &Service, name: Option<&str>) -> Result<Option<Vec<Peer>>, AppError> {
    let Some(name) = name else { return Ok(None) };
    let peers = service.peers.list();
    if peers.is_empty() && [ALL, &service.node.name].contains(&name) {
        return Ok(None);
    }
    let workers: Vec<&Peer> = peers.iter().filter(|peer| peer.report.worker.is_some()).collect();
    let named = workers.iter().filter(|peer| match name {
        ALL => peer.is_live,
        name => peer.id == name || peer.report.name == name,
    });
    let named: Vec<Peer> = named.map(|peer| (*peer).clone()).collect();
    if named.is_empty() && name != ALL {
        let known = workers.iter().map(|peer| peer.report.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(AppError::WorkerNotFound { name: name.to_owned(), known });
    }
    Ok(Some(named))
}

/// The phase of that model on a worker; `None` where it has no such model.
fn phase_on<'a>(peer: &'a Peer, model: &str) -> Option<&'a ReportedPhase> {
    Some(&peer.report.worker.as_ref()?.of(model)?.phase)
}

fn model_names(peer: &Peer) -> Vec<String> {
    let worker = peer.report.worker.iter();
    worker.flat_map(|worker| &worker.models).map(|known| known.id.clone()).collect()
}

/// Asks each of the workers, waits for as long as it may until all are as wanted, each compared with what it was before, and gives
/// their last reports.
async fn ask_workers(
    service: &Service,
    workers: &[Peer],
    ask: &Ask,
    waits: bool,
    is_done: impl Fn(&Peer, &Peer) -> bool,
) -> Result<Vec<Peer>, AppError> {
    for worker in workers {
        service.peers.ask(&worker.id, ask).await?;
    }
    let now_of = |worker: &Peer, peers: &[Peer]| peers.iter().find(|peer| peer.id == worker.id).cloned();
    let all_are_done = |peers: &Arc<Vec<Peer>>| {
        workers.iter().all(|worker| now_of(worker, peers).is_none_or(|now| is_done(worker, &now)))
    };
    let mut peers = service.peers.watch();
    if waits {
        let _ = timeout(WAIT_LIMIT, peers.wait_for(all_are_done)).await;
    }
    let peers = peers.borrow().clone();
    Ok(workers.iter().filter_map(|worker| now_of(worker, &peers)).collect())
}

fn answer_of_workers(service: &Service, workers: &[Peer], is_done: bool) -> HttpResponse {
    let code = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    let status = service.model.status_on(workers);
    HttpResponse::build(code).json(status_view_on(service, &status, workers))
}

fn answer(service: &Service, status: &ModelStatus, is_done: bool) -> HttpResponse {
    let code = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    HttpResponse::build(code).json(status_view(service, status))
}
