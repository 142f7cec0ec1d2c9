//! A transcript as a person left it, sent as JSON.

use actix_web::{HttpRequest, web};
use actors::domain::transcript::edit::{BadEdit, EditedSegment, check};
use actors::domain::transcript::{Flag, Word};
use serde::de::{Deserialize, Deserializer, Error};
use utoipa::ToSchema;

use super::body::{all_of, cut_short};
use super::form::is_json;
use super::upload_pace::paced;
use crate::error::AppError;
use crate::http::service::Limits;
use crate::transcript::SegmentFlag;

/// Of the body, in bytes: a day of speech with the times of its words.
const LARGEST: usize = 32 << 20;

/// The transcript of a job as a person left it.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct EditForm {
    /// The revision that was changed, which must be the latest: 0 is what the engine wrote.
    #[serde(deserialize_with = "whole")]
    #[schema(value_type = i64, minimum = 0, maximum = 4_294_967_295_i64)]
    base_revision: u32,
    /// All segments, also those that stay as they are, by their starts.
    #[schema(max_items = 100_000)]
    segments: Vec<SegmentForm>,
}

/// Times are seconds in the original recording.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = EditedSegment)]
#[serde(deny_unknown_fields)]
struct SegmentForm {
    /// Segments are renumbered.
    #[serde(default, rename = "id", deserialize_with = "whole_if_any")]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_i64)]
    _id: Option<u32>,
    #[schema(minimum = 0)]
    start: f64,
    #[schema(minimum = 0)]
    end: f64,
    /// Without control characters.
    #[schema(max_length = 10_000)]
    text: String,
    /// Trimmed. An empty name means no speaker.
    #[schema(max_length = 100)]
    speaker: Option<String>,
    words: Option<Vec<WordForm>>,
    #[serde(default)]
    #[schema(value_type = Vec<SegmentFlag>)]
    flags: Vec<Flag>,
    #[serde(default, deserialize_with = "whole_if_any")]
    #[schema(maximum = 255)]
    channel: Option<u8>,
}

/// A word and when it was said.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[schema(as = EditedWord)]
#[serde(deny_unknown_fields)]
struct WordForm {
    #[schema(max_length = 10_000)]
    word: String,
    #[schema(minimum = 0)]
    start: f64,
    #[schema(minimum = 0)]
    end: f64,
    /// 1 unless it is given: a person wrote it.
    #[serde(default = "sure")]
    #[schema(minimum = 0, maximum = 1)]
    probability: f32,
}

/// JSON does not distinguish 2 and 2.0.
fn whole<'de, D: Deserializer<'de>, N: TryFrom<u64>>(value: D) -> Result<N, D::Error> {
    whole_if_any(value)?.ok_or_else(|| D::Error::custom("must be a number"))
}

fn whole_if_any<'de, D: Deserializer<'de>, N: TryFrom<u64>>(value: D) -> Result<Option<N>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(value)? else { return Ok(None) };
    // The cast saturates.
    let whole = Some(number as u64).filter(|whole| *whole as f64 == number);
    let known = whole.and_then(|whole| N::try_from(whole).ok());
    known.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is not a whole number in range")))
}

fn sure() -> f32 {
    1.0
}

impl From<SegmentForm> for EditedSegment {
    fn from(form: SegmentForm) -> Self {
        let SegmentForm { start, end, text, speaker, words, flags, channel, .. } = form;
        let word = |WordForm { word, start, end, probability }| Word { word, start, end, probability };
        let speaker = speaker.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let words = words.map(|words| words.into_iter().map(word).collect());
        Self { start, end, text, speaker, words, flags, channel }
    }
}

/// Reads the body: which revision was changed, and the segments, which can be kept for a recording of that length.
pub(in crate::http) async fn receive(
    limits: &Limits,
    request: &HttpRequest,
    body: web::Payload,
    duration_secs: Option<f64>,
) -> Result<(u32, Vec<EditedSegment>), AppError> {
    if !is_json(request) {
        return Err(AppError::InvalidBody("send a JSON object as application/json".into()));
    }
    let body = Box::pin(paced(body, limits.min_upload_bytes_per_sec));
    let read = all_of(body, LARGEST).await.map_err(cut_short)?;
    let read = read.ok_or(AppError::BodyTooLarge { limit: LARGEST })?;
    // A long one takes longer than others may wait for their turn.
    web::block(move || parsed(&read, duration_secs)).await.map_err(AppError::internal)?
}

fn parsed(body: &[u8], duration_secs: Option<f64>) -> Result<(u32, Vec<EditedSegment>), AppError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let form: EditForm = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| AppError::InvalidBody(format!("{}: {}", error.path(), error.inner())))?;
    json.end().map_err(|error| AppError::InvalidBody(error.to_string()))?;
    let segments: Vec<_> = form.segments.into_iter().map(EditedSegment::from).collect();
    check(&segments, duration_secs).map_err(|bad| {
        let message = bad.to_string();
        let BadEdit { field, .. } = bad;
        AppError::InvalidTranscript { field, message }
    })?;
    Ok((form.base_revision, segments))
}
