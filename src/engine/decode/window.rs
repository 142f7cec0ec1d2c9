//! How much is computed for a window: its features are as long as its sound, not padded to 30 s.

use dsp::HOP;

/// Frames of 10 ms that the encoder takes at most: 30 s.
pub(in crate::engine) const FULL_FRAMES: usize = 3_000;
/// Silence behind the samples, in frames: 2.56 s is the smallest margin with which the decoder ends its text by itself
/// (docs/QUALITY.md).
const MARGIN_FRAMES: usize = 256;
/// A window holds no more tokens than this …
const BASE_TOKENS: usize = 24;
/// … and this many for each second of it. Fast speech has 6 to 8, timestamps included.
const TOKENS_PER_SEC: usize = 12;
/// Tokens that Whisper decoders write at most.
const MAX_TOKENS: usize = 224;

/// Frames for a window of `samples` with its margin; even, as the encoder halves them.
pub(in crate::engine) fn frames(samples: usize) -> usize {
    (samples.div_ceil(HOP) + MARGIN_FRAMES).next_multiple_of(2).min(FULL_FRAMES)
}

/// The most tokens that a window of `samples` may have: what a loop can cost.
pub(in crate::engine) fn token_limit(samples: usize) -> usize {
    (BASE_TOKENS + samples * TOKENS_PER_SEC / 16_000).min(MAX_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_grow_with_their_samples_up_to_the_encoders_limit() {
        assert_eq!([0, 16_000, 16_001, 448_000, 480_000].map(frames), [256, 356, 358, 3_000, 3_000]);
        assert_eq!([0, 16_000, 480_000].map(token_limit), [24, 36, 224]);
    }
}
