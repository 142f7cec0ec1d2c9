//! An entry of `[models]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A model's file, written as a path or as a table with room for more.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ModelEntry {
    Path(PathBuf),
    Table(ModelTable),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelTable {
    pub path: PathBuf,
}

impl ModelEntry {
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Table(table) => &table.path,
        }
    }
}
