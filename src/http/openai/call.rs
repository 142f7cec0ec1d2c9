//! A call's form, as the official clients send it.

use std::str::FromStr;

use actix_web::{HttpRequest, web};
use actors::domain::jobs::options::{Options, Priority, Task};

use super::extras::{Extras, Logprobs};
use crate::error::AppError;
use crate::http::intake::body::Recording;
use crate::http::intake::form::{self, Sent, flag};
use crate::http::intake::submission::{Upload, hotwords, languages, temperature};
use crate::http::service::Service;
use crate::transcript::{Format, Granularity, Shape};

pub(super) struct Call {
    pub upload: Upload,
    pub reply: Reply,
    pub stream: bool,
}

/// What the caller asks for.
#[derive(Debug)]
pub(super) struct Reply {
    pub format: Format,
    pub granularities: Vec<Granularity>,
    /// Whether to say of each token how sure the model was, where there is a place for it.
    pub logprobs: Logprobs,
    /// Of subtitles.
    pub shape: Option<Shape>,
}

impl Reply {
    /// Contents of a stream beside the text.
    pub(super) fn extras(&self) -> Extras {
        Extras { logprobs: self.logprobs, segments: self.granularities.contains(&Granularity::Segment) }
    }
}

struct Form {
    model: Option<String>,
    options: Options,
    format: Format,
    granularities: Vec<Granularity>,
    logprobs: Logprobs,
    subtitles: Subtitles,
    stream: bool,
}

/// What the API has no fields for: clients send them in an extra body.
#[derive(Default)]
struct Subtitles {
    max_line_chars: Option<u32>,
    max_lines: Option<u32>,
    max_cps: Option<f64>,
}

pub(in crate::http) const FIELDS: [&str; 13] = [
    "model",
    "language",
    "languages",
    "prompt",
    "keywords",
    "temperature",
    "response_format",
    "stream",
    "timestamp_granularities",
    "include",
    "max_line_chars",
    "max_lines",
    "max_cps",
];

/// Reads the whole form, in bounded memory.
pub(super) async fn receive(
    service: &Service,
    request: &HttpRequest,
    body: web::Payload,
    task: Task,
) -> Result<Call, AppError> {
    let options = Options { task, priority: Priority::Interactive, ..Options::default() };
    let mut form = Form {
        model: None,
        options,
        format: Format::Json,
        granularities: vec![],
        logprobs: Logprobs::Left,
        subtitles: Subtitles::default(),
        stream: false,
    };
    let recording = Recording::file("file");
    let set = |name: &str, text: &str| form.set(name, text);
    let sent = form::read(service, request, body, recording, &FIELDS, set).await?;
    form.into_call(service, sent)
}

impl Form {
    fn set(&mut self, name: &str, text: &str) -> Result<(), AppError> {
        match name {
            "model" => self.model = Some(text.to_owned()),
            // What is translated may be in any language.
            "language" if self.options.task == Task::Transcribe => {
                form::set_language(text, &mut self.options)?;
            }
            "languages" if self.options.task == Task::Transcribe => {
                self.options.languages.extend(languages(text)?);
            }
            "prompt" => self.options.prompt = Some(form::prompt(text)),
            "keywords" => hotwords("keywords", [text], &mut self.options.hotwords)?,
            // 0 is the clients' default: start there and climb.
            "temperature" => self.options.temperature = Some(temperature(text)?).filter(|t| *t > 0.0),
            "response_format" => self.format = form::response_format(text)?,
            "stream" => self.stream = flag("stream", text)?,
            "timestamp_granularities" => {
                let wanted = text.parse().map_err(|error| AppError::InvalidOption {
                    name: "timestamp_granularities",
                    message: format!("{error}"),
                })?;
                self.granularities.push(wanted);
            }
            "include" if text == "logprobs" => self.logprobs = Logprobs::Included,
            "include" => {
                let message = format!("cannot include {text:?}: logprobs is all there is");
                return Err(AppError::InvalidOption { name: "include", message });
            }
            "max_line_chars" => self.subtitles.max_line_chars = Some(number("max_line_chars", text)?),
            "max_lines" => self.subtitles.max_lines = Some(number("max_lines", text)?),
            "max_cps" => self.subtitles.max_cps = Some(number("max_cps", text)?),
            _ => {}
        }
        Ok(())
    }

    fn into_call(mut self, service: &Service, (recording, filename): Sent) -> Result<Call, AppError> {
        let invalid = |name, message: &str| AppError::InvalidOption { name, message: message.into() };
        let model = self.model.ok_or_else(|| invalid("model", "is required: name the model"))?;
        self.options.model = service.choose_model(Some(&model))?;
        let words = self.granularities.contains(&Granularity::Word);
        if words && self.format != Format::VerboseJson {
            let message = "word times are in verbose_json only: set response_format to it";
            return Err(invalid("timestamp_granularities", message));
        }
        self.options.word_timestamps = words;
        let Options { language, languages, .. } = &self.options;
        if language.is_some_and(|language| !languages.is_empty() && !languages.contains(&language)) {
            return Err(invalid("languages", "must hold the language asked for, or be left out beside it"));
        }
        self.options.token_logprobs = self.logprobs == Logprobs::Included;
        let Subtitles { max_line_chars, max_lines, max_cps } = self.subtitles;
        let shape = Shape::new(max_line_chars, max_lines, max_cps);
        let shape = shape.map_err(|bad| invalid(bad.limit, &format!("must be {}", bad.range)))?;
        let Self { format, granularities, logprobs, options, .. } = self;
        let stream = self.stream && options.task == Task::Transcribe;
        let reply = Reply { format, granularities, logprobs, shape };
        Ok(Call { upload: Upload::new(recording, filename, options), reply, stream })
    }
}

fn number<T: FromStr>(name: &'static str, text: &str) -> Result<T, AppError> {
    text.parse()
        .map_err(|_| AppError::InvalidOption { name, message: format!("{text:?} is not a valid number") })
}
