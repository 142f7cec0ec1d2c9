//! How sure the model was of each token, as the OpenAI audio API has it.

use actors::domain::transcript::Segment;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::decimal;

/// How sure the model was of a token.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenLogprob)]
pub struct TokenView {
    /// Left out where it is not known which bytes are whose.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The natural logarithm of its probability.
    logprob: f64,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
}

/// The tokens of some segments, in order. Where it is known which bytes are whose, the tokens' texts join to the
/// segments' own, space at the ends included.
pub fn logprobs_json<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Value {
    json!(logprobs(segments))
}

/// The same, typed.
pub fn logprobs<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Vec<TokenView> {
    segments.into_iter().flat_map(tokens).collect()
}

fn tokens(segment: &Segment) -> Vec<TokenView> {
    let decoding = &segment.decoding;
    let text = segment.text.as_bytes();
    let lengths = decoding.token_bytes.iter().map(|length| usize::from(*length));
    let known =
        decoding.token_bytes.len() == decoding.logprobs.len() && lengths.clone().sum::<usize>() == text.len();
    let Some(lengths) = known.then_some(lengths) else {
        let nameless = |logprob: &f32| TokenView { token: None, logprob: decimal(*logprob), bytes: None };
        return decoding.logprobs.iter().map(nameless).collect();
    };
    let mut rest = text;
    let mut tokens = Vec::new();
    for (length, logprob) in lengths.zip(&decoding.logprobs) {
        let (bytes, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        tokens.push(TokenView {
            token: Some(String::from_utf8_lossy(bytes).into_owned()),
            logprob: decimal(*logprob),
            bytes: Some(bytes.to_vec()),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use actors::domain::transcript::Decoding;

    use super::*;

    fn segment(text: &str, token_bytes: &[u16]) -> Segment {
        let decoding =
            Decoding { logprobs: vec![-0.5; 3], token_bytes: token_bytes.to_vec(), ..Decoding::default() };
        Segment { decoding, ..Segment::new(0.0, 1.0, text) }
    }

    #[test]
    fn a_token_has_its_own_bytes_even_if_they_are_no_character() {
        let found = logprobs_json(&[segment(" tschüss", &[6, 1, 2])]);
        assert_eq!(found[0], json!({ "token": " tsch\u{fffd}", "logprob": -0.5, "bytes": b" tsch\xc3" }));
        assert_eq!((&found[1]["bytes"], &found[2]["token"]), (&json!([0xbc]), &json!("ss")));
    }

    #[test]
    fn tokens_that_do_not_make_the_text_have_none() {
        for lengths in [&[][..], &[1, 1], &[9, 9, 9]] {
            let found = logprobs_json(&[segment(" abc", lengths)]);
            assert_eq!(found, json!([{ "logprob": -0.5 }, { "logprob": -0.5 }, { "logprob": -0.5 }]));
        }
    }
}
