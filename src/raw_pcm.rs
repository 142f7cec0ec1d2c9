//! Bare samples, as some clients send them.

use bytes::Bytes;

/// How bare samples are to be read: whole numbers, little-endian; of one byte each unsigned, of more signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pcm {
    pub rate: u32,
    /// Bytes of a sample.
    pub width: u16,
    pub channels: u16,
}

impl Pcm {
    /// The rate of Whisper models.
    pub const SPEECH: Self = Self { rate: 16_000, width: 2, channels: 1 };

    /// What makes a WAVE file of the samples that follow it, however many these will be: the lengths in it are those
    /// that stand for "up to the end".
    pub fn wave_head(self) -> Bytes {
        const UP_TO_THE_END: [u8; 4] = u32::MAX.to_le_bytes();
        let frame = self.width.saturating_mul(self.channels);
        let mut head = Vec::with_capacity(44);
        head.extend(b"RIFF");
        head.extend(UP_TO_THE_END);
        head.extend(b"WAVEfmt ");
        head.extend(16u32.to_le_bytes());
        // Whole numbers.
        head.extend(1u16.to_le_bytes());
        head.extend(self.channels.to_le_bytes());
        head.extend(self.rate.to_le_bytes());
        head.extend(self.rate.saturating_mul(u32::from(frame)).to_le_bytes());
        head.extend(frame.to_le_bytes());
        head.extend(self.width.saturating_mul(8).to_le_bytes());
        head.extend(b"data");
        head.extend(UP_TO_THE_END);
        head.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_to_read_what_follows() {
        let head = Pcm { rate: 44_100, width: 2, channels: 2 }.wave_head();
        assert_eq!(head.len(), 44);
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        assert_eq!((number(24), number(28)), (44_100, 176_400), "rate, bytes a second");
        assert_eq!((head[20], head[22], head[32], head[34]), (1, 2, 4, 16));
    }
}
