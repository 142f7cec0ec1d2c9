//! The text before a chunk, as the end of its prompt, so that names and sentences continue as they began.

use super::Segment;

/// So many characters at most: about a quarter of what the engine takes. Models are led astray by long ones.
const MOST_CHARS: usize = 200;

/// Text from this temperature on is unreliable.
const GUESSED: f32 = 0.5;

/// The end of the text so far. It depends on the segments alone: reading them again, from the first on, gives
/// the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    tail: String,
}

impl Context {
    /// Appends these segments. A doubtful one clears the context: an error is not to spread.
    pub fn append(&mut self, segments: &[Segment]) {
        for segment in segments {
            if segment.flags.is_empty() && segment.decoding.temperature < GUESSED {
                self.tail.push_str(&segment.text);
            } else {
                self.tail.clear();
            }
        }
        self.tail = last_words(&self.tail).to_owned();
    }

    /// The prompt for the next chunk: the client's own first, what was said last right before what comes.
    pub fn prompt(&self, own: Option<&str>) -> Option<String> {
        let parts: Vec<&str> = own
            .into_iter()
            .chain([self.tail.as_str()])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

/// Whole words where there are any; languages without spaces are cut between characters.
fn last_words(text: &str) -> &str {
    let Some((start, _)) = text.char_indices().rev().nth(MOST_CHARS) else { return text };
    let tail = text.get(start..).unwrap_or_default();
    // The first character is one too many: with it, a word that begins right behind it is whole.
    match tail.split_once(char::is_whitespace) {
        Some((_, words)) => words,
        None => tail.char_indices().nth(1).and_then(|(second, _)| tail.get(second..)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::transcript::{Decoding, Flag};

    fn segment(text: &str) -> Segment {
        Segment::new(0.0, 1.0, text)
    }

    fn after(segments: &[Segment]) -> Option<String> {
        let mut context = Context::default();
        context.append(segments);
        context.prompt(None)
    }

    #[test]
    fn the_prompt_is_the_clients_own_and_then_what_was_said_last() {
        let mut context = Context::default();
        assert_eq!((context.prompt(None), context.prompt(Some("  "))), (None, None));
        assert_eq!(context.prompt(Some("Ada")).as_deref(), Some("Ada"));
        context.append(&[segment(" One two."), segment(" Three.")]);
        assert_eq!(context.prompt(None).as_deref(), Some("One two. Three."));
        assert_eq!(context.prompt(Some("Ada ")).as_deref(), Some("Ada One two. Three."));
    }

    #[test]
    fn no_more_than_the_last_whole_words_are_kept() {
        let text = (0..100).map(|n| format!(" größe{n}")).collect::<String>();
        let kept = after(&[segment(&text)]).unwrap();
        assert!(kept.chars().count() <= MOST_CHARS && kept.chars().count() > MOST_CHARS - 10, "{kept}");
        assert!(kept.ends_with("größe99") && kept.split(' ').all(|word| word.starts_with("größe")));
        let exact = format!("{} {}", "a".repeat(50), "b".repeat(MOST_CHARS));
        assert_eq!(after(&[segment(&exact)]), Some("b".repeat(MOST_CHARS)));
        let spaceless = after(&[segment(&"你".repeat(500))]).unwrap();
        assert_eq!(spaceless, "你".repeat(MOST_CHARS));
    }

    #[test]
    fn a_doubtful_segment_clears_the_context() {
        let flagged = Segment { flags: vec![Flag::Repetition], ..segment(" loop loop") };
        let guessed =
            Segment { decoding: Decoding { temperature: 0.6, ..Decoding::default() }, ..segment(" guess") };
        for doubtful in [flagged, guessed] {
            assert_eq!(after(&[segment(" One."), doubtful.clone()]), None);
            assert_eq!(after(&[segment(" One."), doubtful, segment(" Two.")]).as_deref(), Some("Two."));
        }
    }

    #[test]
    fn context_does_not_depend_on_how_segments_are_grouped() {
        let segments: Vec<Segment> = (0..60)
            .map(|n| {
                let flags = if n % 23 == 7 { vec![Flag::LowConfidence] } else { vec![] };
                Segment { flags, ..segment(&format!(" Wort{n} und {}.", n * n)) }
            })
            .collect();
        for size in [1, 2, 3, 7, 60] {
            let mut context = Context::default();
            segments.chunks(size).for_each(|chunk| context.append(chunk));
            assert_eq!(context.prompt(None), after(&segments), "in groups of {size}");
        }
    }
}
