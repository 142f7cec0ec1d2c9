//! A job's recording: as it was sent, and how loud it is.

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_SECURITY_POLICY, Charset, ContentDisposition, ContentRange,
    ContentRangeSpec, DispositionParam, DispositionType, ETag, EntityTag, ExtendedValue,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use actors::domain::jobs::job::Job;
use actors::ports::BlobBytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::jobs::find;
use crate::auth::Caller;
use crate::error::AppError;
use crate::http::byte_range::{Part, is_unchanged, part_of};
use crate::http::intake::query::{JobPath, Query};
use crate::http::loudness::peaks_of;
use crate::http::service::Service;
use crate::wire_time::secs;

/// The file comes from anyone: shown by itself, it runs and loads nothing, and has no origin.
const SANDBOX: &str = "default-src 'none'; media-src 'self'; frame-ancestors 'none'; sandbox";
/// So many bytes are enough to recognise a recording.
const HEAD_BYTES: u64 = 4096;

/// The recording as it was sent.
///
/// Single ranges are taken. The content type is judged by content.
#[utoipa::path(
    get, path = "/jobs/{id}/audio",
    params(
        JobPath,
        ("Range" = Option<String>, Header, nullable = false, description = "A single range, as `bytes=0-1023`."),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "An ETag: 304 if it is still right."),
        ("If-Range" = Option<String>, Header, nullable = false, description = "An ETag: all of it unless it is still right."),
    ),
    responses(
        (status = 200, description = "All of it.", headers(("ETag" = String), ("Accept-Ranges" = String)), content(
            (String = "audio/*"), (String = "video/*"), (String = "application/octet-stream"),
        )),
        (status = 206, description = "The range.", headers(("ETag" = String), ("Content-Range" = String)), content(
            (String = "audio/*"), (String = "video/*"), (String = "application/octet-stream"),
        )),
        (status = 304, description = "The client has it."),
    )
)]
pub(in crate::http) async fn audio(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    let job = find(&service, &caller, &id).await?;
    let (bytes, tag) = (job.audio.bytes, EntityTag::new_strong(job.audio.sha256.clone()));
    let (mut response, first, end) = match part_of(&request, &tag, bytes) {
        Part::Unchanged => return Ok(unchanged(tag)),
        Part::Unsatisfiable => return Err(AppError::RangeNotSatisfiable { bytes }),
        Part::Whole => (HttpResponse::Ok(), 0, bytes),
        Part::Range { first, last } => {
            let range = ContentRangeSpec::Bytes { range: Some((first, last)), instance_length: Some(bytes) };
            let mut response = HttpResponse::PartialContent();
            response.insert_header(ContentRange(range));
            (response, first, last + 1)
        }
    };
    let head = read(&service, &job, 0, bytes.min(HEAD_BYTES)).await?;
    let head: Vec<u8> =
        head.try_fold(Vec::new(), async |head, piece| Ok([&head[..], &piece[..]].concat())).await?;
    let body = match request.method() {
        &Method::HEAD => stream::empty().boxed(),
        _ => read(&service, &job, first, end).await?,
    };
    let kind = service.recordings.media_type(&head);
    tagged(&mut response, tag)
        .insert_header((ACCEPT_RANGES, "bytes"))
        .insert_header((CONTENT_SECURITY_POLICY, SANDBOX))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        .insert_header(disposition(job.audio.filename.as_deref()))
        .content_type(kind);
    Ok(response.body(SizedStream::new(end - first, body.map_err(AppError::from))))
}

async fn read(service: &Service, job: &Job, first: u64, end: u64) -> Result<BlobBytes, AppError> {
    let found = service.blobs.read(&job.audio.blob, first..end).await?;
    found.ok_or(AppError::RecordingNotFound)
}

/// What may be kept is asked for again each time: a job may be removed, or a key be withdrawn.
fn tagged(response: &mut HttpResponseBuilder, tag: EntityTag) -> &mut HttpResponseBuilder {
    response.insert_header(ETag(tag)).insert_header((CACHE_CONTROL, "private, no-cache"))
}

fn unchanged(tag: EntityTag) -> HttpResponse {
    tagged(&mut HttpResponse::NotModified(), tag).finish()
}

/// Under the name that it was sent with; without what old clients do not read, and as it is for all others.
fn disposition(filename: Option<&str>) -> ContentDisposition {
    let name = filename.unwrap_or_default();
    let plain: String = name.chars().map(|c| if (' '..='~').contains(&c) { c } else { '_' }).collect();
    let mut parameters = Vec::new();
    if !name.is_empty() {
        parameters.push(DispositionParam::Filename(plain.clone()));
    }
    if plain != name {
        let value = name.as_bytes().to_vec();
        let charset = Charset::Ext("UTF-8".to_owned());
        parameters.push(DispositionParam::FilenameExt(ExtendedValue { charset, language_tag: None, value }));
    }
    ContentDisposition { disposition: DispositionType::Inline, parameters }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Drawing {
    /// How many peaks; 1000 unless it is given.
    #[param(minimum = 1, maximum = 4000)]
    points: Option<u32>,
}

impl Drawing {
    fn points(&self) -> Result<u32, AppError> {
        match self.points.unwrap_or(1000) {
            points @ 1..=4000 => Ok(points),
            points => Err(AppError::invalid_query("points", format!("points is {points}: use 1 to 4000"))),
        }
    }
}

/// How loud a recording is.
#[derive(Serialize, ToSchema)]
#[schema(as = Peaks)]
pub(in crate::http) struct PeaksView {
    /// The loudest sample, 0 to 1, of each of as many parts of equal length.
    #[schema(min_items = 1, max_items = 4000)]
    peaks: Vec<f64>,
    /// Of the whole recording, as it was decoded.
    duration_secs: f64,
}

/// How loud the recording is, for drawing it.
///
/// The first request for a recording decodes it, which takes about a second for 15 minutes of audio.
#[utoipa::path(
    get, path = "/jobs/{id}/audio/peaks",
    params(
        JobPath, Drawing,
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "An ETag: 304 if it is still right."),
    ),
    responses(
        (status = 200, description = "The peaks.", body = PeaksView, headers(("ETag" = String))),
        (status = 304, description = "The client has them."),
    )
)]
pub(in crate::http) async fn peaks(
    service: web::Data<Service>,
    caller: Caller,
    id: web::Path<String>,
    Query(drawing): Query<Drawing>,
    request: HttpRequest,
) -> Result<HttpResponse, AppError> {
    let points = drawing.points()?;
    let job = find(&service, &caller, &id).await?;
    // What they are measured of: the recording and which of its tracks.
    let tag = EntityTag::new_strong(format!("{}-{}-{points}", job.id, job.audio.sha256));
    if is_unchanged(&request, &tag) {
        return Ok(unchanged(tag));
    }
    // Measured before or not: without the recording there is nothing to draw.
    drop(read(&service, &job, 0, 1).await?);
    let peaks = peaks_of(service, job).await?;
    let rounded = |peak: f64| (peak * 1e4).round() / 1e4;
    let view = PeaksView {
        peaks: peaks.points(points).into_iter().map(rounded).collect(),
        duration_secs: secs(actors::domain::audio::secs(peaks.samples)),
    };
    Ok(tagged(&mut HttpResponse::Ok(), tag).json(view))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filename_stays_inside_its_header() {
        let of = |name| disposition(name).to_string();
        assert_eq!(of(None), "inline");
        assert_eq!(of(Some("a.wav")), "inline; filename=\"a.wav\"");
        assert_eq!(of(Some("a\".wav")), "inline; filename=\"a\\\".wav\"");
        assert_eq!(of(Some("ü\n.wav")), "inline; filename=\"__.wav\"; filename*=UTF-8''%C3%BC%0A.wav");
    }
}
