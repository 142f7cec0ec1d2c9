//! The settings in force, and where each came from.

use config::{Value, ValueKind};
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::layer::Table;
use super::schema::Settings;
use super::{devices, manual, models, values};

/// Never shown: whether they are set is, and where.
const SECRETS: [&str; 3] = ["auth.keys", "storage.url", "webhooks.secret"];
const REDACTED: &str = "(redacted)";

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
    /// Secrets are redacted.
    value: Json,
    origin: String,
}

impl Effective {
    pub(super) fn new(settings: Settings, merged: &Table, near_misses: Vec<(String, String)>) -> Self {
        let keys = manual::entries().into_iter().filter_map(|entry| shown(&entry.key, merged));
        let models = settings.models.keys().filter_map(|name| model(name, merged));
        let devices = merged.get(devices::SECTION).map(|list| Shown {
            key: devices::SECTION.to_owned(),
            value: value(list),
            origin: values::origin(list),
        });
        let keys = keys.chain(models).chain(devices).collect();
        Self { settings, keys, near_misses }
    }

    /// Environment variables that are ignored though they look like settings, each with the name that is probably meant.
    pub fn near_misses(&self) -> &[(String, String)] {
        &self.near_misses
    }

    /// One line for each key, in the manual's order, that is TOML itself:
    /// `server.port = 8080  # from default`. Secrets are redacted.
    pub fn describe(&self) -> String {
        self.keys.iter().map(|k| format!("{} = {}  # from {}\n", k.key, toml(&k.value), k.origin)).collect()
    }
}

/// One entry for each key: its value and its origin. Secrets are redacted.
impl Serialize for Effective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            value: &'a Json,
            from: &'a str,
        }
        serializer.collect_map(
            self.keys.iter().map(|shown| (&shown.key, Entry { value: &shown.value, from: &shown.origin })),
        )
    }
}

fn shown(path: &str, merged: &Table) -> Option<Shown> {
    let (section, key) = path.split_once('.')?;
    let set = values::lookup(merged, section, key)?;
    let shown = if SECRETS.contains(&path) { redacted(&set.kind) } else { value(set) };
    Some(Shown { key: path.to_owned(), value: shown, origin: values::origin(set) })
}

/// An entry of `[models]`, which has no default.
fn model(name: &str, merged: &Table) -> Option<Shown> {
    let path = models::path_of(name, merged)?;
    let quoted = if name.contains('.') { format!("{name:?}") } else { name.to_owned() };
    let key = format!("{}.{quoted}", models::SECTION);
    Some(Shown { key, value: value(path), origin: values::origin(path) })
}

/// Keeps whether there is a secret, and how many.
fn redacted(kind: &ValueKind) -> Json {
    match kind {
        ValueKind::Array(items) => json!(vec![REDACTED; items.len()]),
        ValueKind::String(text) if text.is_empty() => json!(""),
        _ => json!(REDACTED),
    }
}

fn value(set: &Value) -> Json {
    set.clone().try_deserialize().unwrap_or_else(|error| json!(error.to_string()))
}

/// JSON strings and numbers are valid TOML; null does not occur.
fn toml(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Json::Object(keys) => {
            let keys = keys.iter().map(|(key, value)| format!("{key} = {}", toml(value)));
            format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
