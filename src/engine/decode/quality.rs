//! Why the text of a window is not to be trusted.

use std::io::Write;

use actors::domain::transcript::repetition::{entropy, repeated_tokens};
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Text that compresses better than this repeats itself; openai-whisper's threshold.
const MAX_COMPRESSION_RATIO: f32 = 2.4;
/// Tokens whose entropy is taken, as in whisper.cpp; of texts that have more.
const ENTROPY_TOKENS: usize = 32;
/// Tokens in a row that two texts hardly have in common by chance.
const PHRASE: usize = 10;
/// Longest phrase, in tokens, that is looked for as the period of a loop.
const MAX_PERIOD: usize = 12;
/// Sound of at least this length after the last timestamp was not transcribed, in seconds.
const EARLY_END_SECS: f64 = 2.0;

/// What is wrong with the text of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Doubt {
    /// The token limit was reached before an end token.
    NoEnd,
    /// The same words over and over.
    Loop,
    /// The average log probability is below the threshold.
    Unlikely,
    /// No text, although the model detected speech.
    Empty,
    /// The text ends long before the sound does.
    EarlyEnd,
}

impl Doubt {
    /// Whether another search may help: an empty text comes back with any.
    pub(in crate::engine) fn asks_for_search(self) -> bool {
        match self {
            Self::NoEnd | Self::Loop | Self::Unlikely => true,
            Self::Empty | Self::EarlyEnd => false,
        }
    }
}

/// What is known of a decoded window.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Evidence<'a> {
    pub text: &'a str,
    /// Text tokens, timestamps left out.
    pub tokens: &'a [u32],
    pub avg_logprob: f32,
    pub no_speech_prob: f32,
    /// Whether it ended because no more tokens were allowed.
    pub limit_reached: bool,
    /// Seconds from the start of the window.
    pub last_timestamp: Option<f64>,
    /// Where the last sound as loud as speech ends, in seconds.
    pub sound_end_secs: f64,
}

/// From where on a window is doubted.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Thresholds {
    pub avg_logprob: f32,
    pub no_speech_prob: f32,
    /// Nats, of the last [`ENTROPY_TOKENS`] tokens.
    pub entropy: f32,
    /// Nats, see [`repeated_tokens`]. 0: phrases that come back are not a loop.
    pub loop_entropy: f32,
}

impl Evidence<'_> {
    /// The gravest doubt; `None` where the text is accepted.
    pub(in crate::engine) fn doubt(&self, thresholds: Thresholds) -> Option<Doubt> {
        if self.limit_reached {
            return Some(Doubt::NoEnd);
        }
        if self.is_loop(thresholds) {
            return Some(Doubt::Loop);
        }
        if self.avg_logprob < thresholds.avg_logprob && !self.tokens.is_empty() {
            return Some(Doubt::Unlikely);
        }
        if self.text.trim().is_empty() {
            return (self.no_speech_prob < thresholds.no_speech_prob).then_some(Doubt::Empty);
        }
        match self.last_timestamp {
            Some(last) if last + EARLY_END_SECS < self.sound_end_secs => Some(Doubt::EarlyEnd),
            Some(_) | None => None,
        }
    }

    fn is_loop(&self, thresholds: Thresholds) -> bool {
        let ids = signed(self.tokens);
        let last = ids.len().checked_sub(ENTROPY_TOKENS).filter(|first| *first > 0);
        let is_flat = last
            .and_then(|first| ids.get(first..))
            .is_some_and(|last| entropy(last) < f64::from(thresholds.entropy));
        is_flat
            || compression_ratio(self.text) > MAX_COMPRESSION_RATIO
            || repeated_from(self.tokens).is_some()
            || repeated_tokens(&ids, f64::from(thresholds.loop_entropy)).contains(&true)
    }
}

/// Bytes of the text for each byte of it compressed; below 1 for short texts.
pub(in crate::engine) fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    // Writing into memory does not fail.
    compressed.map_or(0.0, |compressed| text.len() as f32 / compressed.len().max(1) as f32)
}

/// Where a text begins to repeat itself, as an index into its tokens: what was said before is not part of the loop. `None`
/// where it does not, or where that cannot be decided.
pub(in crate::engine) fn loop_start(tokens: &[u32], loop_entropy: f32) -> Option<usize> {
    let said = repeated_tokens(&signed(tokens), f64::from(loop_entropy)).iter().position(|again| *again);
    [repeated_from(tokens), said].into_iter().flatten().min()
}

/// Where a phrase begins to follow itself more often than people repeat one: a token six times in a row, two or three
/// tokens five times, longer phrases three times.
fn repeated_from(tokens: &[u32]) -> Option<usize> {
    let from = |period: usize| {
        let rounds = match period {
            1 => 6,
            2 | 3 => 5,
            _ => 3,
        };
        let mut equal = 0;
        let end = tokens.iter().zip(tokens.iter().skip(period)).position(|(before, token)| {
            equal = if before == token { equal + 1 } else { 0 };
            equal >= period * (rounds - 1)
        });
        // The first of the tokens that equal the one a period before.
        end.map(|end| end + 1 + period - equal)
    };
    (1..=MAX_PERIOD).filter_map(from).min()
}

/// Whether `text` begins with the first [`PHRASE`] tokens of `other`, or with all of them where there are fewer.
pub(in crate::engine) fn begins_with(text: &[u32], other: &[u32]) -> bool {
    let common = text.iter().zip(other).take_while(|(token, other)| token == other).count();
    common >= other.len().min(PHRASE)
}

/// Whether both have the same [`PHRASE`] tokens in a row.
pub(in crate::engine) fn share_a_phrase(text: &[u32], other: &[u32]) -> bool {
    text.windows(PHRASE).any(|phrase| other.windows(PHRASE).any(|known| known == phrase))
}

fn signed(tokens: &[u32]) -> Vec<i32> {
    tokens.iter().map(|token| token.cast_signed()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds =
        Thresholds { avg_logprob: -0.7, no_speech_prob: 0.6, entropy: 2.4, loop_entropy: 3.5 };

    fn good() -> Evidence<'static> {
        Evidence {
            text: " And so my fellow Americans",
            tokens: &[400, 370, 452, 7177, 6280],
            avg_logprob: -0.2,
            no_speech_prob: 0.01,
            limit_reached: false,
            last_timestamp: Some(3.0),
            sound_end_secs: 3.0,
        }
    }

    #[test]
    fn each_fault_is_found_and_a_good_window_is_accepted() {
        let doubt = |evidence: Evidence<'_>| evidence.doubt(THRESHOLDS);
        assert_eq!(doubt(good()), None);
        let table = [
            (Evidence { limit_reached: true, ..good() }, Doubt::NoEnd),
            (Evidence { tokens: &[7; 6], ..good() }, Doubt::Loop),
            (Evidence { avg_logprob: -0.71, ..good() }, Doubt::Unlikely),
            (Evidence { text: " ", tokens: &[], ..good() }, Doubt::Empty),
            (Evidence { last_timestamp: Some(0.9), ..good() }, Doubt::EarlyEnd),
        ];
        for (evidence, expected) in table {
            assert_eq!(doubt(evidence), Some(expected));
        }
    }

    #[test]
    fn no_text_is_accepted_where_the_model_finds_no_speech() {
        let silent = Evidence { text: "", tokens: &[], no_speech_prob: 0.9, avg_logprob: -2.0, ..good() };
        assert_eq!(silent.doubt(THRESHOLDS), None);
    }

    #[test]
    fn phrases_said_two_times_are_no_loop() {
        assert_eq!(repeated_from(&[1, 2, 3, 4, 5, 1, 2, 3, 4, 5]), None);
        assert_eq!(repeated_from(&[9, 9, 9, 9, 9]), None);
    }

    #[test]
    fn a_loop_begins_after_its_first_round() {
        assert_eq!(repeated_from(&[1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]), Some(5));
        assert_eq!(repeated_from(&[8, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 7]), Some(3));
        let story: Vec<u32> = (100..104).chain(0..30).chain(0..30).collect();
        assert_eq!(loop_start(&story, 4.0), Some(34));
        assert_eq!(loop_start(&story, 0.0), None);
    }

    #[test]
    fn phrases_of_two_texts_are_compared() {
        let (story, other): (Vec<u32>, Vec<u32>) = ((0..30).collect(), (15..40).collect());
        assert!(begins_with(&story, &[0, 1, 2]) && begins_with(&story, &[]) && !begins_with(&story, &[0, 2]));
        assert!(begins_with(&story, &[&story[..10], &[99, 98]].concat()));
        assert!(share_a_phrase(&story, &other) && !share_a_phrase(&story, &other[10..]));
    }

    #[test]
    fn repeated_text_compresses_better_than_the_threshold() {
        assert!(compression_ratio(&" I'm not sure what to do.".repeat(8)) > MAX_COMPRESSION_RATIO);
        assert!(compression_ratio(good().text) < 1.5);
    }
}
