//! The models that can be downloaded, and their downloads.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::http::header::ACCEPT;
use actix_web::rt::time::sleep;
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use actix_web_lab::sse;
use actors::domain::model::pulls::{Pull, PullCancelled, Pulls};
use futures_util::{Stream as FutureStream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use super::events::{message, respond};
use crate::auth::Caller;
use crate::error::AppError;
use crate::http::openapi::ServerSentEvent;
use crate::http::service::Service;
use crate::http::views::pull_view::{ModelsView, PullView, PullsView, models_view, pull_view, pulls_view};

/// Time between two events of a download.
const PAUSE: Duration = Duration::from_secs(1);

/// The catalogue, and every other model in the models folder.
#[utoipa::path(
    get, path = "/models",
    responses((status = 200, description = "The catalogue first.", body = ModelsView))
)]
pub(in crate::http) async fn list(service: web::Data<Service>) -> Result<impl Responder, AppError> {
    let models = web::block(move || service.pulls.models()).await.map_err(AppError::internal)?;
    Ok(web::Json(models_view(models)))
}

/// A model to download.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewPull {
    /// One of the catalogue.
    name: String,
}

/// Downloads a model of the catalogue.
///
/// A download that runs already continues; a model that is here is verified. Two are downloaded at the same time.
#[utoipa::path(
    post, path = "/models/pulls", request_body = NewPull,
    responses((status = 202, description = "It is under way.", body = PullView))
)]
pub(in crate::http) async fn pull(
    service: web::Data<Service>,
    new: web::Json<NewPull>,
) -> Result<HttpResponse, AppError> {
    if service.is_draining() {
        return Err(AppError::ShuttingDown);
    }
    let pull =
        service.pulls.ask(&new.name).ok_or_else(|| AppError::NotInCatalog { name: new.name.clone() })?;
    Ok(HttpResponse::Accepted().json(pull_view(&pull)))
}

/// Downloads since the start: of each model the last one.
///
/// With `Accept: text/event-stream` a stream that does not end: an event `pull` for each of them, then one for every change,
/// at most one a second for each download.
#[utoipa::path(
    get, path = "/models/pulls",
    responses((
        status = 200, description = "All of them, or their events.",
        content((PullsView = "application/json"), (ServerSentEvent = "text/event-stream")),
    ))
)]
pub(in crate::http) async fn pulls(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    if !wants_events(&request) {
        return Ok(HttpResponse::Ok().json(pulls_view(&service.pulls.list())));
    }
    let open = service.streams.open(&caller.owner)?;
    Ok(respond(&request, events(service.pulls.watch()), open))
}

/// Cancels a download; what has come stays for the next one. One that has ended is removed from the list.
#[utoipa::path(
    delete, path = "/models/pulls/{name}", params(PullPath),
    responses(
        (status = 200, description = "It is cancelled.", body = PullView),
        (status = 204, description = "It had ended, and is no longer listed."),
    )
)]
pub(in crate::http) async fn cancel(
    service: web::Data<Service>,
    name: web::Path<String>,
) -> Result<HttpResponse, AppError> {
    match service.pulls.cancel(&name).ok_or(AppError::PullNotFound)? {
        PullCancelled::Now(pull) => Ok(HttpResponse::Ok().json(pull_view(&pull))),
        PullCancelled::Removed => Ok(HttpResponse::NoContent().finish()),
    }
}

/// A path that names a download.
#[derive(IntoParams)]
#[into_params(names("name"), parameter_in = Path)]
pub(super) struct PullPath(
    /// The model's name.
    #[expect(dead_code, reason = "for the description")]
    String,
);

fn wants_events(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// Where a reader of the events of downloads is.
struct Follower {
    table: watch::Receiver<Pulls>,
    /// The last change that was taken: changes of all downloads count from 1.
    seen: u64,
    due: VecDeque<Pull>,
    is_first: bool,
}

impl Follower {
    /// The downloads that have changed, in the order in which they did.
    fn look(&mut self) -> bool {
        let table = self.table.borrow_and_update();
        let mut changed: Vec<_> =
            table.list().iter().filter(|pull| pull.version > self.seen).cloned().collect();
        changed.sort_by_key(|pull| pull.version);
        self.seen = table.version();
        self.due.extend(changed);
        !table.is_stopped()
    }
}

/// What has changed while the reader was slow is sent as it is now.
fn events(table: watch::Receiver<Pulls>) -> impl FutureStream<Item = sse::Event> {
    let follower = Follower { table, seen: 0, due: VecDeque::new(), is_first: true };
    stream::unfold(follower, |mut follower| async move {
        while follower.due.is_empty() {
            if !follower.is_first {
                sleep(PAUSE).await;
                follower.table.changed().await.ok()?;
            }
            follower.is_first = false;
            let is_open = follower.look();
            if !is_open && follower.due.is_empty() {
                return None;
            }
        }
        let pull = follower.due.pop_front()?;
        let mut data = json!(pull_view(&pull));
        data["type"] = json!("pull");
        Some((message(pull.version, "pull", &data), follower))
    })
}
