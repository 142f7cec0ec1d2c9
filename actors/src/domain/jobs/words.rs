//! What jobs are searched for.

use thiserror::Error;

/// The longest text that is searched for, in characters.
pub const LONGEST_SEARCH: usize = 200;

/// Parts of words that all have to be in what is known of a job, in any order. In lower case, and at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("has {chars} characters: at most {LONGEST_SEARCH} are searched for")]
pub struct TooLong {
    pub chars: usize,
}

impl SearchWords {
    /// What stands between spaces; `None` where that is nothing.
    pub fn new(text: &str) -> Result<Option<Self>, TooLong> {
        let chars = text.chars().count();
        if chars > LONGEST_SEARCH {
            return Err(TooLong { chars });
        }
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
        Ok((!words.is_empty()).then_some(Self(words)))
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_lower_case_and_without_space() {
        let words = SearchWords::new("  GR\u{d6}\u{df}E\tscribe ").unwrap().unwrap();
        assert_eq!(words.iter().collect::<Vec<_>>(), ["gr\u{f6}\u{df}e", "scribe"]);
    }

    #[test]
    fn nothing_is_no_search_and_too_much_is_refused() {
        assert_eq!(SearchWords::new(" \n\0 ").unwrap(), None);
        assert!(SearchWords::new(&"\u{fc}".repeat(LONGEST_SEARCH)).is_ok());
        let chars = LONGEST_SEARCH + 1;
        assert_eq!(SearchWords::new(&"x".repeat(chars)), Err(TooLong { chars }));
    }
}
