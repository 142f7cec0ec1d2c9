//! `model.bin` without its weights, and where each tensor of a ggml file belongs in it.

use std::collections::HashMap;

use super::super::ctranslate2::model::Number;
use super::super::ctranslate2::variables::{self, EMBEDDINGS, Expected, GELU, PROJECTION};
use super::super::shape::Shape;
use super::weights;

const BINARY_VERSION: u32 = 6;
const REVISION: u32 = 3;
const SPECIFICATION: &str = "WhisperSpec";
/// Of what precedes a variable's numbers; names have at most 60 bytes.
const VARIABLE_HEADER_BYTES: usize = 128;

/// The file with zeros for weights, and the offset of each tensor, by its name in ggml. Tensors that
/// CTranslate2 has in one variable follow each other.
pub fn empty_model(shape: &Shape) -> (Vec<u8>, HashMap<String, usize>) {
    let mut variables = variables::expected(shape);
    variables.retain(|variable| variable.name != PROJECTION);
    let attributes = attributes(shape);
    let bytes = |variable: &Expected| numbers(&variable.dims) * weights::BYTES + VARIABLE_HEADER_BYTES;
    let most = variables.iter().map(bytes).sum::<usize>() + (attributes.len() + 4) * VARIABLE_HEADER_BYTES;

    // Zeros that are not written cost nothing; they are the biases that keys do not have.
    let mut file = Writer { bytes: vec![0; most], end: 0 };
    let mut places = HashMap::new();
    file.number(BINARY_VERSION);
    file.text(SPECIFICATION);
    file.number(REVISION);
    file.number(u32::try_from(variables.len() + attributes.len()).unwrap_or(u32::MAX));
    for (name, number, value) in attributes {
        file.variable(name, &[], number);
        // The lower byte comes first and is the whole number of one byte.
        let bytes = value.to_le_bytes();
        file.write(bytes.get(..number.bytes() as usize).unwrap_or(&bytes));
    }
    for variable in variables {
        file.variable(&variable.name, &variable.dims, Number::F16);
        for part in parts(&variable, shape) {
            if let Some(tensor) = part.tensor {
                places.insert(tensor, file.end);
            }
            file.end += part.numbers * weights::BYTES;
        }
    }
    file.number(1);
    file.text(PROJECTION);
    file.text(EMBEDDINGS);
    file.bytes.truncate(file.end);
    (file.bytes, places)
}

fn numbers(dims: &[u32]) -> usize {
    dims.iter().map(|dim| *dim as usize).product()
}

fn attributes(shape: &Shape) -> Vec<(&'static str, Number, i16)> {
    let heads = i16::try_from(shape.heads).unwrap_or_default();
    vec![
        ("decoder/activation", Number::I8, GELU as i16),
        ("decoder/alibi", Number::I8, 0),
        ("decoder/alignment_heads", Number::I16, 1),
        ("decoder/alignment_layer", Number::I16, -1),
        ("decoder/num_heads", Number::I16, heads),
        ("decoder/pre_norm", Number::I8, 1),
        ("decoder/scale_embeddings", Number::I8, 0),
        ("decoder/start_from_zero_embedding", Number::I8, 0),
        ("encoder/num_heads", Number::I16, heads),
    ]
}

/// One tensor of a variable, or zeros.
struct Part {
    tensor: Option<String>,
    numbers: usize,
}

fn parts(variable: &Expected, shape: &Shape) -> Vec<Part> {
    let all = numbers(&variable.dims);
    let names = tensor_names(&variable.name);
    let each = all / names.len().max(1);
    debug_assert_eq!(each * names.len(), all, "{} of {shape:?}", variable.name);
    names.into_iter().map(|tensor| Part { tensor, numbers: each }).collect()
}

/// The tensors of a variable, all of one size, in their order; nothing for zeros.
fn tensor_names(variable: &str) -> Vec<Option<String>> {
    let one = |name: String| vec![Some(name)];
    let whole = match variable {
        "encoder/position_encodings/encodings" => Some("encoder.positional_embedding"),
        "decoder/position_encodings/encodings" => Some("decoder.positional_embedding"),
        EMBEDDINGS => Some("decoder.token_embedding.weight"),
        "encoder/layer_norm/gamma" => Some("encoder.ln_post.weight"),
        "encoder/layer_norm/beta" => Some("encoder.ln_post.bias"),
        "decoder/layer_norm/gamma" => Some("decoder.ln.weight"),
        "decoder/layer_norm/beta" => Some("decoder.ln.bias"),
        _ => None,
    };
    if let Some(name) = whole {
        return one(name.to_owned());
    }
    let Some((scope, last)) = variable.rsplit_once('/') else { return Vec::new() };
    let kind = match last {
        "gamma" => "weight",
        "beta" => "bias",
        kind => kind,
    };
    let Some((side, layer, part)) = in_layer(scope) else {
        // The convolutions.
        return one(format!("{}.{kind}", scope.replace('/', ".")));
    };
    let tensor = |name: &str| Some(format!("{side}.blocks.{layer}.{name}.{kind}"));
    // Keys have no bias.
    let keys = |name: &str| if kind == "bias" { None } else { tensor(name) };
    match part {
        "self_attention/layer_norm" => vec![tensor("attn_ln")],
        "self_attention/linear_0" => vec![tensor("attn.query"), keys("attn.key"), tensor("attn.value")],
        "self_attention/linear_1" => vec![tensor("attn.out")],
        "attention/layer_norm" => vec![tensor("cross_attn_ln")],
        "attention/linear_0" => vec![tensor("cross_attn.query")],
        "attention/linear_1" => vec![keys("cross_attn.key"), tensor("cross_attn.value")],
        "attention/linear_2" => vec![tensor("cross_attn.out")],
        "ffn/layer_norm" => vec![tensor("mlp_ln")],
        "ffn/linear_0" => vec![tensor("mlp.0")],
        "ffn/linear_1" => vec![tensor("mlp.2")],
        _ => Vec::new(),
    }
}

/// Side, number and rest of "decoder/layer_3/ffn/linear_0".
fn in_layer(scope: &str) -> Option<(&str, &str, &str)> {
    let (side, rest) = scope.split_once("/layer_")?;
    let (layer, part) = rest.split_once('/')?;
    Some((side, layer, part))
}

struct Writer {
    /// As long as the file can become.
    bytes: Vec<u8>,
    end: usize,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        if let Some(place) = self.bytes.get_mut(self.end..end) {
            place.copy_from_slice(bytes);
        }
        self.end = end;
    }

    fn number(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let length = u16::try_from(text.len() + 1).unwrap_or(u16::MAX);
        self.write(&length.to_le_bytes());
        self.write(text.as_bytes());
        self.write(&[0]);
    }

    /// All but the numbers themselves.
    fn variable(&mut self, name: &str, dims: &[u32], number: Number) {
        self.text(name);
        self.write(&[u8::try_from(dims.len()).unwrap_or(u8::MAX)]);
        for dim in dims {
            self.number(*dim);
        }
        self.write(&[number.id()]);
        let bytes = numbers(dims) as u64 * number.bytes();
        self.number(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_filled_from_tensors_of_its_size() {
        let shape = Shape {
            vocabulary: 51_865,
            audio_context: 1500,
            text_context: 448,
            width: 128,
            heads: 2,
            encoder_layers: 2,
            decoder_layers: 3,
            mel_bands: 80,
        };
        let (file, places) = empty_model(&shape);
        assert!(file.capacity() < file.len() + (1 << 15));
        // Tensors outside of the blocks, in an encoder's block, in a decoder's.
        assert_eq!(places.len(), 11 + 2 * 15 + 3 * 24);
        for variable in variables::expected(&shape) {
            assert!(!tensor_names(&variable.name).is_empty() || variable.name == PROJECTION, "{variable:?}");
        }
    }
}
