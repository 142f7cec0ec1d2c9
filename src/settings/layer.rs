//! One layer of settings.

use config::{ConfigError, Map, Source, Value, ValueKind};

pub type Table = Map<String, Value>;

/// One layer, as the `config` crate takes it.
#[derive(Debug, Clone)]
pub struct Layer(pub Table);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Table, ConfigError> {
        Ok(self.0.clone())
    }
}

pub fn insert(layer: &mut Table, section: &str, key: &str, value: Value) {
    let section = layer.entry(section.to_owned()).or_insert_with(|| Value::new(None, Table::new()));
    if let ValueKind::Table(keys) = &mut section.kind {
        keys.insert(key.to_owned(), value);
    }
}
