//! One connection.

use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::time::timeout;
use actix_web::web;
use actors::domain::jobs::job::Job;
use actors::domain::jobs::options::{Options, Priority};
use actors::domain::jobs::origin::{Api, Origin};
use actors::domain::transcript::{Segment, text as spoken};
use actors::ports::BlobWriter;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tracing::{debug, error};

use super::info::info;
use super::request;
use super::wire::{Event, Unreadable};
use crate::auth::Caller;
use crate::error::AppError;
use crate::http::{Identity, Service, Upload, begin, check_length};
use crate::raw_pcm::Pcm;

/// How long a client that was refused has to read why and to hang up.
const LINGER: Duration = Duration::from_secs(2);

/// A client, from its first event to its last.
pub(super) struct Session {
    service: web::Data<Service>,
    caller: Caller,
    address: String,
    /// For an event to come whole, and for one to be taken.
    idle_limit: Duration,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// What the next transcript is to be like.
    options: Options,
    receiving: Option<Receiving>,
}

/// Audio that is coming in.
struct Receiving {
    format: Pcm,
    recording: Box<dyn BlobWriter>,
    bytes: u64,
}

/// Why a connection ends before its client ends it.
enum Over {
    /// The client gets the error.
    Refused(AppError),
    /// The connection is closed.
    Closed,
}

impl From<AppError> for Over {
    fn from(error: AppError) -> Self {
        Over::Refused(error)
    }
}

impl Session {
    pub(super) fn new(
        service: Arc<Service>,
        caller: Caller,
        address: IpAddr,
        idle_limit: Duration,
        stream: TcpStream,
    ) -> Self {
        let (reader, writer) = stream.into_split();
        let (reader, options, address) = (BufReader::new(reader), Self::usual(), address.to_string());
        let service = web::Data::from(service);
        Self { service, caller, address, idle_limit, reader, writer, options, receiving: None }
    }

    fn usual() -> Options {
        Options { priority: Priority::Interactive, ..Options::default() }
    }

    /// Answers events until the client leaves, sends something invalid, or nothing for too long.
    pub(super) async fn run(mut self) {
        let Err(Over::Refused(refusal)) = self.converse().await else { return };
        if let AppError::Internal { detail } = &refusal {
            error!(detail, "internal error");
        }
        debug!(%refusal, "Wyoming client refused");
        let error = json!({ "text": refusal.to_string(), "code": refusal.code().name });
        // The client may have disconnected.
        let _ = self.say(Event::new("error", error)).await;
        let _ = self.writer.shutdown().await;
        // What it sent meanwhile is read: else the end of the connection could overtake the error.
        let _ = timeout(LINGER, tokio::io::copy(&mut self.reader, &mut tokio::io::sink())).await;
    }

    async fn converse(&mut self) -> Result<(), Over> {
        loop {
            let Ok(event) = timeout(self.idle_limit, Event::read(&mut self.reader)).await else {
                return Err(Over::Closed);
            };
            match event {
                Ok(Some(event)) => self.take(event).await?,
                Ok(None) | Err(Unreadable::Broken(_)) => return Err(Over::Closed),
                Err(bad @ (Unreadable::TooLong { .. } | Unreadable::NoEvent(_))) => {
                    return Err(AppError::InvalidBody(bad.to_string()).into());
                }
            }
        }
    }

    async fn take(&mut self, event: Event) -> Result<(), Over> {
        match event.kind.as_str() {
            "describe" => {
                let models = self.service.model.status().models;
                self.say(info(models.iter().map(|known| &known.facts))).await
            }
            "ping" => {
                let text = event.data.get("text").cloned().unwrap_or(Value::Null);
                self.say(Event::new("pong", json!({ "text": text }))).await
            }
            "transcribe" => {
                let model = self.service.choose_model(request::text(&event.data, "name"))?;
                let options = Options { model, ..request::options(&event.data)? };
                self.service.check_options(&options).await?;
                self.options = options;
                Ok(())
            }
            "audio-start" => Ok(self.listen(request::format(&event.data)?).await?),
            "audio-chunk" => Ok(self.append_audio(event).await?),
            "audio-stop" => self.transcribe().await,
            // Clients may send types that this service does not use.
            _ => Ok(()),
        }
    }

    /// Starts a recording. An unfinished one is dropped.
    async fn listen(&mut self, format: Pcm) -> Result<(), AppError> {
        self.receiving = None;
        if self.service.is_draining() {
            return Err(AppError::ShuttingDown);
        }
        self.service.count(&self.caller, &self.address)?;
        check_length(&self.service, None)?;
        let mut recording = self.service.blobs.create().await?;
        recording.write(format.wave_head()).await?;
        self.receiving = Some(Receiving { format, recording, bytes: 0 });
        Ok(())
    }

    async fn append_audio(&mut self, chunk: Event) -> Result<(), AppError> {
        let format = request::format(&chunk.data)?;
        if self.receiving.is_none() {
            // Some clients leave out the start.
            self.listen(format).await?;
        }
        let Some(receiving) = &mut self.receiving else { return Ok(()) };
        if receiving.format != format {
            let message =
                "the audio's rate, width or channels change on the way: start again with audio-start";
            return Err(AppError::UnsupportedMedia(message.into()));
        }
        receiving.bytes += chunk.payload.len() as u64;
        let limit = self.service.limits.max_upload_bytes;
        if receiving.bytes > limit {
            return Err(AppError::FileTooLarge { limit });
        }
        Ok(receiving.recording.write(chunk.payload.into()).await?)
    }

    /// Makes a job of the recording and sends the transcript, unless the client leaves meanwhile.
    async fn transcribe(&mut self) -> Result<(), Over> {
        let Some(receiving) = self.receiving.take() else {
            return Err(AppError::NoAudio("there was no audio before audio-stop".into()).into());
        };
        let options = std::mem::replace(&mut self.options, Self::usual());
        let origin = Origin { api: Api::Wyoming, traceparent: None };
        let upload = Upload::new(receiving.recording, None, options).with_origin(origin);
        let awaited = begin(&self.service, self.caller.clone(), Identity::Unique, upload).await?;
        let job = tokio::select! {
            job = awaited.until_over(|_| {}) => job?,
            () = closed(&mut self.reader) => return Err(Over::Closed),
        };
        let segments = self.service.jobs.store().segments(job.id).await.map_err(AppError::from)?;
        self.say(transcript(&job, &segments)).await
    }

    async fn say(&mut self, event: Event) -> Result<(), Over> {
        match timeout(self.idle_limit, event.write(&mut self.writer)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over::Closed),
        }
    }
}

fn transcript(job: &Job, segments: &[Segment]) -> Event {
    let mut data = json!({ "text": spoken(segments) });
    if let Some(language) = job.language {
        data["language"] = json!(language.code());
    }
    Event::new("transcript", data)
}

/// Returns when the client has closed its side of the connection; never, where it sends its next event already.
async fn closed(reader: &mut BufReader<OwnedReadHalf>) {
    match reader.fill_buf().await {
        Ok([]) | Err(_) => {}
        Ok(_) => pending().await,
    }
}
