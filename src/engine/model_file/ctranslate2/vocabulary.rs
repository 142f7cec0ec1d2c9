//! `vocabulary.json` or `vocabulary.txt`: every token in GPT-2's alphabet, in the order of the ids.

use super::super::error::Fault;
use super::super::shape::Shape;
use super::super::vocabulary::Vocabulary;

/// Splits a text file into lines as CTranslate2 does.
pub fn parse(contents: &[u8], json: bool, shape: &Shape) -> Result<Vocabulary, Fault> {
    let text = str::from_utf8(contents).map_err(|_| Fault::invalid("it is not UTF-8"))?;
    if json {
        let tokens: Vec<String> = serde_json::from_str(text)
            .map_err(|error| Fault::Invalid(format!("it is not a list of tokens: {error}")))?;
        return Vocabulary::from_strings(tokens.iter().map(String::as_str), shape);
    }
    let text = text.strip_suffix('\n').unwrap_or(text);
    // Some vocabularies have tokens that end in a carriage return: it goes only where all lines have it.
    if text.split('\n').all(|line| line.ends_with('\r')) {
        let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        return Vocabulary::from_strings(lines, shape);
    }
    Vocabulary::from_strings(text.split('\n'), shape)
}
