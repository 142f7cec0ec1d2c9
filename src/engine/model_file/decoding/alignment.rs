//! The cross-attention heads whose weights follow the audio, by openai-whisper's `_ALIGNMENT_HEADS`
//! (version 20250625).

use super::super::shape::Shape;

type Heads = &'static [(u32, u32)];

const TINY_EN: Heads = &[(1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)];
const TINY: Heads = &[(2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)];
const BASE_EN: Heads = &[(3, 3), (4, 7), (5, 1), (5, 5), (5, 7)];
const BASE: Heads = &[(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)];
#[rustfmt::skip]
const SMALL_EN: Heads = &[
    (6, 6), (7, 0), (7, 3), (7, 8), (8, 2), (8, 5), (8, 7), (9, 0), (9, 4), (9, 8), (9, 10), (10, 0), (10, 1),
    (10, 2), (10, 3), (10, 6), (10, 11), (11, 2), (11, 4),
];
const SMALL: Heads = &[(5, 3), (5, 9), (8, 0), (8, 4), (8, 7), (8, 8), (9, 0), (9, 7), (9, 9), (10, 5)];
#[rustfmt::skip]
const MEDIUM_EN: Heads = &[
    (11, 4), (14, 1), (14, 12), (14, 14), (15, 4), (16, 0), (16, 4), (16, 9), (17, 12), (17, 14), (18, 7),
    (18, 10), (18, 15), (20, 0), (20, 3), (20, 9), (20, 14), (21, 12),
];
const MEDIUM: Heads = &[(13, 15), (15, 4), (15, 15), (16, 1), (20, 0), (23, 4)];
#[rustfmt::skip]
const LARGE_V2: Heads = &[
    (10, 12), (13, 17), (16, 11), (16, 12), (16, 13), (17, 15), (17, 16), (18, 4), (18, 11), (18, 19), (19, 11),
    (21, 2), (21, 3), (22, 3), (22, 9), (22, 12), (23, 5), (23, 7), (23, 13), (25, 5), (26, 1), (26, 12), (27, 15),
];
#[rustfmt::skip]
const LARGE_V3: Heads = &[
    (7, 0), (10, 17), (12, 18), (13, 12), (16, 1), (17, 14), (19, 11), (21, 4), (24, 1), (25, 6),
];
const TURBO: Heads = &[(2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)];

/// The published heads of this shape; otherwise all heads of the decoder's second half, as in
/// openai-whisper. large-v1 has the shape of large-v2 and other heads: (9, 19), (11, 2), (11, 4), (11, 17),
/// (22, 7), (22, 11), (22, 17), (23, 2), (23, 15). It gets those of large-v2.
pub fn heads(shape: &Shape) -> Vec<(u32, u32)> {
    let layers = (shape.encoder_layers, shape.decoder_layers);
    match (shape.width, layers, shape.multilingual(), shape.mel_bands) {
        (384, (4, 4), false, _) => TINY_EN.to_vec(),
        (384, (4, 4), true, _) => TINY.to_vec(),
        (512, (6, 6), false, _) => BASE_EN.to_vec(),
        (512, (6, 6), true, _) => BASE.to_vec(),
        (768, (12, 12), false, _) => SMALL_EN.to_vec(),
        (768, (12, 12), true, _) => SMALL.to_vec(),
        (1024, (24, 24), false, _) => MEDIUM_EN.to_vec(),
        (1024, (24, 24), true, _) => MEDIUM.to_vec(),
        (1280, (32, 32), true, 80) => LARGE_V2.to_vec(),
        (1280, (32, 32), true, 128) => LARGE_V3.to_vec(),
        (1280, (32, 4), true, 128) => TURBO.to_vec(),
        _ => {
            let (layers, heads) = (shape.decoder_layers.unsigned_abs(), shape.heads.unsigned_abs());
            (layers / 2..layers).flat_map(|layer| (0..heads).map(move |head| (layer, head))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_heads_are_inside_their_decoders() {
        for (width, encoder_layers, decoder_layers, vocabulary, mel_bands, count) in [
            (384, 4, 4, 51_864, 80, 8),
            (384, 4, 4, 51_865, 80, 6),
            (512, 6, 6, 51_864, 80, 5),
            (512, 6, 6, 51_865, 80, 8),
            (768, 12, 12, 51_864, 80, 19),
            (768, 12, 12, 51_865, 80, 10),
            (1024, 24, 24, 51_864, 80, 18),
            (1024, 24, 24, 51_865, 80, 6),
            (1280, 32, 32, 51_865, 80, 23),
            (1280, 32, 32, 51_866, 128, 10),
            (1280, 32, 4, 51_866, 128, 6),
            (128, 2, 3, 51_865, 80, 4),
            (64, 1, 1, 51_865, 80, 1),
        ] {
            let shape = Shape {
                vocabulary,
                audio_context: 1500,
                text_context: 448,
                width,
                heads: width / 64,
                encoder_layers,
                decoder_layers,
                mel_bands,
            };
            let heads = heads(&shape);
            assert_eq!(heads.len(), count, "{shape:?}");
            for (layer, head) in heads {
                assert!(layer < decoder_layers as u32 && head < width as u32 / 64, "{shape:?}");
            }
        }
    }
}
