//! The languages of an answer.

use actors::domain::language::Language;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = SpokenLanguage)]
pub(super) struct LanguageView {
    code: &'static str,
}

/// What was spoken; empty without speech.
pub(super) fn languages(language: Option<Language>) -> Vec<LanguageView> {
    language.iter().map(|language| LanguageView { code: language.code() }).collect()
}
