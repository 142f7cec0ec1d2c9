//! Forms as clients of other services send them: a recording, among fields of which some mean something here.

use std::future::ready;

use actix_multipart::Multipart;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use actors::domain::jobs::options::Options;
use actors::domain::language::{self, Language};
use actors::ports::BlobWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use serde_json::{Map, Value};

use super::body::{
    LARGEST_OPTIONS, Recording, all_of, bad_form, clean_name, cut_short, file_name, text_of, write,
    write_file,
};
use super::upload_pace::paced;
use crate::error::AppError;
use crate::http::service::Service;
use crate::transcript::Format;

/// What callers write for a recording in several languages.
pub(in crate::http) const SEVERAL: &str = "multi";
/// The engine's prompt is 224 tokens at most; longer ones would only be cut.
pub(super) const LONGEST_PROMPT: usize = 1024;
/// The longest JSON body with a recording in it, in bytes.
const LARGEST_JSON: usize = 32 << 20;

/// A recording that was sent, not yet a blob, and its file name. Dropping it removes its file.
pub(in crate::http) type Sent = (Box<dyn BlobWriter>, Option<String>);

/// Reads the whole form, in bounded memory: `set` is given the `fields` that are not empty, with space at their ends
/// cut off, in the order they come. Any other part is passed over: clients send what other services understand.
pub(in crate::http) async fn read(
    service: &Service,
    request: &HttpRequest,
    body: web::Payload,
    recording: Recording,
    fields: &[&str],
    mut set: impl FnMut(&str, &str) -> Result<(), AppError>,
) -> Result<Sent, AppError> {
    let body = Box::pin(paced(body, service.limits.min_upload_bytes_per_sec));
    if is_json(request) {
        return read_json(service, body, recording, fields, set).await;
    }
    let mut parts = Multipart::new(request.headers(), body);
    let mut sent: Option<Sent> = None;
    let mut left = LARGEST_OPTIONS;
    while let Some(part) = parts.try_next().await.map_err(bad_form)? {
        let name = part.name().unwrap_or_default().to_owned();
        // Lists come with brackets or without.
        let name = name.strip_suffix("[]").unwrap_or(&name);
        if name == recording.part {
            if sent.is_some() {
                return Err(AppError::InvalidBody(format!("the form has two parts named {name:?}")));
            }
            let filename = file_name(&part);
            let limit = service.limits.max_upload_bytes;
            sent = Some((write_file(service.blobs.as_ref(), part, &recording, limit).await?, filename));
        } else if fields.contains(&name) {
            let text = text_of(part, name, &mut left).await?;
            match text.trim() {
                // An empty value counts as left out.
                "" => {}
                text => set(name, text)?,
            }
        }
    }
    sent.ok_or(AppError::MissingFile { part: recording.part })
}

/// Whether a body is a JSON object, by its content type.
pub(in crate::http) fn is_json(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The same as a JSON object: the recording in base64, with or without `data:…;base64,` before it, and its name as
/// `filename`. All of it is in memory at once, so it is for short recordings.
async fn read_json(
    service: &Service,
    body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    recording: Recording,
    fields: &[&str],
    mut set: impl FnMut(&str, &str) -> Result<(), AppError>,
) -> Result<Sent, AppError> {
    let invalid =
        |what: String| AppError::InvalidBody(format!("send a JSON object or multipart/form-data: {what}"));
    let read = all_of(body, LARGEST_JSON).await.map_err(cut_short)?.ok_or_else(|| {
        invalid(format!(
            "a JSON body may have {LARGEST_JSON} bytes; larger recordings are sent as multipart/form-data"
        ))
    })?;
    let mut object: Map<String, Value> =
        serde_json::from_slice(&read).map_err(|error| invalid(error.to_string()))?;
    drop(read);
    let Some(Value::String(file)) = object.remove(recording.part) else {
        return Err(AppError::MissingFile { part: recording.part });
    };
    let encoded = file.split_once(";base64,").map_or(file.as_str(), |(_, encoded)| encoded);
    let bytes = STANDARD
        .decode(encoded.trim())
        .map_err(|error| invalid(format!("{:?} is not base64: {error}", recording.part)))?;
    drop(file);
    let filename = object.get("filename").and_then(Value::as_str).and_then(clean_name);
    for (name, value) in &object {
        let name = name.strip_suffix("[]").unwrap_or(name);
        if !fields.contains(&name) {
            continue;
        }
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if !text.trim().is_empty() {
                set(name, text.trim())?;
            }
        }
    }
    let content = stream::once(ready(Ok(Bytes::from(bytes))));
    let blobs = service.blobs.as_ref();
    Ok((write(blobs, recording.head, content, service.limits.max_upload_bytes).await?, filename))
}

/// Yes or no as programs in several languages write them; `None` of anything else.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "on" | "t" => Some(true),
        "false" | "0" | "no" | "n" | "off" | "f" => Some(false),
        _ => None,
    }
}

/// A field of a form that is true or false, see [`truth`].
pub(in crate::http) fn flag(name: &'static str, text: &str) -> Result<bool, AppError> {
    truth(text).ok_or_else(|| AppError::InvalidOption { name, message: "must be true or false".into() })
}

/// The language asked for; `None` where it is to be detected.
pub fn language(text: &str) -> Result<Option<Language>, AppError> {
    language::asked(text).map_err(|error| AppError::InvalidLanguage(error.to_string()))
}

/// Sets the language asked for; `multi` has it detected for every chunk.
pub(in crate::http) fn set_language(text: &str, options: &mut Options) -> Result<(), AppError> {
    options.is_multilingual = text.trim().eq_ignore_ascii_case(SEVERAL);
    options.language = if options.is_multilingual { None } else { language(text)? };
    Ok(())
}

/// A format that the API of OpenAI has, too.
pub(in crate::http) fn response_format(text: &str) -> Result<Format, AppError> {
    let known = text.parse().ok().filter(|format| *format != Format::Tsv);
    known.ok_or_else(|| AppError::InvalidOption {
        name: "response_format",
        message: "must be json, text, srt, verbose_json or vtt".into(),
    })
}

/// The end of a long prompt is what counts: the model has room for no more.
pub fn prompt(text: &str) -> String {
    let text = text.replace('\0', "");
    let mut start = text.len().saturating_sub(LONGEST_PROMPT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prompt_keeps_its_end_and_its_letters_whole() {
        assert_eq!(prompt("Ada\0"), "Ada");
        let long = format!("{}ü{}", "x".repeat(500), "y".repeat(LONGEST_PROMPT - 1));
        assert_eq!(prompt(&long), "y".repeat(LONGEST_PROMPT - 1));
    }

    #[test]
    fn response_formats_are_those_of_the_api() {
        assert_eq!(response_format("verbose_json").unwrap(), Format::VerboseJson);
        assert!(response_format("tsv").is_err() && response_format("diarized_json").is_err());
    }

    #[test]
    fn yes_and_no_are_read_as_python_and_javascript_write_them() {
        assert!(["True", "true", "1"].iter().all(|text| flag("encode", text).unwrap()));
        assert!(["False", "false", "0"].iter().all(|text| !flag("encode", text).unwrap()));
        assert!(flag("encode", "maybe").is_err());
    }
}
