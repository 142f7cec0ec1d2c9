//! Keys that are set by options of the command line.

use config::{Value, ValueKind};

use super::layer::{Layer, Table, insert};

/// The strongest layer: what was typed for this one run. Values are checked like any other's.
#[derive(Debug, Clone, Default)]
pub struct Overrides(Table);

impl Overrides {
    /// `key` is the full path; `option` is what the user typed, such as "--port".
    pub fn text(self, option: &str, key: &str, value: &str) -> Self {
        self.with(option, key, ValueKind::String(value.to_owned()))
    }

    pub fn number(self, option: &str, key: &str, value: u32) -> Self {
        self.with(option, key, ValueKind::I64(value.into()))
    }

    /// A model: the path of a file or folder if it is written as one, else a name.
    pub fn model(self, option: &str, model: &str) -> Self {
        if model.contains(['/', std::path::MAIN_SEPARATOR]) || model.ends_with(".bin") {
            return self.text(option, "model.path", model);
        }
        self.text(option, "model.name", model).text(option, "model.path", "")
    }

    fn with(mut self, option: &str, key: &str, kind: ValueKind) -> Self {
        let (section, key) = key.split_once('.').unwrap_or((key, ""));
        insert(&mut self.0, section, key, Value::new(Some(&option.to_owned()), kind));
        self
    }

    pub(super) fn layer(&self) -> Layer {
        Layer(self.0.clone())
    }
}
