//! `config.json`: token ids and heads, which CTranslate2 uses as indices without a check.

use serde::Deserialize;

use super::super::error::Fault;
use super::super::shape::Shape;

/// The configuration in a folder; older converters left out some of it.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Config {
    pub alignment_heads: Option<Vec<(u32, u32)>>,
    pub lang_ids: Option<Vec<u32>>,
    pub suppress_ids: Option<Vec<u32>>,
    pub suppress_ids_begin: Option<Vec<u32>>,
    layer_norm_epsilon: Option<f64>,
    quantization_type: Option<i64>,
}

impl Config {
    /// Whether CTranslate2 finds everything in it that it looks for. Of a missing list it reads beyond the
    /// configuration.
    pub fn is_complete(&self) -> bool {
        self.alignment_heads.as_ref().is_some_and(|heads| !heads.is_empty())
            && self.lang_ids.as_ref().is_some_and(|ids| !ids.is_empty())
            && self.suppress_ids.is_some()
            && self.suppress_ids_begin.is_some()
    }
}

pub fn parse(json: &[u8], shape: &Shape) -> Result<Config, Fault> {
    let config: Config = serde_json::from_slice(json).map_err(|error| {
        Fault::Invalid(format!("it is not the configuration of a Whisper model: {error}"))
    })?;
    let vocabulary = shape.vocabulary.unsigned_abs();
    for (field, ids) in [
        ("lang_ids", &config.lang_ids),
        ("suppress_ids", &config.suppress_ids),
        ("suppress_ids_begin", &config.suppress_ids_begin),
    ] {
        if let Some(id) = ids.iter().flatten().find(|id| **id >= vocabulary) {
            return Err(Fault::Invalid(format!(
                "its {field} contains {id}, but the vocabulary has {vocabulary} tokens: remove it"
            )));
        }
        if let Some(count) = ids.as_ref().map(Vec::len).filter(|count| *count > vocabulary as usize) {
            return Err(Fault::Invalid(format!("its {field} has {count} tokens, more than the vocabulary")));
        }
    }
    let (layers, heads) = (shape.decoder_layers.unsigned_abs(), shape.heads.unsigned_abs());
    let outside = |(layer, head): &&(u32, u32)| *layer >= layers || *head >= heads;
    if let Some((layer, head)) = config.alignment_heads.iter().flatten().find(outside) {
        return Err(Fault::Invalid(format!(
            "its alignment_heads contains [{layer}, {head}], but the decoder has {layers} layers of {heads} \
             heads: remove it"
        )));
    }
    if config.alignment_heads.as_ref().is_some_and(|all| all.len() > (layers * heads) as usize) {
        return Err(Fault::invalid("its alignment_heads has more heads than the decoder"));
    }
    if config.quantization_type.is_some_and(|kind| kind != 0) {
        return Err(Fault::invalid("it is an AWQ model: use one with float16 or int8 weights"));
    }
    if config.layer_norm_epsilon.is_some_and(|epsilon| !(1e-9..1e-2).contains(&epsilon)) {
        return Err(Fault::invalid("its layer_norm_epsilon is not between 1e-9 and 0.01"));
    }
    Ok(config)
}
