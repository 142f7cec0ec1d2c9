//! What precedes the tensors of a ggml file: eleven numbers, the mel filters, and the vocabulary.

use super::super::error::Fault;
use super::super::reader::Reader;
use super::super::shape::{Shape, within};
use super::super::weight_type::WeightType;

/// "ggml" as whisper.cpp's converters write it: a little-endian number.
const MAGIC: [u8; 4] = 0x6767_6d6c_u32.to_le_bytes();
/// Quantisation formats are numbered: the file type is `version * 1000 + type`.
const VERSION_FACTOR: i32 = 1000;
const NEWEST_VERSION: i32 = 2;
/// Bins of the 400-point transform that the mel filters weigh.
const FFT_BINS: i32 = 201;
/// Text tokens that every published vocabulary has at least.
const LEAST_WORDS: i32 = 50_256;
/// The longest published token has 128 bytes.
const LONGEST_WORD: i32 = 1024;

/// Reads up to the vocabulary.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<(Shape, WeightType), Fault> {
    let magic = reader.array::<4>("the magic number")?;
    if magic != MAGIC {
        return Err(Fault::NotAModel(magic));
    }
    let (shape, weight_type) = sizes(reader)?;
    skip_mel_filters(reader, &shape)?;
    Ok((shape, weight_type))
}

fn sizes(reader: &mut Reader<'_>) -> Result<(Shape, WeightType), Fault> {
    let mut number = || reader.int("the header");
    let vocabulary = number()?;
    let audio_context = number()?;
    let (width, heads, encoder_layers) = (number()?, number()?, number()?);
    let text_context = number()?;
    let (text_width, text_heads, decoder_layers) = (number()?, number()?, number()?);
    let mel_bands = number()?;
    let file_type = number()?;

    let shape = Shape {
        vocabulary,
        audio_context,
        text_context,
        width,
        heads,
        encoder_layers,
        decoder_layers,
        mel_bands,
    };
    let shape = shape.check()?;
    within("decoder width", text_width, width, width)?;
    within("decoder head count", text_heads, heads, heads)?;
    Ok((shape, weight_type(file_type)?))
}

fn weight_type(file_type: i32) -> Result<WeightType, Fault> {
    (0..=NEWEST_VERSION)
        .contains(&file_type.div_euclid(VERSION_FACTOR))
        .then(|| WeightType::from_file_type(file_type.rem_euclid(VERSION_FACTOR)))
        .flatten()
        .ok_or_else(|| Fault::Invalid(format!("its weights are of the unknown type {file_type}")))
}

fn skip_mel_filters(reader: &mut Reader<'_>, shape: &Shape) -> Result<(), Fault> {
    let inside = "the mel filters";
    let (bands, bins) = (reader.int(inside)?, reader.int(inside)?);
    if bands != shape.mel_bands || bins != FFT_BINS {
        return Err(Fault::Invalid(format!(
            "its mel filters are {bands} by {bins}, {} by {FFT_BINS} expected",
            shape.mel_bands
        )));
    }
    let mut band = [0; 4 * FFT_BINS as usize];
    for _ in 0..bands {
        reader.fill(&mut band, inside)?;
        let (numbers, _) = band.as_chunks::<4>();
        if !numbers.iter().all(|bytes| f32::from_le_bytes(*bytes).is_finite()) {
            return Err(Fault::invalid("its mel filters hold a number that is not finite"));
        }
    }
    Ok(())
}

/// Reads the vocabulary and passes each word to `each`, in the order of the tokens.
pub fn words(reader: &mut Reader<'_>, shape: &Shape, each: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
    let inside = "the vocabulary";
    let words = reader.int(inside)?;
    if !(LEAST_WORDS..=shape.vocabulary).contains(&words) {
        return Err(Fault::Invalid(format!(
            "its vocabulary has {words} tokens, {LEAST_WORDS} to {} expected",
            shape.vocabulary
        )));
    }
    let mut buffer = [0; LONGEST_WORD as usize];
    for word in 0..words {
        let length = reader.int(inside)?;
        let Some(bytes) = usize::try_from(length).ok().and_then(|length| buffer.get_mut(..length)) else {
            return Err(Fault::Invalid(format!("token {word} of its vocabulary has a length of {length}")));
        };
        reader.fill(bytes, inside)?;
        each(bytes);
    }
    Ok(())
}
