//! A call's form, as the official clients send it.

use actix_web::{HttpRequest, web};
use actors::domain::options::{Options, Priority, Task};

use super::models;
use crate::error::AppError;
use crate::http::body::Recording;
use crate::http::form::{self, Sent};
use crate::http::service::Service;
use crate::http::submission::{Upload, flag, temperature};
use crate::transcript::{Format, Granularity};

pub(super) struct Call {
    pub upload: Upload,
    pub reply: Reply,
    pub stream: bool,
}

/// What the caller wants to have.
#[derive(Debug)]
pub(super) struct Reply {
    pub format: Format,
    pub granularities: Vec<Granularity>,
}

struct Form {
    model: Option<String>,
    options: Options,
    reply: Reply,
    stream: bool,
}

const FIELDS: [&str; 7] =
    ["model", "language", "prompt", "temperature", "response_format", "stream", "timestamp_granularities"];

/// Reads the whole form, in bounded memory.
pub(super) async fn receive(
    service: &Service,
    request: &HttpRequest,
    body: web::Payload,
    task: Task,
) -> Result<Call, AppError> {
    let options = Options { task, priority: Priority::Interactive, ..Options::default() };
    let reply = Reply { format: Format::Json, granularities: vec![] };
    let mut form = Form { model: None, options, reply, stream: false };
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
                let language = text.parse();
                let language = language.map_err(|error| AppError::InvalidLanguage(format!("{error}")))?;
                self.options.language = Some(language);
            }
            "prompt" => self.options.prompt = Some(form::prompt(text)),
            // 0 is what clients send who leave it alone: start there and climb.
            "temperature" => self.options.temperature = Some(temperature(text)?).filter(|t| *t > 0.0),
            "response_format" => self.reply.format = format(text)?,
            "stream" => self.stream = flag("stream", text)?,
            "timestamp_granularities" => {
                let wanted = text.parse().map_err(|error| AppError::InvalidOption {
                    name: "timestamp_granularities",
                    message: format!("{error}"),
                })?;
                self.reply.granularities.push(wanted);
            }
            _ => {}
        }
        Ok(())
    }

    fn into_call(mut self, service: &Service, (recording, filename): Sent) -> Result<Call, AppError> {
        let invalid = |name, message: &str| AppError::InvalidOption { name, message: message.into() };
        let model = self.model.ok_or_else(|| invalid("model", "is required: name the model"))?;
        models::check(service, &model)?;
        let words = self.reply.granularities.contains(&Granularity::Word);
        if words && self.reply.format != Format::VerboseJson {
            let message = "word times are in verbose_json only: set response_format to it";
            return Err(invalid("timestamp_granularities", message));
        }
        self.options.word_timestamps = words;
        let stream = self.stream && self.options.task == Task::Transcribe;
        Ok(Call { upload: Upload::new(recording, filename, self.options), reply: self.reply, stream })
    }
}

fn format(text: &str) -> Result<Format, AppError> {
    let known = text.parse().ok().filter(|format| *format != Format::Tsv);
    known.ok_or_else(|| AppError::InvalidOption {
        name: "response_format",
        message: "must be json, text, srt, verbose_json or vtt".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_api() {
        assert_eq!(format("verbose_json").unwrap(), Format::VerboseJson);
        assert!(format("tsv").is_err() && format("diarized_json").is_err());
    }
}
