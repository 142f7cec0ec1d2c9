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

/// How a window was decoded until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SoFar {
    /// With features as long as its samples.
    Matched,
    /// With features of 30 s.
    Padded,
    /// With the other search, too.
    Searched,
}

/// What follows a decode that ended with `doubt`, and how the window is decoded then; `None` where no more is worth it.
/// `other` is the search after the request's own.
///
/// | doubt | second decode | third decode |
/// | --- | --- | --- |
/// | no end, loop, unlikely | padded | the other search, where there is sound as loud as speech |
/// | empty | padded | none: it comes back with any search |
/// | early end | none: it is read on from there | none |
pub(super) fn next(doubt: Doubt, so_far: SoFar, is_loud: bool, other: Search) -> Option<(Attempt, SoFar)> {
    match so_far {
        SoFar::Matched if doubt == Doubt::EarlyEnd => None,
        SoFar::Matched => Some((Attempt::Padded, SoFar::Padded)),
        SoFar::Padded if is_loud && doubt.asks_for_search() => {
            Some((Attempt::Search(other), SoFar::Searched))
        }
        SoFar::Padded | SoFar::Searched => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search =
        Search { temperature: 0.0, beam_size: 5, best_of: 1, token_limit: 224, suppress_non_speech: true };

    #[test]
    fn a_bad_text_is_padded_then_searched_for() {
        for doubt in [Doubt::NoEnd, Doubt::Loop, Doubt::Unlikely] {
            let mut so_far = SoFar::Matched;
            let mut attempts = Vec::new();
            while let Some((attempt, then)) = next(doubt, so_far, true, SEARCH) {
                attempts.push(attempt);
                so_far = then;
            }
            assert_eq!(attempts, [Attempt::Padded, Attempt::Search(SEARCH)]);
        }
    }

    #[test]
    fn quiet_windows_and_empty_texts_are_padded_only() {
        assert_eq!(next(Doubt::Loop, SoFar::Padded, false, SEARCH), None);
        assert_eq!(next(Doubt::Empty, SoFar::Matched, true, SEARCH), Some((Attempt::Padded, SoFar::Padded)));
        assert_eq!(next(Doubt::Empty, SoFar::Padded, true, SEARCH), None);
    }

    #[test]
    fn an_early_end_is_not_decoded_again() {
        assert_eq!(next(Doubt::EarlyEnd, SoFar::Matched, true, SEARCH), None);
    }

    #[test]
    fn a_beam_search_is_followed_by_a_greedy_one() {
        let widths = |beam_size| Search { beam_size, ..SEARCH }.other().beam_size;
        assert_eq!([1, 2, 5].map(widths), [5, 1, 1]);
        let sampled = Search { temperature: 0.8, ..SEARCH };
        assert_eq!(sampled.other(), SEARCH);
    }
}
