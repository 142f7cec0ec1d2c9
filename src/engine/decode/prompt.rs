//! The prompt that a text continues: the vocabulary that a client expects, and the text before.

use crate::engine::model_file::Vocabulary;

/// Tokens of context at most: what is longer loses its beginning. Half of the decoder's 448 positions are for the text.
const MAX_CONTEXT: usize = 223;
/// Of these, tokens of hotwords at most.
const MAX_HOTWORDS: usize = 128;

/// The tokens of hotwords, then those of the prompt.
pub(super) fn context(vocabulary: &Vocabulary, hotwords: &[String], prompt: Option<&str>) -> Vec<u32> {
    let mut context = Vec::new();
    if !hotwords.is_empty() {
        context = vocabulary.encode(&format!(" {}", hotwords.join(", ")));
        context.truncate(MAX_HOTWORDS);
    }
    if let Some(prompt) = prompt {
        let tokens = vocabulary.encode(&format!(" {}", prompt.trim()));
        let room = MAX_CONTEXT - context.len();
        context.extend(tokens.get(tokens.len().saturating_sub(room)..).unwrap_or_default());
    }
    context
}
