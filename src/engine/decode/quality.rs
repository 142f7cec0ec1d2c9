//! Why the text of a window is not to be trusted.

use std::io::Write;

use actors::domain::repetition::{entropy, said_again};
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Text that compresses better than this repeats itself; openai-whisper's threshold.
const MAX_COMPRESSION_RATIO: f32 = 2.4;
/// Tokens whose entropy is taken, as in whisper.cpp; of texts that have more.
const ENTROPY_TOKENS: usize = 32;
/// Longest phrase, in tokens, that is looked for as the period of a loop.
const MAX_PERIOD: usize = 12;
/// A last timestamp this much beyond the end of the samples points nowhere, in seconds.
const BEYOND_END_SECS: f64 = 0.5;
/// Sound that goes on for this long after the last timestamp was not transcribed, in seconds.
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
    /// The text was cut where it continued behind the end of the sound.
    Trimmed,
    /// No text, although the model detected speech.
    Empty,
    /// A timestamp behind the end of the samples.
    BeyondEnd,
    /// The text ends long before the sound does.
    EarlyEnd,
}

impl Doubt {
    /// Whether another search may help: an early end comes back at any temperature, an empty text too.
    pub(in crate::engine) fn asks_for_search(self) -> bool {
        match self {
            Self::NoEnd | Self::Loop | Self::Unlikely => true,
            Self::Trimmed | Self::Empty | Self::BeyondEnd | Self::EarlyEnd => false,
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
    /// Whether text behind the end of the sound was cut off.
    pub trimmed: bool,
    /// Seconds from the start of the window.
    pub last_timestamp: Option<f64>,
    /// Where the samples end, in seconds.
    pub duration_secs: f64,
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
    /// Nats, see [`said_again`]. 0: phrases that come back are not a loop.
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
        if self.trimmed {
            return Some(Doubt::Trimmed);
        }
        if self.text.trim().is_empty() {
            return (self.no_speech_prob < thresholds.no_speech_prob).then_some(Doubt::Empty);
        }
        match self.last_timestamp {
            Some(last) if last > self.duration_secs + BEYOND_END_SECS => Some(Doubt::BeyondEnd),
            Some(last) if last + EARLY_END_SECS < self.sound_end_secs => Some(Doubt::EarlyEnd),
            Some(_) | None => None,
        }
    }

    fn is_loop(&self, thresholds: Thresholds) -> bool {
        let ids: Vec<i32> = self.tokens.iter().map(|token| token.cast_signed()).collect();
        let last = ids.len().checked_sub(ENTROPY_TOKENS).filter(|first| *first > 0);
        let is_flat = last
            .and_then(|first| ids.get(first..))
            .is_some_and(|last| entropy(last) < f64::from(thresholds.entropy));
        is_flat
            || compression_ratio(self.text) > MAX_COMPRESSION_RATIO
            || repeats(self.tokens)
            || said_again(&ids, f64::from(thresholds.loop_entropy)).contains(&true)
    }
}

/// Bytes of the text for each byte of it compressed; below 1 for short texts.
pub(in crate::engine) fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let compressed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    // Writing into memory does not fail.
    compressed.map_or(0.0, |compressed| text.len() as f32 / compressed.len().max(1) as f32)
}

/// Whether a phrase follows itself more often than people repeat one: a token six times in a row, two or three tokens
/// five times, longer phrases three times.
fn repeats(tokens: &[u32]) -> bool {
    (1..=MAX_PERIOD).any(|period| {
        let rounds = match period {
            1 => 6,
            2 | 3 => 5,
            _ => 3,
        };
        let mut equal = 0;
        tokens.iter().zip(tokens.iter().skip(period)).any(|(before, token)| {
            equal = if before == token { equal + 1 } else { 0 };
            equal >= period * (rounds - 1)
        })
    })
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
            trimmed: false,
            last_timestamp: Some(3.0),
            duration_secs: 3.2,
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
            (Evidence { trimmed: true, ..good() }, Doubt::Trimmed),
            (Evidence { text: " ", tokens: &[], ..good() }, Doubt::Empty),
            (Evidence { last_timestamp: Some(3.8), ..good() }, Doubt::BeyondEnd),
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
        assert!(!repeats(&[1, 2, 3, 4, 5, 1, 2, 3, 4, 5]));
        assert!(!repeats(&[9, 9, 9, 9, 9]));
        assert!(repeats(&[1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]));
        assert!(repeats(&[8, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]));
    }

    #[test]
    fn repeated_text_compresses_better_than_the_threshold() {
        assert!(compression_ratio(&" I'm not sure what to do.".repeat(8)) > MAX_COMPRESSION_RATIO);
        assert!(compression_ratio(good().text) < 1.5);
    }
}
