//! Forms as clients of other services send them: a recording, among fields of which some mean something here.

use actix_multipart::Multipart;
use actix_web::{HttpRequest, web};
use actors::domain::language::{self, Language};
use actors::ports::BlobWriter;
use futures_util::TryStreamExt;

use super::body::{LARGEST_OPTIONS, Recording, bad_form, file_name, text_of, write_file};
use super::service::Service;
use super::submission::LONGEST_PROMPT;
use super::upload_pace::paced;
use crate::error::AppError;

/// A recording that was sent, not yet a blob, and what its sender calls it. Its file is gone with it.
pub(super) type Sent = (Box<dyn BlobWriter>, Option<String>);

/// Reads the whole form, in bounded memory: `set` is given the `fields` that are not empty, with space at their ends
/// cut off, in the order they come. Any other part is passed over: clients send what other services understand.
pub(super) async fn read(
    service: &Service,
    request: &HttpRequest,
    body: web::Payload,
    recording: Recording,
    fields: &[&str],
    mut set: impl FnMut(&str, &str) -> Result<(), AppError>,
) -> Result<Sent, AppError> {
    let body = Box::pin(paced(body, service.limits.min_upload_bytes_per_sec));
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
                // An empty value is one that was left alone.
                "" => {}
                text => set(name, text)?,
            }
        }
    }
    sent.ok_or(AppError::MissingFile { part: recording.part })
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
pub(super) fn flag(name: &'static str, text: &str) -> Result<bool, AppError> {
    truth(text).ok_or_else(|| AppError::InvalidOption { name, message: "must be true or false".into() })
}

/// The language asked for; `None` where it is to be detected.
pub fn language(text: &str) -> Result<Option<Language>, AppError> {
    language::asked(text).map_err(|error| AppError::InvalidLanguage(error.to_string()))
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
    fn yes_and_no_are_read_as_python_and_javascript_write_them() {
        assert!(["True", "true", "1"].iter().all(|text| flag("encode", text).unwrap()));
        assert!(["False", "false", "0"].iter().all(|text| !flag("encode", text).unwrap()));
        assert!(flag("encode", "maybe").is_err());
    }
}
