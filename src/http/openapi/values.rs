//! Reading and changing JSON.

use serde_json::{Map, Value};

pub(super) fn objects(of: &mut Value) -> impl Iterator<Item = &mut Value> {
    of.as_object_mut().into_iter().flat_map(Map::values_mut)
}

pub(in crate::http::openapi) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
