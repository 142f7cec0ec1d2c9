//! Tokens of symbols that are not speech, by openai-whisper's `non_speech_tokens`.

use std::collections::BTreeSet;

use super::super::Vocabulary;

/// Suppressed where they are one token, at the start of a word or not.
#[rustfmt::skip]
const SYMBOLS: [&str; 47] = [
    "\"", "#", "(", ")", "*", "+", "/", ":", ";", "<", "=", ">", "@", "[", "\\", "]", "^", "_", "`", "{", "|", "}",
    "~", "「", "」", "『", "』", "<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", "(\"", "((", "))", "(((",
    ")))", "[[", "]]", "{{", "}}", "♪♪", "♪♪♪",
];
/// Their first token is suppressed where they are more than one: U+2640 to U+267F share the first bytes.
const NOTES: [&str; 7] = ["♩", "♪", "♫", "♬", "♭", "♮", "♯"];
/// Allowed inside words only.
const NOT_FIRST_IN_WORD: [&str; 2] = [" -", " '"];

/// Symbols and special tokens that a transcript never has, in ascending order.
pub fn suppressed(vocabulary: &Vocabulary) -> Vec<u32> {
    let mut ids = BTreeSet::new();
    for symbol in SYMBOLS {
        for text in [symbol.to_owned(), format!(" {symbol}")] {
            if let [id] = vocabulary.encode(&text).as_slice() {
                ids.insert(*id);
            }
        }
    }
    for note in NOTES {
        ids.extend(vocabulary.encode(note).first());
        ids.extend(vocabulary.encode(&format!(" {note}")).first());
    }
    for text in NOT_FIRST_IN_WORD {
        ids.extend(vocabulary.encode(text).first());
    }
    let special = vocabulary.special();
    ids.insert(special.start_of_transcript());
    ids.insert(special.translate());
    ids.insert(special.transcribe());
    ids.insert(special.start_of_language_model());
    ids.insert(special.start_of_previous());
    ids.insert(special.no_speech());
    ids.into_iter().collect()
}

/// A space, and the end of the text: a window with speech would be empty otherwise.
pub fn suppressed_first(vocabulary: &Vocabulary) -> Vec<u32> {
    let mut ids = vocabulary.encode(" ");
    ids.truncate(1);
    ids.push(vocabulary.end_of_text());
    ids
}
