//! The variables that a Whisper model has in CTranslate2, and a check that a model has exactly these.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::super::error::Fault;
use super::super::shape::Shape;
use super::super::weight_type::WeightType;
use super::model::{Number, Table, Variable};

pub const ENCODER_POSITIONS: &str = "encoder/position_encodings/encodings";
pub const EMBEDDINGS: &str = "decoder/embeddings/weight";
pub const PROJECTION: &str = "decoder/projection/weight";
/// More than any model has; the shape's check has the limit.
const MOST_LAYERS: i32 = 64;
/// `ActivationType::GELU`.
pub const GELU: i64 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// May be quantised, with a scale beside it.
    Matrix,
    /// Quantised by newer converters only.
    Convolution,
    /// Always floating-point numbers.
    Plain,
}

#[derive(Debug)]
pub struct Expected {
    pub name: String,
    pub dims: Vec<u32>,
    pub kind: Kind,
}

/// The model's shape and the type of its matrices.
pub fn check(table: &Table) -> Result<(Shape, WeightType), Fault> {
    let shape = shape_of(table)?;
    let matrices = find(table, EMBEDDINGS)?.number;
    let weight_type = match matrices {
        Number::F32 => WeightType::F32,
        Number::F16 => WeightType::F16,
        Number::Bf16 => WeightType::Bf16,
        Number::I16 => WeightType::Int16,
        Number::I8 => WeightType::Int8,
        Number::I32 => return Err(Fault::invalid("its weights are int32")),
    };
    let mut known = HashSet::new();
    for expected in expected(&shape) {
        check_variable(table, &expected, matrices, &mut known)?;
        known.insert(expected.name);
    }
    let attributes = attributes(&shape);
    for attribute in &attributes {
        check_attribute(table, attribute)?;
    }
    known.extend(attributes.into_iter().map(|attribute| attribute.name.to_owned()));
    match table.names().find(|name| !known.contains(*name)) {
        Some(name) => Err(Fault::Invalid(format!("its variable {name:?} is not part of a Whisper model"))),
        None => Ok((shape, weight_type)),
    }
}

fn shape_of(table: &Table) -> Result<Shape, Fault> {
    let [audio_context, width] = dims(table, ENCODER_POSITIONS)?;
    let [_, mel_bands, _] = dims(table, "encoder/conv1/weight")?;
    let [vocabulary, _] = dims(table, EMBEDDINGS)?;
    let [text_context, _] = dims(table, "decoder/position_encodings/encodings")?;
    let heads = find(table, "encoder/num_heads")?.value;
    let shape = Shape {
        vocabulary,
        audio_context,
        text_context,
        width,
        heads: heads.and_then(|heads| heads.try_into().ok()).unwrap_or_default(),
        encoder_layers: layers(table, "encoder"),
        decoder_layers: layers(table, "decoder"),
        mel_bands,
    };
    shape.check()
}

/// CTranslate2 counts in the same way: up to the first layer of which nothing is there.
fn layers(table: &Table, side: &str) -> i32 {
    let there = |layer: &i32| {
        let scope = format!("{side}/layer_{layer}/");
        table.names().any(|name| name.starts_with(&scope))
    };
    (0..MOST_LAYERS).find(|layer| !there(layer)).unwrap_or(MOST_LAYERS)
}

fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Variable, Fault> {
    table.get(name).ok_or_else(|| Fault::Invalid(format!("it has no variable {name:?}")))
}

fn dims<const N: usize>(table: &Table, name: &str) -> Result<[i32; N], Fault> {
    let dims = &find(table, name)?.dims;
    let small = dims.iter().map(|dim| i32::try_from(*dim)).collect::<Result<Vec<_>, _>>().ok();
    small
        .and_then(|dims| dims.try_into().ok())
        .ok_or_else(|| Fault::Invalid(format!("its variable {name:?} has the dimensions {dims:?}")))
}

fn check_variable(
    table: &Table,
    expected: &Expected,
    matrices: Number,
    known: &mut HashSet<String>,
) -> Result<(), Fault> {
    let Expected { name, dims, kind } = expected;
    let found = find(table, name)?;
    if found.dims != *dims {
        return Err(Fault::Invalid(format!(
            "its variable {name:?} has the dimensions {:?}, {dims:?} expected",
            found.dims
        )));
    }
    let allowed = match kind {
        Kind::Matrix => found.number == matrices,
        Kind::Convolution => found.number == matrices || found.number.is_float(),
        Kind::Plain => found.number.is_float(),
    };
    if !allowed {
        return Err(Fault::Invalid(format!("its variable {name:?} is of the type {:?}", found.number)));
    }
    let scale_dims = match found.number {
        // One scale for each row, or one for all.
        Number::I8 => dims.iter().copied().take(1).collect(),
        Number::I16 => Vec::new(),
        Number::F32 | Number::F16 | Number::Bf16 | Number::I32 => return Ok(()),
    };
    let name = format!("{name}_scale");
    let scale = find(table, &name)?;
    if scale.number != Number::F32 || scale.dims != scale_dims {
        return Err(Fault::Invalid(format!(
            "its variable {name:?} has the dimensions {:?} and the type {:?}, {scale_dims:?} and F32 expected",
            scale.dims, scale.number
        )));
    }
    known.insert(name);
    Ok(())
}

/// A single integer that decides how CTranslate2 computes.
struct Attribute {
    name: &'static str,
    allowed: RangeInclusive<i64>,
    /// Whether it may be missing: CTranslate2's default is among the allowed ones.
    optional: bool,
}

fn attributes(shape: &Shape) -> Vec<Attribute> {
    let heads = i64::from(shape.heads);
    let layers = i64::from(shape.decoder_layers);
    let required = |name, allowed| Attribute { name, allowed, optional: false };
    let optional = |name, allowed| Attribute { name, allowed, optional: true };
    vec![
        required("encoder/num_heads", heads..=heads),
        required("decoder/num_heads", heads..=heads),
        required("decoder/activation", GELU..=GELU),
        required("decoder/scale_embeddings", 0..=0),
        optional("decoder/pre_norm", 1..=1),
        optional("decoder/alibi", 0..=0),
        // Of no effect without the one before.
        optional("decoder/alibi_use_positive_positions", 0..=1),
        optional("decoder/scale_alibi", 0..=1),
        optional("decoder/start_from_zero_embedding", 0..=0),
        // Both are used as indices without a check.
        optional("decoder/alignment_layer", -layers..=layers - 1),
        optional("decoder/alignment_heads", 0..=heads),
    ]
}

fn check_attribute(table: &Table, attribute: &Attribute) -> Result<(), Fault> {
    let Attribute { name, allowed, optional } = attribute;
    match table.get(name) {
        None if *optional => Ok(()),
        None => Err(Fault::Invalid(format!("it has no variable {name:?}"))),
        Some(Variable { value: Some(value), .. }) if allowed.contains(value) => Ok(()),
        Some(Variable { value, .. }) => Err(Fault::Invalid(format!(
            "its variable {name:?} is {}, {} to {} expected",
            value.map_or_else(|| "not an integer".to_owned(), |value| value.to_string()),
            allowed.start(),
            allowed.end()
        ))),
    }
}

/// Every variable of a model of this shape but for the attributes.
pub fn expected(shape: &Shape) -> Vec<Expected> {
    let number = |number: i32| number.unsigned_abs();
    let width = number(shape.width);
    let vocabulary = number(shape.vocabulary);
    let mut all = All { width, expected: Vec::new() };
    for (name, channels) in [("encoder/conv1", number(shape.mel_bands)), ("encoder/conv2", width)] {
        all.add(format!("{name}/weight"), vec![width, channels, 3], Kind::Convolution);
        all.add(format!("{name}/bias"), vec![width], Kind::Plain);
    }
    all.add(ENCODER_POSITIONS, vec![number(shape.audio_context), width], Kind::Plain);
    all.norm("encoder");
    for layer in 0..shape.encoder_layers {
        all.self_attention(&format!("encoder/layer_{layer}"));
        all.perceptron(&format!("encoder/layer_{layer}"));
    }
    all.add(EMBEDDINGS, vec![vocabulary, width], Kind::Matrix);
    all.add(PROJECTION, vec![vocabulary, width], Kind::Matrix);
    all.add("decoder/position_encodings/encodings", vec![number(shape.text_context), width], Kind::Plain);
    all.norm("decoder");
    for layer in 0..shape.decoder_layers {
        all.self_attention(&format!("decoder/layer_{layer}"));
        all.cross_attention(&format!("decoder/layer_{layer}"));
        all.perceptron(&format!("decoder/layer_{layer}"));
    }
    all.expected
}

struct All {
    width: u32,
    expected: Vec<Expected>,
}

impl All {
    fn add(&mut self, name: impl Into<String>, dims: Vec<u32>, kind: Kind) {
        self.expected.push(Expected { name: name.into(), dims, kind });
    }

    fn norm(&mut self, scope: &str) {
        self.add(format!("{scope}/layer_norm/gamma"), vec![self.width], Kind::Plain);
        self.add(format!("{scope}/layer_norm/beta"), vec![self.width], Kind::Plain);
    }

    fn linear(&mut self, name: String, from: u32, to: u32) {
        self.add(format!("{name}/bias"), vec![to], Kind::Plain);
        self.add(format!("{name}/weight"), vec![to, from], Kind::Matrix);
    }

    /// Queries, keys and values are one matrix.
    fn self_attention(&mut self, layer: &str) {
        self.norm(&format!("{layer}/self_attention"));
        self.linear(format!("{layer}/self_attention/linear_0"), self.width, 3 * self.width);
        self.linear(format!("{layer}/self_attention/linear_1"), self.width, self.width);
    }

    /// Queries; keys and values; output.
    fn cross_attention(&mut self, layer: &str) {
        self.norm(&format!("{layer}/attention"));
        self.linear(format!("{layer}/attention/linear_0"), self.width, self.width);
        self.linear(format!("{layer}/attention/linear_1"), self.width, 2 * self.width);
        self.linear(format!("{layer}/attention/linear_2"), self.width, self.width);
    }

    fn perceptron(&mut self, layer: &str) {
        self.norm(&format!("{layer}/ffn"));
        self.linear(format!("{layer}/ffn/linear_0"), self.width, 4 * self.width);
        self.linear(format!("{layer}/ffn/linear_1"), 4 * self.width, self.width);
    }
}
