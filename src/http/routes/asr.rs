//! The routes of whisper-asr-webservice, as Bazarr, Speakr and others call them: options in the query, the recording as
//! the part `audio_file`, a file or bare samples.

use std::cell::Cell;
use std::rc::Rc;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::http::header::{
    CONTENT_TYPE, ContentDisposition, DispositionParam, DispositionType, TryIntoHeaderValue,
};
use actix_web::{HttpRequest, HttpResponse, web};
use actors::domain::event::JobEvent;
use actors::domain::jobs::options::{Extent, Options, Priority, Task};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::error::AppError;
use crate::http::calls::{self, Beginning};
use crate::http::intake::body::Recording;
use crate::http::intake::form;
use crate::http::intake::origin::origin;
use crate::http::intake::query::{IdempotencyKey, Query};
use crate::http::intake::submission::{Upload, task};
use crate::http::openapi::{AsrForm, AsrOutput, LanguageName, TaskName};
use crate::http::service::Service;
use crate::raw_pcm::Pcm;
use crate::transcript::{Format, Transcript, decimal, lines, render, whisper_json};

/// The options that mean something here. Clients send more of them, such as `vad_filter` and `diarize`: passed over.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Asked {
    /// false: bare samples, 16-bit, mono, 16000 a second.
    #[param(value_type = Option<bool>)]
    encode: Option<String>,
    /// What to do.
    #[param(value_type = Option<TaskName>, inline)]
    task: Option<String>,
    /// A code or an English name, see docs/USAGE.md for more spellings. Left out: detected.
    #[param(value_type = Option<LanguageName>, inline)]
    language: Option<String>,
    /// What the transcript should follow.
    initial_prompt: Option<String>,
    /// When each word was said.
    #[param(value_type = Option<bool>)]
    word_timestamps: Option<String>,
    /// txt unless it is given.
    #[param(value_type = Option<AsrOutput>, inline)]
    output: Option<String>,
    /// A model of GET /v1/models.
    model: Option<String>,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// A line for each segment.
    Lines,
    /// As Whisper's own program writes it.
    Json,
    Other(Format),
}

/// Transcribes as the Whisper ASR web service does.
#[utoipa::path(
    post, path = "/asr", params(Asked, IdempotencyKey),
    request_body(content = AsrForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "As the output asks for.", content(
        (Object = "application/json"),
        (String = "text/plain"),
        (String = "text/vtt"),
        (String = "text/tab-separated-values"),
    )))
)]
pub(in crate::http) async fn transcribe(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    Query(asked): Query<Asked>,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let (options, output) = (asked.options(&service)?, asked.output()?);
    let identity = calls::admit(&service, &request)?;
    let (recording, name) =
        form::read(&service, &request, body, asked.recording()?, &[], |_, _| Ok(())).await?;
    let upload = Upload::new(recording, name.clone(), options).with_origin(origin(&request));
    let awaited = calls::begin(&service, caller, identity, upload).await?;
    let render = move |_: &_, transcript: &Transcript<'_>| document(transcript, output, name.as_deref());
    // Its head names the file; clients that ask for JSON here read no more than the body.
    let beginning = if output == Output::Json { Beginning::Json } else { Beginning::Never };
    Ok(calls::answer(service, &request, awaited, beginning, |_| {}, render).await)
}

/// Detects the language: transcribes the first chunk with speech and no more.
#[utoipa::path(
    post, path = "/detect-language",
    params(
        ("encode" = Option<bool>, Query, description = "As for /asr."),
        ("model" = Option<String>, Query, description = "A model of GET /v1/models."),
        IdempotencyKey,
    ),
    request_body(content = AsrForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "Empty without speech.", body = Detected))
)]
pub(in crate::http) async fn detect_language(
    service: web::Data<Service>,
    caller: Caller,
    request: HttpRequest,
    Query(asked): Query<Asked>,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let model = service.choose_model(given(&asked.model))?;
    service.check_detects_languages(model.as_deref()).await?;
    let identity = calls::admit(&service, &request)?;
    let (recording, name) =
        form::read(&service, &request, body, asked.recording()?, &[], |_, _| Ok(())).await?;
    let options =
        Options { priority: Priority::Interactive, extent: Extent::Beginning, model, ..Options::default() };
    let upload = Upload::new(recording, name, options).with_origin(origin(&request));
    let awaited = calls::begin(&service, caller, identity, upload).await?;
    let confidence = Rc::new(Cell::new(None));
    let found = confidence.clone();
    let on_event = move |event: &JobEvent| {
        if let JobEvent::LanguageDetected { probability, .. } = event {
            found.set(Some(*probability));
        }
    };
    let render = move |_: &_, transcript: &Transcript<'_>| language_of(transcript, confidence.get());
    Ok(calls::answer(service, &request, awaited, Beginning::Json, on_event, render).await)
}

/// Without speech there is no language: an empty object, which clients take for just that.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = DetectedLanguage)]
pub(super) struct Detected {
    /// Its English name.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    detected_language: Option<&'static str>,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'static str>,
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Option<f64>>,
}

fn language_of(transcript: &Transcript<'_>, confidence: Option<f32>) -> HttpResponse {
    HttpResponse::Ok().json(match transcript.language {
        Some(language) => Detected {
            detected_language: Some(language.name()),
            language_code: Some(language.code()),
            confidence: Some(confidence.map(decimal)),
        },
        None => Detected::default(),
    })
}

impl Asked {
    fn options(&self, service: &Service) -> Result<Options, AppError> {
        let mut options = Options {
            task: given(&self.task).map_or(Ok(Task::Transcribe), task)?,
            prompt: given(&self.initial_prompt).map(form::prompt),
            word_timestamps: flag("word_timestamps", &self.word_timestamps, false)?,
            priority: Priority::Interactive,
            model: service.choose_model(given(&self.model))?,
            ..Options::default()
        };
        if let Some(language) = given(&self.language) {
            form::set_language(language, &mut options)?;
        }
        Ok(options)
    }

    fn output(&self) -> Result<Output, AppError> {
        match given(&self.output).unwrap_or("txt") {
            "txt" => Ok(Output::Lines),
            "json" => Ok(Output::Json),
            "vtt" => Ok(Output::Other(Format::Vtt)),
            "srt" => Ok(Output::Other(Format::Srt)),
            "tsv" => Ok(Output::Other(Format::Tsv)),
            _ => Err(AppError::InvalidOption {
                name: "output",
                message: "must be txt, vtt, srt, tsv or json".into(),
            }),
        }
    }

    /// `encode=false` is said of what needs no decoding: bare samples as the model takes them.
    fn recording(&self) -> Result<Recording, AppError> {
        let recording = Recording::file("audio_file");
        match flag("encode", &self.encode, true)? {
            true => Ok(recording),
            false => Ok(Recording { head: Pcm::SPEECH.wave_head(), ..recording }),
        }
    }
}

/// An empty value counts as left out.
fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn flag(name: &'static str, value: &Option<String>, default: bool) -> Result<bool, AppError> {
    given(value).map_or(Ok(default), |text| form::flag(name, text))
}

fn document(transcript: &Transcript<'_>, output: Output, name: Option<&str>) -> HttpResponse {
    let (text, kind, ending) = match output {
        Output::Lines => (lines(transcript.segments), Format::Text.content_type(), Format::Text.extension()),
        Output::Json => {
            (whisper_json(transcript).to_string(), Format::Json.content_type(), Format::Json.extension())
        }
        Output::Other(format) => (render(transcript, format), format.content_type(), format.extension()),
    };
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, kind));
    if let Some(name) = name {
        let parameters = vec![DispositionParam::Filename(format!("{name}.{ending}"))];
        let file = ContentDisposition { disposition: DispositionType::Attachment, parameters };
        if let Ok(value) = file.try_into_value() {
            response.insert_header((CONTENT_DISPOSITION, value));
        }
    }
    response.body(text)
}
