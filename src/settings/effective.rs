//! The settings in force, and where each came from.

use config::{Value, ValueKind};
use serde::{Serialize, Serializer};

use super::layer::Table;
use super::schema::Settings;
use super::{manual, models, values};

/// Never shown: whether they are set is, and where.
const SECRETS: [&str; 3] = ["auth.keys", "storage.url", "webhooks.secret"];
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
}

impl Effective {
    pub(super) fn new(settings: Settings, merged: &Table, near_misses: Vec<(String, String)>) -> Self {
        let keys = manual::entries().into_iter().filter_map(|entry| shown(&entry.key, merged));
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
}

/// One entry for each key: its value and its origin. Secrets are redacted.
impl Serialize for Effective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            value: serde_json::Value,
            from: &'a str,
        }
        serializer.collect_map(self.keys.iter().map(|shown| {
            // Values are written as JSON is.
            let value = serde_json::from_str(&shown.value).unwrap_or_default();
            (&shown.key, Entry { value, from: &shown.origin })
        }))
    }
}

fn shown(path: &str, merged: &Table) -> Option<Shown> {
    let (section, key) = path.split_once('.')?;
    let value = values::lookup(merged, section, key)?;
    let text = if SECRETS.contains(&path) { redacted(&value.kind) } else { toml(value) };
    Some(Shown { key: path.to_owned(), value: text, origin: values::origin(value) })
}

/// An entry of `[models]`, which has no default.
fn model(name: &str, merged: &Table) -> Option<Shown> {
    let path = models::path_of(name, merged)?;
    let quoted = if name.contains('.') { format!("{name:?}") } else { name.to_owned() };
    let key = format!("{}.{quoted}", models::SECTION);
    Some(Shown { key, value: toml(path), origin: values::origin(path) })
}

/// Keeps whether there is a secret, and how many.
fn redacted(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Array(items) => format!("[{}]", vec![REDACTED; items.len()].join(", ")),
        ValueKind::String(text) if text.is_empty() => "\"\"".to_owned(),
        _ => REDACTED.to_owned(),
    }
}

/// JSON's texts, numbers and lists are TOML's as well.
fn toml(value: &Value) -> String {
    let json = value.clone().try_deserialize::<serde_json::Value>();
    json.map_or_else(|error| format!("{:?}", error.to_string()), |json| json.to_string())
}
