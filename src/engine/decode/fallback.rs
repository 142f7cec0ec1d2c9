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
    /// With the wider search, too.
    Searched,
}

/// What follows a decode that ended with `doubt`, and how the window is decoded then; `None` where no more is worth it.
/// `wider` is the search after the request's own, if there is one.
///
/// | doubt | second decode | third decode |
/// | --- | --- | --- |
/// | no end, loop, unlikely | padded | the wider search, where there is sound as loud as speech |
/// | empty | padded | none: it comes back with any search |
/// | early end | none: it is read on from there | none |
pub(super) fn next(
    doubt: Doubt,
    so_far: SoFar,
    is_loud: bool,
    wider: Option<Search>,
) -> Option<(Attempt, SoFar)> {
    match so_far {
        SoFar::Matched if doubt == Doubt::EarlyEnd => None,
        SoFar::Matched => Some((Attempt::Padded, SoFar::Padded)),
        SoFar::Padded if is_loud && doubt.asks_for_search() => {
            wider.map(|search| (Attempt::Search(search), SoFar::Searched))
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
            while let Some((attempt, then)) = next(doubt, so_far, true, Some(SEARCH)) {
                attempts.push(attempt);
                so_far = then;
            }
            assert_eq!(attempts, [Attempt::Padded, Attempt::Search(SEARCH)]);
        }
    }

    #[test]
    fn quiet_windows_and_empty_texts_are_padded_only() {
        assert_eq!(next(Doubt::Loop, SoFar::Padded, false, Some(SEARCH)), None);
        assert_eq!(
            next(Doubt::Empty, SoFar::Matched, true, Some(SEARCH)),
            Some((Attempt::Padded, SoFar::Padded))
        );
        assert_eq!(next(Doubt::Empty, SoFar::Padded, true, Some(SEARCH)), None);
    }

    #[test]
    fn an_early_end_is_not_decoded_again() {
        assert_eq!(next(Doubt::EarlyEnd, SoFar::Matched, true, Some(SEARCH)), None);
    }

    #[test]
    fn a_request_with_that_beam_ends_with_the_padded_decode() {
        assert_eq!(SEARCH.wider(), None);
        assert_eq!(next(Doubt::Loop, SoFar::Padded, true, None), None);
    }
}
