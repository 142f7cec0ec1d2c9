//! The values of a layer: where they are, where they come from, and their types in words.

use config::{Value, ValueKind};

use super::layer::Table;

/// Of a service or a device.
pub const MAX_NAME_BYTES: usize = 100;

/// Whether a service or a device may be called so.
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
}

/// The names that would have been known in `section`, or the sections if it isn't one.
pub fn hint(defaults: &Table, section: &str) -> String {
    let list = |table: &Table| table.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match section_of(defaults, section) {
        Some(keys) => format!("[{section}] has {}", list(keys)),
        None => format!("the sections are {}", list(defaults)),
    }
}

pub fn lookup<'a>(defaults: &'a Table, section: &str, key: &str) -> Option<&'a Value> {
    section_of(defaults, section)?.get(key)
}

pub fn section_of<'a>(table: &'a Table, section: &str) -> Option<&'a Table> {
    match &table.get(section)?.kind {
        ValueKind::Table(keys) => Some(keys),
        _ => None,
    }
}

pub fn origin(value: &Value) -> String {
    value.origin().unwrap_or("default").to_owned()
}

/// The values of a key with this default, in words.
pub fn expected(default: &ValueKind) -> &'static str {
    match default {
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a whole number",
        ValueKind::Float(_) => "a number",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::String(_) | ValueKind::Nil => "text in quotes",
        ValueKind::Array(_) => "a list of texts",
        ValueKind::Table(_) => "a section with keys",
    }
}

pub fn found(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a whole number",
        ValueKind::Float(_) => "a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Array(_) => "a list",
        ValueKind::Table(_) => "a section",
    }
}
