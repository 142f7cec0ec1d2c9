//! A call's form, as the official clients send it.

use actix_multipart::{Field, Multipart};
use actix_web::{HttpRequest, web};
use actors::domain::options::{Options, Priority, Task};
use actors::ports::BlobWriter;
use futures_util::TryStreamExt;

use super::models;
use crate::error::AppError;
use crate::http::body::{bad_form, file_name, text_of, write_file};
use crate::http::service::Service;
use crate::http::submission::{LONGEST_PROMPT, Upload, flag, temperature};
use crate::http::upload_pace::paced;
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
    file: Option<(Box<dyn BlobWriter>, Option<String>)>,
    model: Option<String>,
    options: Options,
    reply: Reply,
    stream: bool,
}

/// Reads the whole form, in bounded memory. Parts that mean nothing here are passed over: clients send what other
/// services understand.
pub(super) async fn receive(
    service: &Service,
    request: &HttpRequest,
    body: web::Payload,
    task: Task,
) -> Result<Call, AppError> {
    let body = Box::pin(paced(body, service.limits.min_upload_bytes_per_sec));
    let mut parts = Multipart::new(request.headers(), body);
    let options = Options { task, priority: Priority::Interactive, ..Options::default() };
    let reply = Reply { format: Format::Json, granularities: vec![] };
    let mut form = Form { file: None, model: None, options, reply, stream: false };
    while let Some(part) = parts.try_next().await.map_err(bad_form)? {
        form.take(service, part).await?;
    }
    form.into_call(service)
}

impl Form {
    async fn take(&mut self, service: &Service, part: Field) -> Result<(), AppError> {
        let name = part.name().unwrap_or_default().to_owned();
        // Lists come with brackets or without.
        let name = name.strip_suffix("[]").unwrap_or(&name);
        match name {
            "file" => self.take_file(service, part).await,
            "model"
            | "language"
            | "prompt"
            | "temperature"
            | "response_format"
            | "stream"
            | "timestamp_granularities" => {
                let text = text_of(part, name).await?;
                // An empty value is one that was left alone.
                if text.trim().is_empty() { Ok(()) } else { self.set(name, text) }
            }
            _ => Ok(()),
        }
    }

    async fn take_file(&mut self, service: &Service, part: Field) -> Result<(), AppError> {
        if self.file.is_some() {
            return Err(AppError::InvalidBody("the form has two parts named \"file\"".into()));
        }
        let filename = file_name(&part);
        let recording = write_file(service.blobs.as_ref(), part, service.limits.max_upload_bytes).await?;
        self.file = Some((recording, filename));
        Ok(())
    }

    fn set(&mut self, name: &str, text: String) -> Result<(), AppError> {
        let text = text.trim();
        match name {
            "model" => self.model = Some(text.to_owned()),
            // What is translated may be in any language.
            "language" if self.options.task == Task::Transcribe => {
                let language = text.parse();
                let language = language.map_err(|error| AppError::InvalidLanguage(format!("{error}")))?;
                self.options.language = Some(language);
            }
            "prompt" => self.options.prompt = Some(last_bytes(text)),
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

    fn into_call(mut self, service: &Service) -> Result<Call, AppError> {
        let invalid = |name, message: &str| AppError::InvalidOption { name, message: message.into() };
        let model = self.model.ok_or_else(|| invalid("model", "is required: name the model"))?;
        models::check(service, &model)?;
        let (recording, filename) = self.file.ok_or(AppError::MissingFile)?;
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

/// The end of a long prompt is what counts: the model has room for no more.
fn last_bytes(text: &str) -> String {
    let text = text.replace('\0', "");
    let mut start = text.len().saturating_sub(LONGEST_PROMPT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default().to_owned()
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
    fn a_long_prompt_keeps_its_end_and_its_letters_whole() {
        assert_eq!(last_bytes("Ada\0"), "Ada");
        let long = format!("{}ü{}", "x".repeat(500), "y".repeat(LONGEST_PROMPT - 1));
        assert_eq!(last_bytes(&long), "y".repeat(LONGEST_PROMPT - 1));
    }

    #[test]
    fn formats_are_those_of_the_api() {
        assert_eq!(format("verbose_json").unwrap(), Format::VerboseJson);
        assert!(format("tsv").is_err() && format("diarized_json").is_err());
    }
}
