//! The tensors of a ggml Whisper model: which are expected, and a walk over those in the file.

use std::collections::HashMap;

use super::super::error::Fault;
use super::super::reader::Reader;
use super::super::shape::Shape;
use super::super::weight_type::WeightType;

/// How a tensor's numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    pub weight_type: WeightType,
    /// ggml's number for it.
    pub kind: i32,
    /// Numbers per block, and bytes per block.
    pub block: u64,
    pub bytes: u64,
}

const F32: Storage = Storage { weight_type: WeightType::F32, kind: 0, block: 1, bytes: 4 };
const F16: Storage = Storage { weight_type: WeightType::F16, kind: 1, block: 1, bytes: 2 };

impl Storage {
    /// Block sizes as in ggml-common.h. Nothing for a type that ggml files do not have.
    pub fn of(weight_type: WeightType) -> Option<Self> {
        let (kind, block, bytes) = match weight_type {
            WeightType::F32 => return Some(F32),
            WeightType::F16 => return Some(F16),
            WeightType::Q4_0 => (2, 32, 18),
            WeightType::Q4_1 => (3, 32, 20),
            WeightType::Q5_0 => (6, 32, 22),
            WeightType::Q5_1 => (7, 32, 24),
            WeightType::Q8_0 => (8, 32, 34),
            WeightType::Q2K => (10, 256, 84),
            WeightType::Q3K => (11, 256, 110),
            WeightType::Q4K => (12, 256, 144),
            WeightType::Q5K => (13, 256, 176),
            WeightType::Q6K => (14, 256, 210),
            WeightType::Bf16 | WeightType::Int16 | WeightType::Int8 => return None,
        };
        Some(Storage { weight_type, kind, block, bytes })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub dims: [i32; 4],
    pub storage: Storage,
}

/// A tensor whose header has been checked.
pub struct Tensor<'a> {
    pub name: &'a str,
    pub weight_type: WeightType,
    /// How many numbers it has.
    pub numbers: u64,
    /// How many bytes of the file they take.
    pub bytes: u64,
}

/// Takes exactly the bytes of the tensor from the reader.
pub type Visit<'a> = dyn FnMut(&Tensor<'_>, &mut Reader<'_>) -> Result<(), Fault> + 'a;

/// The longest name, "decoder.blocks.31.cross_attn.query.weight", has 41 bytes.
const LONGEST_NAME: i32 = 64;
const MOST_DIMS: i32 = 4;

/// Visits every tensor. All tensors of the shape must be there, once each and with nothing else, and the
/// file must end with the last of them.
pub fn walk(
    reader: &mut Reader<'_>,
    shape: &Shape,
    weight_type: WeightType,
    visit: &mut Visit<'_>,
) -> Result<usize, Fault> {
    let Some(weights) = Storage::of(weight_type) else {
        return Err(Fault::Invalid(format!("its weights are {weight_type}")));
    };
    let mut missing = expected(shape, weights);
    let count = missing.len();
    while !missing.is_empty() {
        let (name, found) = tensor_header(reader, &missing)?;
        let Some(wanted) = missing.remove(&name) else {
            return Err(Fault::Invalid(format!("it has a tensor {name:?} that is unknown or there twice")));
        };
        if found != (wanted.dims, wanted.storage.kind) {
            return Err(Fault::Invalid(format!(
                "its tensor {name} is {:?} of type {}, {:?} of type {} expected",
                found.0, found.1, wanted.dims, wanted.storage.kind
            )));
        }
        let (numbers, bytes) = size(&name, wanted)?;
        if bytes > reader.left() {
            return Err(Fault::EndsInside(format!("the tensor {name}")));
        }
        visit(&Tensor { name: &name, weight_type: wanted.storage.weight_type, numbers, bytes }, reader)?;
    }
    match reader.left() {
        0 => Ok(count),
        surplus => Err(Fault::Surplus(surplus)),
    }
}

fn tensor_header(
    reader: &mut Reader<'_>,
    missing: &HashMap<String, Expected>,
) -> Result<(String, ([i32; 4], i32)), Fault> {
    if reader.left() == 0 {
        return Err(Fault::EndsInside(format!("its tensors, {} of them missing", missing.len())));
    }
    let inside = "a tensor's header";
    let (rank, name_length, kind) = (reader.int(inside)?, reader.int(inside)?, reader.int(inside)?);
    if !(1..=MOST_DIMS).contains(&rank) || !(1..=LONGEST_NAME).contains(&name_length) {
        return Err(Fault::Invalid(format!(
            "a tensor has {rank} dimensions and a name of {name_length} bytes"
        )));
    }
    let mut dims = [1; 4];
    for dim in dims.iter_mut().take(rank.unsigned_abs() as usize) {
        *dim = reader.int(inside)?;
    }
    let mut name = vec![0; name_length.unsigned_abs() as usize];
    reader.fill(&mut name, inside)?;
    Ok((String::from_utf8_lossy(&name).into_owned(), (dims, kind)))
}

/// Numbers and bytes. Called with dimensions that equal those expected, so nothing overflows.
fn size(name: &str, Expected { dims, storage }: Expected) -> Result<(u64, u64), Fault> {
    let [row, rows @ ..] = dims.map(|dim| u64::from(dim.unsigned_abs()));
    if row % storage.block != 0 {
        return Err(Fault::Invalid(format!(
            "its tensor {name} has rows of {row}, too short for its quantisation: use q8_0 or q5_1"
        )));
    }
    let rows: u64 = rows.into_iter().product();
    Ok((row * rows, row / storage.block * storage.bytes * rows))
}

/// Every tensor of a model of this shape.
pub fn expected(shape: &Shape, weights: Storage) -> HashMap<String, Expected> {
    let w = shape.width;
    let convolutions = if weights == F32 { F32 } else { F16 };
    let mut all = Tensors { weights, named: HashMap::new() };
    all.add("encoder.positional_embedding", [w, shape.audio_context, 1], F32);
    all.add("encoder.conv1.weight", [3, shape.mel_bands, w], convolutions);
    all.add("encoder.conv1.bias", [1, w, 1], F32);
    all.add("encoder.conv2.weight", [3, w, w], convolutions);
    all.add("encoder.conv2.bias", [1, w, 1], F32);
    all.norm("encoder.ln_post", w);
    for layer in 0..shape.encoder_layers {
        let block = format!("encoder.blocks.{layer}");
        all.attention(&block, "attn", w);
        all.perceptron(&block, w);
    }
    all.add("decoder.positional_embedding", [w, shape.text_context, 1], F32);
    all.add("decoder.token_embedding.weight", [w, shape.vocabulary, 1], weights);
    all.norm("decoder.ln", w);
    for layer in 0..shape.decoder_layers {
        let block = format!("decoder.blocks.{layer}");
        all.attention(&block, "attn", w);
        all.attention(&block, "cross_attn", w);
        all.perceptron(&block, w);
    }
    all.named
}

struct Tensors {
    weights: Storage,
    named: HashMap<String, Expected>,
}

impl Tensors {
    fn add(&mut self, name: &str, [a, b, c]: [i32; 3], storage: Storage) {
        self.named.insert(name.to_owned(), Expected { dims: [a, b, c, 1], storage });
    }

    fn norm(&mut self, name: &str, width: i32) {
        self.add(&format!("{name}.weight"), [width, 1, 1], F32);
        self.add(&format!("{name}.bias"), [width, 1, 1], F32);
    }

    fn linear(&mut self, name: &str, from: i32, to: i32) {
        self.add(&format!("{name}.weight"), [from, to, 1], self.weights);
        self.add(&format!("{name}.bias"), [to, 1, 1], F32);
    }

    /// Keys have no bias.
    fn attention(&mut self, block: &str, kind: &str, width: i32) {
        self.norm(&format!("{block}.{kind}_ln"), width);
        self.add(&format!("{block}.{kind}.key.weight"), [width, width, 1], self.weights);
        for part in ["query", "value", "out"] {
            self.linear(&format!("{block}.{kind}.{part}"), width, width);
        }
    }

    fn perceptron(&mut self, block: &str, width: i32) {
        self.norm(&format!("{block}.mlp_ln"), width);
        self.linear(&format!("{block}.mlp.0"), width, 4 * width);
        self.linear(&format!("{block}.mlp.2"), 4 * width, width);
    }
}
