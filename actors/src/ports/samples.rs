//! Samples as bytes, for messages between processes: 32-bit floats, little-endian.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

pub(super) fn serialize<S: Serializer>(samples: &Arc<[f32]>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes_of(samples).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[f32]>, D::Error> {
    ByteBuf::deserialize(deserializer).map(|bytes| samples_of(&bytes))
}

/// The same for several recordings, or parts of one.
pub(super) mod each {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        all: &[Arc<[f32]>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(bytes_of))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Arc<[f32]>>, D::Error> {
        Ok(Vec::<ByteBuf>::deserialize(deserializer)?.iter().map(samples_of).collect())
    }
}

fn bytes_of(samples: &Arc<[f32]>) -> ByteBuf {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>().into()
}

fn samples_of(bytes: &ByteBuf) -> Arc<[f32]> {
    let (samples, _) = bytes.as_chunks::<4>();
    samples.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
