//! The source files of the project, parsed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::names::Names;

/// A source file with the names that stand in it.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) syntax: syn::File,
    /// All names of the file.
    pub(crate) names: Names,
    /// The names outside `#[cfg(test)]`.
    pub(crate) shipped: Names,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.strip_prefix(root()).unwrap().display())
    }
}

impl Source {
    pub(crate) fn open(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (names, shipped) = (Names::all(&syntax), Names::outside_tests(&syntax));
        Self { path, syntax, names, shipped }
    }

    pub(crate) fn name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    pub(crate) fn is_under(&self, folder: &str) -> bool {
        self.path.starts_with(root().join(folder))
    }

    /// Compiled for tests only, by the names that this project uses.
    pub(crate) fn is_test(&self) -> bool {
        self.name().ends_with("tests.rs")
            || self.name() == "random_walk.rs"
            || self.path.strip_prefix(root()).unwrap().iter().any(|folder| folder == "tests")
    }

    /// How many modules deep in its crate: 1 for a room itself.
    pub(crate) fn depth(&self) -> usize {
        let parts = self.path.strip_prefix(root().join("src")).unwrap().components().count();
        if self.name() == "mod.rs" { parts - 1 } else { parts }
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every source file below a folder, in order.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), "rs", &mut paths);
    assert!(!paths.is_empty(), "{folder} has no source");
    paths.sort();
    paths.into_iter().map(Source::open).collect()
}

/// Adds every file below a folder whose name ends in `.extension`.
pub(crate) fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}
