//! The settings in force, and where each came from.

use config::{Value, ValueKind};

use super::layer::Table;
use super::schema::Settings;
use super::{manual, models, values};

/// Never shown: whether they are set is, and where.
const SECRETS: [&str; 2] = ["auth.keys", "webhooks.secret"];
const REDACTED: &str = "\"(redacted)\"";

/// Checked settings with the origin of each.
#[derive(Debug, Clone)]
pub struct Effective {
    pub settings: Settings,
    keys: Vec<Shown>,
    near_misses: Vec<(String, String)>,
}

/// A key as it may be shown to anyone.
#[derive(Debug, Clone)]
struct Shown {
    key: String,
    /// As TOML; secrets are redacted.
    value: String,
    origin: String,
    changed: bool,
}

impl Effective {
    pub(super) fn new(
        settings: Settings,
        merged: &Table,
        defaults: &Table,
        near_misses: Vec<(String, String)>,
    ) -> Self {
        let keys = manual::entries().into_iter().filter_map(|entry| shown(&entry.key, merged, defaults));
        let models = settings.models.keys().filter_map(|name| model(name, merged));
        let keys = keys.chain(models).collect();
        Self { settings, keys, near_misses }
    }

    /// Environment variables that are ignored though they look like settings, each with the name that is probably meant.
    pub fn near_misses(&self) -> &[(String, String)] {
        &self.near_misses
    }

    /// One line for each key, in the manual's order, that is TOML itself:
    /// `server.port = 8080  # from default`. Secrets are redacted.
    pub fn describe(&self) -> String {
        self.keys.iter().map(|k| format!("{} = {}  # from {}\n", k.key, k.value, k.origin)).collect()
    }

    /// Keys that someone changed although they do nothing so far: worth a warning at the start.
    pub fn without_effect(&self) -> Vec<String> {
        let idle: Vec<_> = manual::entries().into_iter().filter(|entry| !entry.has_effect()).collect();
        let changed = self.keys.iter().filter(|shown| shown.changed);
        changed.filter(|s| idle.iter().any(|entry| entry.key == s.key)).map(|s| s.key.clone()).collect()
    }
}

fn shown(path: &str, merged: &Table, defaults: &Table) -> Option<Shown> {
    let (section, key) = path.split_once('.')?;
    let value = values::lookup(merged, section, key)?;
    let default = values::lookup(defaults, section, key)?;
    let text = if SECRETS.contains(&path) { redacted(&value.kind) } else { toml(value) };
    let changed = value.kind.to_string() != default.kind.to_string();
    Some(Shown { key: path.to_owned(), value: text, origin: values::origin(value), changed })
}

/// An entry of `[models]`, which has no default.
fn model(name: &str, merged: &Table) -> Option<Shown> {
    let path = models::path_of(name, merged)?;
    let quoted = if name.contains('.') { format!("{name:?}") } else { name.to_owned() };
    let key = format!("{}.{quoted}", models::SECTION);
    Some(Shown { key, value: toml(path), origin: values::origin(path), changed: true })
}

/// Keeps whether there is a secret, and how many.
fn redacted(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Array(items) => format!("[{}]", vec![REDACTED; items.len()].join(", ")),
        ValueKind::String(text) if text.is_empty() => "\"\"".to_owned(),
        ValueKind::String(_)
        | ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::Table(_) => REDACTED.to_owned(),
    }
}

/// JSON's texts, numbers and lists are TOML's as well.
fn toml(value: &Value) -> String {
    let json = value.clone().try_deserialize::<serde_json::Value>();
    json.map_or_else(|error| format!("{:?}", error.to_string()), |json| json.to_string())
}
