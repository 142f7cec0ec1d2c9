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

/// What follows after `decodes` decodes of which the last ended with `doubt`; `None` where no more is worth it.
///
/// | doubt | second decode | third and fourth |
/// | --- | --- | --- |
/// | no end, loop, unlikely | padded | the backend's other searches, where there is sound as loud as speech |
/// | trimmed, empty, beyond the end, early end | padded | none: they come back with any search |
pub(super) fn next(doubt: Doubt, decodes: usize, is_loud: bool, searches: &[Search]) -> Option<Attempt> {
    match decodes {
        0 | 1 => Some(Attempt::Padded),
        _ if !is_loud || !doubt.asks_for_search() => None,
        _ => searches.get(decodes - 2).copied().map(Attempt::Search),
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
            assert_eq!(next(doubt, 1, true, &[SEARCH]), Some(Attempt::Padded));
            assert_eq!(next(doubt, 2, true, &[SEARCH]), Some(Attempt::Search(SEARCH)));
            assert_eq!(next(doubt, 3, true, &[SEARCH]), None);
        }
    }

    #[test]
    fn quiet_windows_and_early_ends_are_padded_only() {
        assert_eq!(next(Doubt::Loop, 2, false, &[SEARCH]), None);
        assert_eq!(next(Doubt::EarlyEnd, 1, true, &[SEARCH]), Some(Attempt::Padded));
        assert_eq!(next(Doubt::EarlyEnd, 2, true, &[SEARCH]), None);
    }

    #[test]
    fn a_backend_without_other_searches_ends_after_the_padded_one() {
        assert_eq!(next(Doubt::Loop, 2, true, &[]), None);
    }
}
