//! Reads a tensor's numbers and writes them as f16. Blocks are laid out as in ggml-common.h.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::super::error::Fault;
use super::super::reader::Reader;
use super::super::weight_type::WeightType;

/// Bytes of a number that is written.
pub const BYTES: usize = 2;
/// Numbers in a block of a quantised tensor.
const BLOCK: usize = 32;
/// Blocks that are converted at a time.
const BLOCKS: usize = 256;

type Block = [f32; BLOCK];

/// Whether [`read`] takes tensors of this type.
pub fn is_readable(weight_type: WeightType) -> bool {
    conversion(weight_type).is_some()
}

/// Fills `place` with the numbers of a tensor.
pub fn read(reader: &mut Reader<'_>, weight_type: WeightType, place: &mut [u8]) -> Result<(), Fault> {
    match conversion(weight_type) {
        Some(convert) => convert(reader, place),
        None => Err(Fault::Invalid(format!("its weights are {weight_type}"))),
    }
}

type Conversion = fn(&mut Reader<'_>, &mut [u8]) -> Result<(), Fault>;

fn conversion(weight_type: WeightType) -> Option<Conversion> {
    Some(match weight_type {
        WeightType::F16 => |reader, place| reader.fill(place, "a tensor"),
        WeightType::F32 => |reader, place| convert(reader, place, f32s),
        WeightType::Q8_0 => |reader, place| convert(reader, place, q8_0),
        WeightType::Q4_0 => |reader, place| convert(reader, place, q4_0),
        WeightType::Q4_1 => |reader, place| convert(reader, place, q4_1),
        WeightType::Q5_0 => |reader, place| convert(reader, place, q5_0),
        WeightType::Q5_1 => |reader, place| convert(reader, place, q5_1),
        WeightType::Bf16
        | WeightType::Int16
        | WeightType::Int8
        | WeightType::Q2K
        | WeightType::Q3K
        | WeightType::Q4K
        | WeightType::Q5K
        | WeightType::Q6K => return None,
    })
}

/// Every tensor has a multiple of 32 numbers: widths and channels are multiples of 64.
fn convert<const N: usize>(
    reader: &mut Reader<'_>,
    place: &mut [u8],
    decode: impl Fn(&[u8; N], &mut Block),
) -> Result<(), Fault> {
    let mut blocks = [[0; N]; BLOCKS];
    let mut numbers = [[0.0; BLOCK]; BLOCKS];
    let mut halves = [f16::ZERO; BLOCK * BLOCKS];
    for place in place.chunks_mut(BYTES * BLOCK * BLOCKS) {
        let count = place.len() / (BYTES * BLOCK);
        let (Some(blocks), Some(numbers)) = (blocks.get_mut(..count), numbers.get_mut(..count)) else {
            continue;
        };
        reader.fill(blocks.as_flattened_mut(), "a tensor")?;
        for (block, numbers) in blocks.iter().zip(numbers.iter_mut()) {
            decode(block, numbers);
        }
        let Some(halves) = halves.get_mut(..count * BLOCK) else { continue };
        halves.convert_from_f32_slice(numbers.as_flattened());
        let (pairs, _) = place.as_chunks_mut::<BYTES>();
        for (pair, half) in pairs.iter_mut().zip(halves.iter()) {
            *pair = half.to_le_bytes();
        }
    }
    Ok(())
}

fn f32s(block: &[u8; 4 * BLOCK], numbers: &mut Block) {
    let (values, _) = block.as_chunks::<4>();
    for (number, value) in numbers.iter_mut().zip(values) {
        *number = f32::from_le_bytes(*value);
    }
}

fn half(low: u8, high: u8) -> f32 {
    f16::from_le_bytes([low, high]).to_f32()
}

/// A scale, then a signed byte for each number.
fn q8_0([low, high, bytes @ ..]: &[u8; 34], numbers: &mut Block) {
    let scale = half(*low, *high);
    for (number, byte) in numbers.iter_mut().zip(bytes) {
        *number = f32::from(byte.cast_signed()) * scale;
    }
}

/// A scale, then four bits for each number.
fn q4_0([low, high, bytes @ ..]: &[u8; 18], numbers: &mut Block) {
    let scale = half(*low, *high);
    nibbles(bytes, 0, numbers, |quant| (f32::from(quant) - 8.0) * scale);
}

/// A scale, a minimum, then four bits for each number.
fn q4_1([low, high, low_min, high_min, bytes @ ..]: &[u8; 20], numbers: &mut Block) {
    let (scale, least) = (half(*low, *high), half(*low_min, *high_min));
    nibbles(bytes, 0, numbers, |quant| f32::from(quant) * scale + least);
}

/// A scale, the fifth bits, then the other four bits of each number.
fn q5_0([low, high, a, b, c, d, bytes @ ..]: &[u8; 22], numbers: &mut Block) {
    let scale = half(*low, *high);
    let fifth = u32::from_le_bytes([*a, *b, *c, *d]);
    nibbles(bytes, fifth, numbers, |quant| (f32::from(quant) - 16.0) * scale);
}

/// A scale, a minimum, the fifth bits, then the other four bits of each number.
fn q5_1([low, high, low_min, high_min, a, b, c, d, bytes @ ..]: &[u8; 24], numbers: &mut Block) {
    let (scale, least) = (half(*low, *high), half(*low_min, *high_min));
    let fifth = u32::from_le_bytes([*a, *b, *c, *d]);
    nibbles(bytes, fifth, numbers, |quant| f32::from(quant) * scale + least);
}

/// The lower halves of the bytes are the first 16 numbers, the upper ones the others. Bit `n` of `fifth` is
/// the fifth bit of number `n`.
fn nibbles(bytes: &[u8; 16], fifth: u32, numbers: &mut Block, value: impl Fn(u8) -> f32) {
    let (first, second) = numbers.split_at_mut(BLOCK / 2);
    for (index, (byte, (first, second))) in bytes.iter().zip(first.iter_mut().zip(second)).enumerate() {
        let bit = |shift: usize| (((fifth >> shift) & 1) as u8) << 4;
        *first = value((byte & 0xF) | bit(index));
        *second = value((byte >> 4) | bit(index + BLOCK / 2));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read_block(weight_type: WeightType, bytes: &[u8]) -> Vec<f32> {
        let mut place = [0; BYTES * BLOCK];
        read(&mut Reader::new(Cursor::new(bytes), bytes.len() as u64), weight_type, &mut place).unwrap();
        place.as_chunks::<2>().0.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()).collect()
    }

    /// Expected numbers are those of `gguf.quants.dequantize` (gguf 0.17 on PyPI), in sixteenths.
    #[test]
    #[rustfmt::skip]
    fn quantised_blocks_are_read_as_gguf_reads_them() {
        let quants: [u8; 30] = [
            229, 241, 169, 65, 6, 160, 149, 106, 38, 175, 188, 205, 175, 229, 98, 249, 10, 148, 95, 86, 147, 198, 66,
            39, 106, 213, 171, 45, 167, 57,
        ];
        let cases: [(WeightType, Vec<u8>, [i32; 32]); 5] = [
            (WeightType::Q8_0, [&[0, 44], &quants[..], &[69, 81]].concat(), [
                -27, -15, -87, 65, 6, -96, -107, 106, 38, -81, -68, -51, -81, -27, 98, -7, 10, -108, 95, 86, -109, -58,
                66, 39, 106, -43, -85, 45, -89, 57, 69, 81,
            ]),
            (WeightType::Q4_0, [&[0, 44], &quants[..16]].concat(), [
                -3, -7, 1, -7, -2, -8, -3, 2, -2, 7, 4, 5, 7, -3, -6, 1, 6, 7, 2, -4, -8, 2, 1, -2, -6, 2, 3, 4, 2, 6,
                -2, 7,
            ]),
            (WeightType::Q4_1, [&[0, 44, 0, 186], &quants[2..18]].concat(), [
                -3, -11, -6, -12, -7, -2, -6, 3, 0, 1, 3, -7, -10, -3, -2, -8, -2, -8, -12, -2, -3, -6, -10, -2, -1, 0,
                -2, 2, -6, 3, -12, -3,
            ]),
            (WeightType::Q5_0, [&[0, 44], &quants[..20]].concat(), [
                6, -16, 5, -6, -10, 15, 12, 13, 15, -11, -14, -7, 10, 4, 15, 6, 0, -6, -7, 6, -14, 10, -5, 12, 10, -2,
                -10, -1, -16, -7, 5, -11,
            ]),
            (WeightType::Q5_1, [&[0, 44, 0, 186], &quants[2..22]].concat(), [
                9, -2, -6, 19, 0, 17, 3, 9, 6, -3, -2, -8, 3, -6, 7, -6, -3, 10, 6, -2, -1, 0, -2, 2, -6, 3, -12, -3,
                -7, 9, -3, 16,
            ]),
        ];
        for (weight_type, block, sixteenths) in cases {
            assert_eq!(read_block(weight_type, &block), sixteenths.map(|n| n as f32 / 16.0), "{weight_type}");
        }
    }

    #[test]
    fn floating_point_numbers_are_rounded_to_the_nearest_f16() {
        let numbers: [f32; 32] = std::array::from_fn(|n| 0.1 * n as f32 - 1.0);
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(read_block(WeightType::F32, &bytes), numbers.map(|number| f16::from_f32(number).to_f32()));
    }
}
