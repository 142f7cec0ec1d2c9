//! A job as a client sends it: `multipart/form-data`, read as a stream.

use actix_multipart::{Field, Multipart};
use actix_web::error::PayloadError;
use actix_web::http::header::HeaderMap;
use actix_web::web;
use actors::domain::jobs::job::{Audio, BlobKey, Idempotency, Job, JobId, KeyLife, NewJob};
use actors::domain::jobs::options::{LONGEST_HOTWORD_BYTES, MOST_HOTWORDS, Options, Priority, Task};
use actors::domain::jobs::origin::Origin;
use actors::domain::jobs::selection::{NotATrack, Selection, sample_at};
use actors::domain::language::Language;
use actors::domain::model::stay::{NotAStay, Stay};
use actors::ports::{BlobStore, BlobWriter, StoredBlob};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tracing::warn;

use super::body::{LARGEST_OPTIONS, Recording, bad_form, file_name, text_of, write_file};
use super::form::{LONGEST_PROMPT, flag, set_language};
use super::upload_pace::paced;
use crate::error::AppError;
use crate::hex::hex;
use crate::http::service::{Limits, Service};
use crate::outgoing::TargetUrl;

/// The part that holds the recording.
const FILE: &str = "file";

/// The size of a form without it.
pub(in crate::http) const OPTIONS: [&str; 15] = [
    "language",
    "languages",
    "task",
    "prompt",
    "hotwords",
    "temperature",
    "word_timestamps",
    "track",
    "start_secs",
    "end_secs",
    "webhook_url",
    "metadata",
    "priority",
    "keep_alive",
    "model",
];

/// A request that was read to its end. Dropping it removes its recording, unless it is taken in.
pub struct Upload {
    recording: Box<dyn BlobWriter>,
    filename: Option<String>,
    form: Form,
    /// What identifies the request, where that is not what was sent.
    fingerprint: Option<String>,
    origin: Origin,
}

/// A request whose recording is on disk.
pub(in crate::http) struct Received {
    blob: StoredBlob,
    filename: Option<String>,
    form: Form,
    fingerprint: String,
    origin: Origin,
}

/// The options that a client sent.
#[derive(Default)]
pub(in crate::http) struct Form {
    file: Option<(Box<dyn BlobWriter>, Option<String>)>,
    options: Options,
    metadata: Option<String>,
    webhook_url: Option<String>,
    /// The model as it was just named.
    named: Option<String>,
}

/// Reads the whole form, in bounded memory. `admit` is asked once, with the model that the form names, whether such a
/// job is taken: before the recording is read where the model comes before it, else in the end.
pub(in crate::http) async fn receive<S>(
    blobs: &dyn BlobStore,
    limits: &Limits,
    headers: &HeaderMap,
    body: S,
    mut admit: impl FnMut(Option<&str>) -> Result<Option<String>, AppError>,
) -> Result<Upload, AppError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin + 'static,
{
    let mut parts = Multipart::new(headers, Box::pin(paced(body, limits.min_upload_bytes_per_sec)));
    let (mut form, mut is_admitted, mut left) = (Form::default(), false, LARGEST_OPTIONS);
    while let Some(part) = parts.try_next().await.map_err(bad_form)? {
        form.take(blobs, limits, part, &mut left).await?;
        if form.named.is_some() {
            form.choose_model(&mut admit)?;
            is_admitted = true;
        }
    }
    if !is_admitted {
        form.choose_model(&mut admit)?;
    }
    form.check()?;
    let (recording, filename) = form.file.take().ok_or(AppError::MissingFile { part: FILE })?;
    Ok(Upload { recording, filename, form, fingerprint: None, origin: Origin::default() })
}

impl Upload {
    /// Without metadata, and without a webhook.
    pub fn new(recording: Box<dyn BlobWriter>, filename: Option<String>, options: Options) -> Self {
        let form = Form { options, ..Form::default() };
        Self { recording, filename, form, fingerprint: None, origin: Origin::default() }
    }

    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Of a recording that was fetched; the `fingerprint` identifies the request.
    pub(in crate::http) fn fetched(
        recording: Box<dyn BlobWriter>,
        filename: Option<String>,
        form: Form,
        fingerprint: String,
    ) -> Self {
        Self { recording, filename, form, fingerprint: Some(fingerprint), origin: Origin::default() }
    }

    /// Makes a job of it, the same for a day under the same key. See [`Received::take_in`].
    ///
    /// # Cancel safety
    /// None: run it where it cannot be dropped.
    pub(in crate::http) async fn take_in(
        self,
        service: &Service,
        owner: String,
        key: Option<String>,
    ) -> Result<Job, AppError> {
        let received = self.finish().await?;
        let once = key.map(|key| received.once(key, KeyLife::Day));
        received.take_in(service, owner, once).await
    }

    /// Puts the recording on disk.
    ///
    /// # Cancel safety
    /// None: run it where it cannot be dropped, and take the job in afterwards.
    pub(in crate::http) async fn finish(self) -> Result<Received, AppError> {
        let Self { recording, filename, form, fingerprint, origin } = self;
        let blob = recording.finish().await?;
        let fingerprint =
            fingerprint.unwrap_or_else(|| form.fingerprint(&[Some(&blob.sha256), filename.as_ref()]));
        Ok(Received { blob, filename, form, fingerprint, origin })
    }
}

impl Received {
    /// As what it is sent.
    pub(in crate::http) fn once(&self, key: String, life: KeyLife) -> Idempotency {
        Idempotency { key, fingerprint: self.fingerprint.clone(), life }
    }

    /// A key for requests that are the same in all that was sent, and in `how` it is answered. No client can send it.
    pub(in crate::http) fn key(&self, how: &str) -> String {
        format!("\n{}", hex_digest(&json!([how, self.fingerprint]).to_string()))
    }

    /// Makes a job of it. When this returns, job and recording are on disk, and the recording has at
    /// least one sample; when it fails, neither is there. Under an idempotency key that is known the job is the
    /// earlier one, and its recording too.
    ///
    /// # Cancel safety
    /// None: run it where it cannot be dropped.
    pub(in crate::http) async fn take_in(
        self,
        service: &Service,
        owner: String,
        once: Option<Idempotency>,
    ) -> Result<Job, AppError> {
        let (id, uploaded) = (JobId::new(), self.blob.key.clone());
        let taken = self.submit(service, id, owner, once).await;
        remove_unless_needed(service, id, &taken, &uploaded).await;
        taken
    }

    async fn submit(
        self,
        service: &Service,
        id: JobId,
        owner: String,
        once: Option<Idempotency>,
    ) -> Result<Job, AppError> {
        let Self { blob, filename, form, origin, .. } = self;
        service.check_options(&form.options).await?;
        probe(service, blob.clone(), &form.options.selection).await?;
        let StoredBlob { key, bytes, sha256 } = blob;
        let audio = Audio { filename, bytes, sha256, duration_secs: None, blob: key };
        let Form { options, metadata, webhook_url, .. } = form;
        let retry_of = None;
        let job = NewJob { id, owner, once, origin, audio, options, metadata, webhook_url, retry_of };
        Ok(service.jobs.submit(job).await?)
    }
}

/// Removes the recording of a job that was not taken in, or that is an earlier one.
pub(super) async fn remove_unless_needed(
    service: &Service,
    id: JobId,
    taken: &Result<Job, AppError>,
    recording: &BlobKey,
) {
    let is_needed = match taken {
        Ok(job) => job.audio.blob == *recording,
        // What was committed may not be seen yet. The next start removes files that no job needs.
        Err(AppError::StorageUnreachable { .. }) => true,
        // A store that fails may have kept the job all the same.
        Err(_) => !matches!(service.jobs.store().job(id).await, Ok(None)),
    };
    if !is_needed && let Err(error) = service.blobs.delete(recording).await {
        warn!(%error, "cannot remove an upload");
    }
}

fn hex_digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

impl Form {
    /// Equal for equal requests: the recording, and all that was sent with it.
    pub(super) fn fingerprint(&self, recording: &[Option<&String>; 2]) -> String {
        let [recording, name] = recording;
        hex_digest(&json!([recording, name, self.options, self.metadata, self.webhook_url]).to_string())
    }

    /// What no part says by itself.
    pub(in crate::http) fn check(&self) -> Result<(), AppError> {
        let Options { language, languages, selection, .. } = &self.options;
        selection.check().map_err(|error| invalid("end_secs", &error.to_string()))?;
        match language {
            Some(language) if !languages.is_empty() && !languages.contains(language) => {
                Err(invalid("languages", "must hold the language asked for, or be left out beside it"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Asks whether a job for the model that was named is taken.
    pub(in crate::http) fn choose_model(
        &mut self,
        admit: &mut impl FnMut(Option<&str>) -> Result<Option<String>, AppError>,
    ) -> Result<(), AppError> {
        self.options.model = admit(self.named.take().as_deref())?;
        Ok(())
    }

    async fn take(
        &mut self,
        blobs: &dyn BlobStore,
        limits: &Limits,
        part: Field,
        left: &mut usize,
    ) -> Result<(), AppError> {
        let name = part.name().unwrap_or_default().to_owned();
        if name == FILE {
            return self.take_file(blobs, limits, part).await;
        }
        if !OPTIONS.contains(&name.as_str()) {
            return Err(unknown(FILE, &name));
        }
        let text = text_of(part, &name, left).await?;
        // An empty value is what forms send for a field that was left alone.
        if text.is_empty() { Ok(()) } else { self.set(&name, text, limits) }
    }

    /// Sets what a JSON object has beside the recording's place, which is at `place`. Numbers, truth values and objects
    /// are as good as their texts.
    pub(super) fn set_json(
        &mut self,
        place: &str,
        name: &str,
        value: &RawValue,
        limits: &Limits,
    ) -> Result<(), AppError> {
        if !OPTIONS.contains(&name) {
            return Err(unknown(place, name));
        }
        match text_of_json(value) {
            None => Ok(()),
            Some(text) => self.set(name, text, limits),
        }
    }

    async fn take_file(
        &mut self,
        blobs: &dyn BlobStore,
        limits: &Limits,
        part: Field,
    ) -> Result<(), AppError> {
        if self.file.is_some() {
            return Err(AppError::InvalidBody(
                "the form has two parts named \"file\": send one job each".into(),
            ));
        }
        let filename = file_name(&part);
        let recording = write_file(blobs, part, &Recording::file(FILE), limits.max_upload_bytes).await?;
        self.file = Some((recording, filename));
        Ok(())
    }

    fn set(&mut self, name: &str, text: String, limits: &Limits) -> Result<(), AppError> {
        let options = &mut self.options;
        match name {
            "language" => set_language(&text, options)?,
            "languages" => options.languages.extend(languages(&text)?),
            "task" => options.task = task(&text)?,
            "prompt" => options.prompt = Some(prompt(text)?),
            "hotwords" => hotwords("hotwords", text.split(','), &mut options.hotwords)?,
            "temperature" => options.temperature = Some(temperature(&text)?),
            "word_timestamps" => options.word_timestamps = flag("word_timestamps", &text)?,
            "track" => {
                options.selection.track =
                    Some(text.parse().map_err(|error: NotATrack| invalid("track", &error.to_string()))?)
            }
            "start_secs" => options.selection.start = time("start_secs", &text)?,
            "end_secs" => options.selection.end = Some(time("end_secs", &text)?),
            "priority" => options.priority = priority(&text)?,
            "model" => self.named = Some(text),
            "keep_alive" => options.keep_alive = Some(keep_alive(&text)?),
            "metadata" => self.metadata = Some(metadata(text)?),
            "webhook_url" => self.webhook_url = Some(webhook_url(&text, limits)?),
            // `take` lets only the names above through.
            _ => {}
        }
        Ok(())
    }
}

/// A JSON value as a form would have it; `None` for null.
fn text_of_json(value: &RawValue) -> Option<String> {
    match serde_json::from_str(value.get()) {
        Ok(Value::Null) => None,
        Ok(Value::String(text)) => Some(text),
        // JSON has one kind of number: 60.0 is as whole as 60.
        Ok(Value::Number(number)) => Some(match number.as_f64() {
            Some(whole) if number.is_f64() && whole.fract() == 0.0 => format!("{whole:.0}"),
            Some(_) | None => value.get().to_owned(),
        }),
        Ok(Value::Bool(_) | Value::Array(_) | Value::Object(_)) | Err(_) => Some(value.get().to_owned()),
    }
}

fn unknown(place: &str, name: &str) -> AppError {
    AppError::UnknownOption { name: name.to_owned(), known: format!("{place}, {}", OPTIONS.join(", ")) }
}

/// Recordings that are looked into at a time; further ones wait. Each may have a program of its own to decode it.
static PROBES: Semaphore = Semaphore::const_new(8);

/// Decodes the beginning, away from the thread that serves requests.
async fn probe(service: &Service, blob: StoredBlob, selection: &Selection) -> Result<(), AppError> {
    let _permit = PROBES.acquire().await.map_err(AppError::internal)?;
    let (recordings, selection) = (service.recordings.clone(), selection.clone());
    let probed = web::block(move || recordings.probe(&blob, &selection)).await.map_err(AppError::internal)?;
    Ok(probed?)
}

fn invalid(name: &'static str, message: &str) -> AppError {
    AppError::InvalidOption { name, message: message.into() }
}

/// Adds words that the recording is likely to have.
pub(in crate::http) fn hotwords<'a>(
    name: &'static str,
    words: impl IntoIterator<Item = &'a str>,
    hotwords: &mut Vec<String>,
) -> Result<(), AppError> {
    let words = words.into_iter().map(str::trim).filter(|word| !word.is_empty());
    hotwords.extend(words.map(str::to_owned));
    let is_fit = |word: &String| word.len() <= LONGEST_HOTWORD_BYTES && !word.contains('\0');
    if hotwords.len() <= MOST_HOTWORDS && hotwords.iter().all(is_fit) {
        return Ok(());
    }
    let message =
        format!("must be at most {MOST_HOTWORDS} words of at most {LONGEST_HOTWORD_BYTES} bytes without NUL");
    Err(invalid(name, &message))
}

pub(in crate::http) fn task(text: &str) -> Result<Task, AppError> {
    match text {
        "transcribe" => Ok(Task::Transcribe),
        "translate" => Ok(Task::Translate),
        _ => Err(invalid("task", "must be transcribe or translate")),
    }
}

/// Languages with commas between them.
pub(in crate::http) fn languages(text: &str) -> Result<Vec<Language>, AppError> {
    let read = text.split(',').map(|code| code.trim().parse::<Language>()).collect::<Result<Vec<_>, _>>();
    read.map_err(|error| {
        invalid("languages", &format!("must be languages with commas between them: {error}"))
    })
}

/// A time in the recording, in samples.
fn time(name: &'static str, text: &str) -> Result<u64, AppError> {
    sample_at(text).map_err(|error| invalid(name, &error.to_string()))
}

fn priority(text: &str) -> Result<Priority, AppError> {
    match text {
        "interactive" => Ok(Priority::Interactive),
        "batch" => Ok(Priority::Batch),
        _ => Err(invalid("priority", "must be interactive or batch")),
    }
}

fn keep_alive(text: &str) -> Result<Stay, AppError> {
    text.parse().map_err(|error: NotAStay| invalid("keep_alive", &error.to_string()))
}

pub(in crate::http) fn temperature(text: &str) -> Result<f32, AppError> {
    let value: Option<f32> = text.trim().parse().ok();
    value
        .filter(|t| (0.0..=1.0).contains(t))
        .ok_or_else(|| invalid("temperature", "must be a number from 0 to 1"))
}

fn prompt(text: String) -> Result<String, AppError> {
    let too_long = text.len() > LONGEST_PROMPT;
    if too_long || text.contains('\0') {
        return Err(invalid("prompt", "must be at most 1024 bytes of text without NUL"));
    }
    Ok(text)
}

fn metadata(text: String) -> Result<String, AppError> {
    match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(AppError::InvalidMetadata(error.to_string())),
    }
}

fn webhook_url(text: &str, limits: &Limits) -> Result<String, AppError> {
    let url = TargetUrl::parse(text, &limits.webhook_rules);
    Ok(url.map_err(|error| AppError::bad_webhook_url(&error, "webhook_url"))?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_values_are_read_as_the_texts_of_a_form() {
        for (value, text) in [
            ("null", None),
            (r#""60""#, Some("60")),
            ("60", Some("60")),
            ("60.0", Some("60")),
            ("6e1", Some("60")),
            ("0.5", Some("0.5")),
            ("true", Some("true")),
            (r#"{"a": 1.0}"#, Some(r#"{"a": 1.0}"#)),
        ] {
            let value = RawValue::from_string(value.to_owned()).unwrap();
            assert_eq!(text_of_json(&value).as_deref(), text, "{value}");
        }
    }
}
