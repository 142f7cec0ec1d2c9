//! Rewrites a ggml file as a CTranslate2 model in memory.

mod layout;
mod weights;

use std::collections::HashMap;
use std::path::Path;

use super::error::{Fault, ModelFileError};
use super::ggml::{self, tensors};
use super::reader::Reader;
use super::shape::Shape;
use super::weight_type::WeightType;
use super::{DecodingConfig, Format, ModelHeader, Vocabulary, ctranslate2};

/// The files of a CTranslate2 folder.
#[derive(Debug)]
pub struct Converted {
    /// `model.bin`.
    pub model: Vec<u8>,
    /// `config.json`.
    pub config: Vec<u8>,
    /// `vocabulary.json`.
    pub vocabulary: Vec<u8>,
}

/// Rewrites a model whose header has been read; its weights become f16, rounded where they were not. Reads a
/// CTranslate2 folder as it is, with its configuration completed.
///
/// # Errors
/// A file with other weights than f32, f16, q8_0, q5_0, q5_1, q4_0 or q4_1 is refused.
///
/// # Blocking
/// Reads the whole file once: `base` takes about 0.1 s. Takes the memory of what it returns.
pub fn to_ctranslate2(path: &Path, header: &ModelHeader) -> Result<Converted, ModelFileError> {
    let header = ModelHeader { path: path.to_owned(), ..header.clone() };
    if !is_convertible(&header) {
        return Err(ModelFileError::NotConvertible { path: header.path, weights: header.weight_type });
    }
    let (model, vocabulary) = match header.format {
        Format::Ggml => {
            let mut reader = ggml::reopen(&header)?;
            let in_file = |fault: Fault| fault.in_file(&header.path, header.bytes);
            let vocabulary = Vocabulary::from_ggml(&mut reader, &header.shape).map_err(in_file)?;
            (model(&mut reader, &header.shape, header.weight_type).map_err(in_file)?, vocabulary)
        }
        Format::CTranslate2 => (ctranslate2::load_model(&header)?, Vocabulary::read(&header)?),
    };
    let config = DecodingConfig::read(&header, &vocabulary)?.to_json();
    let tokens: Vec<&str> = vocabulary.token_strings().collect();
    // Strings in a list cannot fail to be written.
    let vocabulary = serde_json::to_vec(&tokens).unwrap_or_default();
    Ok(Converted { model, config, vocabulary })
}

fn is_convertible(header: &ModelHeader) -> bool {
    match header.format {
        Format::Ggml => weights::is_readable(header.weight_type),
        Format::CTranslate2 => true,
    }
}

/// The reader is where the tensors start, and the shape has been checked.
pub(super) fn model(
    reader: &mut Reader<'_>,
    shape: &Shape,
    weight_type: WeightType,
) -> Result<Vec<u8>, Fault> {
    let (mut model, places) = layout::empty_model(shape);
    tensors::walk(reader, shape, weight_type, &mut |tensor, reader| {
        let place = place_of(tensor, &places, &mut model)?;
        weights::read(reader, tensor.weight_type, place)
    })?;
    Ok(model)
}

fn place_of<'a>(
    tensor: &tensors::Tensor<'_>,
    places: &HashMap<String, usize>,
    model: &'a mut [u8],
) -> Result<&'a mut [u8], Fault> {
    let place = places.get(tensor.name).and_then(|start| {
        let bytes = usize::try_from(tensor.numbers).ok()?.checked_mul(weights::BYTES)?;
        model.get_mut(*start..start.checked_add(bytes)?)
    });
    place.ok_or_else(|| Fault::Invalid(format!("its tensor {} has no place in CTranslate2", tensor.name)))
}
