//! Splits a text into pieces as GPT-2's tokenizer does: tokens never cross from one into the next.

use std::sync::LazyLock;

use regex::Regex;

/// Contractions, letters, digits, other characters (each with a space before it), and white space. GPT-2's
/// own expression looks ahead to leave the last space to the word after it; see [`pieces`].
#[expect(clippy::expect_used, reason = "the expression is constant, and every test runs it")]
static PIECE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+")
        .expect("a valid expression")
});

/// Longer pieces are cut: the work for a piece grows with its length.
const LONGEST_PIECE: usize = 1000;

pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let found = PIECE.find(rest)?;
        let piece = found.as_str();
        let (piece, _) = piece.split_at(shorter(piece, rest.len() > found.end()));
        // Every character belongs to some piece, so it starts where the rest does.
        rest = rest.get(piece.len()..)?;
        Some(piece)
    })
}

/// How much of a piece to take.
fn shorter(piece: &str, more_follows: bool) -> usize {
    if let Some((cut, _)) = piece.char_indices().nth(LONGEST_PIECE) {
        return cut;
    }
    match piece.char_indices().next_back() {
        Some((last, character)) if more_follows && last > 0 && piece.chars().all(char::is_whitespace) => {
            debug_assert!(character.is_whitespace());
            last
        }
        _ => piece.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        pieces(text).collect()
    }

    #[test]
    fn a_word_takes_the_space_before_it() {
        assert_eq!(
            split("It's  2 o'clock, isn't it?\n"),
            ["It", "'s", " ", " 2", " o", "'", "clock", ",", " isn", "'t", " it", "?", "\n"]
        );
        assert_eq!(split("a \t b  "), ["a", " \t", " b", "  "]);
        assert_eq!(split("a\n\nb"), ["a", "\n", "\n", "b"]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn combining_marks_are_not_letters() {
        assert_eq!(split("नमस्ते"), ["नमस", "्", "त", "े"]);
    }

    #[test]
    fn long_pieces_are_cut() {
        let long = "a".repeat(2500);
        assert_eq!(split(&long).iter().map(|piece| piece.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
        let text = "日本".repeat(1500) + &" ".repeat(1700);
        assert_eq!(split(&text).concat(), text);
    }
}
