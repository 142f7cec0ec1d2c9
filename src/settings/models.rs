//! `[models]`: the one section whose keys are the user's own, names of models.

use std::collections::BTreeMap;

use actors::domain::model::models::ALIASES;
use config::{Value, ValueKind};

use super::error::Problem;
use super::layer::Table;
use super::schema::Settings;
use super::values;

pub const SECTION: &str = "models";

/// What is wrong with an entry as it is written, if anything.
pub fn fault(name: &str, value: &Value) -> Option<Problem> {
    let key = format!("{SECTION}.{name}");
    let origin = values::origin(value);
    if !is_name(name) {
        let message = "the name must be of letters, digits, dots, dashes and underscores".to_owned();
        return Some(Problem::Refused { key, message, origin });
    }
    let expected = "a path in quotes, or { path = \"…\" }";
    let path = match &value.kind {
        ValueKind::Table(keys) => {
            if let Some(unknown) = keys.keys().find(|key| *key != "path") {
                let (key, hint) = (format!("{key}.{unknown}"), "a model has path".to_owned());
                return Some(Problem::UnknownKey { key, origin, hint });
            }
            keys.get("path").map_or(&ValueKind::Nil, |path| &path.kind)
        }
        other => other,
    };
    match path {
        ValueKind::String(path) if path.is_empty() => {
            Some(Problem::Refused { key, message: "must name a model file".to_owned(), origin })
        }
        ValueKind::String(_) => None,
        other => Some(Problem::WrongType { key, expected, found: values::found(other), origin }),
    }
}

/// The path of an entry, with its origin: tables lose theirs when layers are merged.
pub fn path_of<'a>(name: &str, merged: &'a Table) -> Option<&'a Value> {
    let entry = values::lookup(merged, SECTION, name)?;
    match &entry.kind {
        ValueKind::Table(keys) => keys.get("path"),
        _ => Some(entry),
    }
}

/// A name that a model can have: it stands in addresses, and must not lead out of a folder.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

/// Names that mean another model already, and files that have a name already.
pub fn clashes(settings: &Settings, merged: &Table) -> Vec<Problem> {
    let (default, file) = settings.model_file();
    let mut files = BTreeMap::from([(file, default.clone())]);
    let mut problems = Vec::new();
    for (name, entry) in &settings.models {
        let message = if ALIASES.contains(&name.as_str()) {
            Some("is a name that stands for the default model: choose another".to_owned())
        } else if settings.default_entry().is_some_and(|(own, _)| own == name) {
            None
        } else if *name == default {
            Some("is the name of the model that [model] names: choose another".to_owned())
        } else {
            let first = files.insert(entry.path().to_owned(), name.clone());
            first.map(|first| format!("names the same file as {first:?}: one name for each"))
        };
        problems.extend(message.map(|message| {
            let origin = path_of(name, merged).map_or("default".to_owned(), values::origin);
            Problem::Refused { key: format!("{SECTION}.{name}"), message, origin }
        }));
    }
    problems
}
