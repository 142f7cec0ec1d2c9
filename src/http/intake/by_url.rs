//! A job whose recording is on another server: it is fetched before the job is taken in, so that a job that was taken in
//! has its recording here.

use std::collections::BTreeMap;

use actix_web::error::PayloadError;
use actix_web::rt::time::timeout;
use actix_web::web;
use actors::domain::jobs::job::Job;
use actors::domain::jobs::origin::Origin;
use actors::ports::{Download, Earlier};
use bytes::Bytes;
use futures_util::TryStreamExt;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::body::{all_of, cut_short, write};
use super::disk_room::check_length;
use super::submission::{Form, Upload};
use super::upload_pace::{TooSlow, paced, too_slow};
use crate::error::AppError;
use crate::http::service::{Limits, Service};

/// The most that a body may hold: a prompt, metadata, two URLs.
const LARGEST_BODY: usize = 256 * 1024;

const URL: &str = "url";

/// Recordings that are fetched at a time; further requests wait, in the time that they have for it.
static DOWNLOADS: Semaphore = Semaphore::const_new(8);

/// A request for a recording elsewhere.
pub(in crate::http) struct Remote {
    url: String,
    form: Form,
    fingerprint: String,
    origin: Origin,
}

/// Reads `{"url": …}` with the options of a form beside it. `admit` is asked, with the model that it names, whether such
/// a job is taken.
pub(in crate::http) async fn receive(
    limits: &Limits,
    body: web::Payload,
    admit: impl FnMut(Option<&str>) -> Result<Option<String>, AppError>,
) -> Result<Remote, AppError> {
    let body = Box::pin(paced(body, limits.min_upload_bytes_per_sec));
    let read = all_of(body, LARGEST_BODY).await.map_err(cut_short)?;
    let read = read.ok_or_else(|| invalid(format!("this one is longer than {LARGEST_BODY} bytes")))?;
    parse(limits, &read, admit)
}

pub(in crate::http) fn parse(
    limits: &Limits,
    body: &[u8],
    mut admit: impl FnMut(Option<&str>) -> Result<Option<String>, AppError>,
) -> Result<Remote, AppError> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).map_err(invalid)?;
    let url = fields.remove(URL).ok_or(AppError::MissingFile { part: URL })?;
    let url: String = serde_json::from_str(url.get())
        .map_err(|_| AppError::InvalidUrl("it must be a text with the recording's URL".into()))?;
    let mut form = Form::default();
    for (name, value) in &fields {
        form.set_json(URL, name, value, limits)?;
    }
    form.check()?;
    form.choose_model(&mut admit)?;
    let fingerprint = form.fingerprint(&[Some(&url), None]);
    Ok(Remote { url, form, fingerprint, origin: Origin::default() })
}

fn invalid(what: impl ToString) -> AppError {
    AppError::InvalidBody(format!("send a JSON object with \"url\": {}", what.to_string()))
}

impl Remote {
    pub(in crate::http) fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Makes a job of it, once the recording is here. What was sent under its key before is not fetched again.
    ///
    /// # Cancel safety
    /// None: run it where it cannot be dropped.
    pub(in crate::http) async fn take_in(
        self,
        service: &Service,
        owner: String,
        key: Option<String>,
        earlier: Option<Earlier>,
    ) -> Result<Job, AppError> {
        if let Some(earlier) = earlier {
            let is_same = earlier.fingerprint == self.fingerprint;
            let job = service.jobs.store().job(earlier.id).await?.filter(|_| is_same);
            return job.ok_or(AppError::IdempotencyKeyReused);
        }
        let limit = service.limits.fetch_timeout;
        let fetched = timeout(limit, self.fetch(service)).await;
        let upload = fetched.unwrap_or_else(|_| {
            let message = format!("it took longer than {} s, which is [fetch] timeout_secs", limit.as_secs());
            Err(AppError::FetchFailed(message))
        });
        upload?.take_in(service, owner, key).await
    }

    async fn fetch(self, service: &Service) -> Result<Upload, AppError> {
        let _permit = DOWNLOADS.acquire().await.map_err(AppError::internal)?;
        let Self { url, form, fingerprint, origin } = self;
        let Download { name, bytes, body } = service.sources.open(&url).await?;
        let limit = service.limits.max_upload_bytes;
        if bytes.is_some_and(|bytes| bytes > limit) {
            return Err(AppError::FileTooLarge { limit });
        }
        check_length(service, bytes)?;
        let body = paced(body.map_err(PayloadError::Io), service.limits.min_upload_bytes_per_sec);
        let body = Box::pin(body.map_err(|error| not_all_came(&error)));
        let recording = write(service.blobs.as_ref(), Bytes::new(), body, limit).await?;
        Ok(Upload::fetched(recording, name, form, fingerprint).with_origin(origin))
    }
}

fn not_all_came(error: &PayloadError) -> AppError {
    AppError::FetchFailed(match too_slow(error) {
        Some(TooSlow { bytes_per_sec }) => {
            format!("its server sent less than {bytes_per_sec} bytes in a second, for 30 s")
        }
        None => format!("it was cut short: {error}"),
    })
}
