//! What is answered as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::languages::LanguageView;
use crate::transcript::{TokenView, Usage, VerboseView};

/// What the OpenAI audio API calls `json`.
#[derive(Serialize, ToSchema)]
#[schema(as = Transcription)]
pub(super) struct TranscriptionView {
    pub text: String,
    /// What was spoken; empty without speech.
    pub languages: Vec<LanguageView>,
    pub usage: Usage,
    /// Where `include[]` asks for them.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenView>>,
}

/// An answer of the OpenAI routes as JSON.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the description")]
pub(super) enum Transcriptions {
    Plain(TranscriptionView),
    Verbose(VerboseView),
}
