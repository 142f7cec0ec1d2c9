//! The route of whisper.cpp's server.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::domain::jobs::options::{Options, Priority, Task};
use serde_json::json;

use crate::auth::Caller;
use crate::error::AppError;
use crate::http::calls::{self, Beginning};
use crate::http::intake::body::Recording;
use crate::http::intake::form;
use crate::http::intake::origin::origin;
use crate::http::intake::query::IdempotencyKey;
use crate::http::intake::submission::{Upload, temperature};
use crate::http::openapi::InferenceForm;
use crate::http::service::Service;
use crate::transcript::{Format, Transcript, lines, render, whisper_cpp_json};

/// What means something here. Clients send more, thresholds and numbers of candidates: those are the service's own.
pub(in crate::http) const FIELDS: [&str; 6] =
    ["language", "detect_language", "translate", "prompt", "temperature", "response_format"];

/// What a form asks for.
struct Asked {
    options: Options,
    format: Format,
    detect: bool,
}

/// Transcribes as whisper.cpp's server does.
#[utoipa::path(
    post, path = "/inference", params(IdempotencyKey),
    request_body(content = InferenceForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "As the format asks for.", content(
        (Object = "application/json"),
        (String = "text/plain"),
        (String = "text/vtt"),
    )))
)]
pub(in crate::http) async fn transcribe(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let identity = calls::admit(&service, &request)?;
    let options = Options { priority: Priority::Interactive, ..Options::default() };
    let mut asked = Asked { options, format: Format::Json, detect: false };
    let recording = Recording::file("file");
    let set = |name: &str, text: &str| asked.set(name, text);
    let (recording, name) = form::read(&service, &request, body, recording, &FIELDS, set).await?;
    let (options, format) = asked.into_options();
    let upload = Upload::new(recording, name, options).with_origin(origin(&request));
    let awaited = calls::begin(&service, caller, identity.answered_as(&format), upload).await?;
    let beginning = Beginning::of(format);
    let render = move |_: &_, transcript: &Transcript<'_>| document(transcript, format);
    Ok(calls::answer(service, &request, awaited, beginning, |_| {}, render).await)
}

impl Asked {
    fn set(&mut self, name: &str, text: &str) -> Result<(), AppError> {
        match name {
            "language" => form::set_language(text, &mut self.options)?,
            "detect_language" => self.detect = form::flag("detect_language", text)?,
            "translate" if form::flag("translate", text)? => self.options.task = Task::Translate,
            "prompt" => self.options.prompt = Some(form::prompt(text)),
            // 0 is what clients send who leave it alone: start there and climb.
            "temperature" => self.options.temperature = Some(temperature(text)?).filter(|t| *t > 0.0),
            "response_format" => self.format = form::response_format(text)?,
            _ => {}
        }
        Ok(())
    }

    fn into_options(self) -> (Options, Format) {
        let language = self.options.language.filter(|_| !self.detect);
        // That server always includes words.
        let word_timestamps = self.format == Format::VerboseJson;
        (Options { language, word_timestamps, ..self.options }, self.format)
    }
}

fn document(transcript: &Transcript<'_>, format: Format) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    match format {
        Format::Json => response.json(json!({ "text": lines(transcript.segments) })),
        Format::VerboseJson => response.json(whisper_cpp_json(transcript)),
        Format::Text => {
            response.insert_header((CONTENT_TYPE, format.content_type())).body(lines(transcript.segments))
        }
        Format::Srt | Format::Vtt | Format::Tsv => {
            response.insert_header((CONTENT_TYPE, format.content_type())).body(render(transcript, format))
        }
    }
}
