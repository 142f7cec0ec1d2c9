//! The languages of an answer.

use actors::domain::language::Language;
use serde_json::{Value, json};

/// What was spoken; none where nobody did.
pub(super) fn languages(language: Option<Language>) -> Value {
    language.iter().map(|language| json!({ "code": language.code() })).collect()
}
