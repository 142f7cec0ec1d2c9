//! What is tried where the text of a window is doubtful.

use super::quality::Doubt;
use crate::engine::backends::Search;

/// One more try at a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Attempt {
    /// Encoded once more, padded to 30 s as in training, with the same search.
    Padded,
    /// Another search over the padded encoding.
    Search(Search),
}

/// What follows after decodes of which the last ended with `doubt`; `None` where no more is worth it.
///
/// | doubt | second decode | third and fourth |
/// | --- | --- | --- |
/// | no end, loop, unlikely | padded | the backend's other searches, where there is sound as loud as speech |
/// | trimmed, empty, beyond the end, early end | padded | none: they come back with any search |
pub(super) fn next(doubt: Doubt, so_far: SoFar, is_loud: bool, searches: &[Search]) -> Option<Attempt> {
    let tried = match so_far {
        SoFar::Matched => return Some(Attempt::Padded),
        SoFar::Padded { searches } => searches,
    };
    if !is_loud || !doubt.asks_for_search() {
        return None;
    }
    searches.get(tried).copied().map(Attempt::Search)
}

/// How a window was decoded until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SoFar {
    /// With features as long as its samples.
    Matched,
    /// With features of 30 s, and with so many other searches.
    Padded { searches: usize },
}

impl SoFar {
    pub(super) fn after(self, attempt: Attempt) -> Self {
        match (self, attempt) {
            (Self::Matched, _) | (Self::Padded { .. }, Attempt::Padded) => Self::Padded { searches: 0 },
            (Self::Padded { searches }, Attempt::Search(_)) => Self::Padded { searches: searches + 1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search {
        temperature: 0.0,
        beam_size: 5,
        best_of: 1,
        no_repeat_ngram: 0,
        token_limit: 224,
        suppress_non_speech: true,
    };

    #[test]
    fn a_bad_text_is_padded_then_searched_for() {
        for doubt in [Doubt::NoEnd, Doubt::Loop, Doubt::Unlikely] {
            let mut so_far = SoFar::Matched;
            let mut attempts = Vec::new();
            while let Some(attempt) = next(doubt, so_far, true, &[SEARCH]) {
                attempts.push(attempt);
                so_far = so_far.after(attempt);
            }
            assert_eq!(attempts, [Attempt::Padded, Attempt::Search(SEARCH)]);
        }
    }

    #[test]
    fn quiet_windows_and_early_ends_are_padded_only() {
        let padded = SoFar::Padded { searches: 0 };
        assert_eq!(next(Doubt::Loop, padded, false, &[SEARCH]), None);
        assert_eq!(next(Doubt::EarlyEnd, SoFar::Matched, true, &[SEARCH]), Some(Attempt::Padded));
        assert_eq!(next(Doubt::EarlyEnd, padded, true, &[SEARCH]), None);
    }

    #[test]
    fn a_backend_without_other_searches_ends_after_the_padded_one() {
        assert_eq!(next(Doubt::Loop, SoFar::Padded { searches: 0 }, true, &[]), None);
    }
}
