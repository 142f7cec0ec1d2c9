//! Which of the known models are here.

use std::fmt;
use std::path::Path;

use super::catalog::Catalog;
use super::pull::part_path;

/// A known model and whether it is in the models folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub name: &'static str,
    pub size: &'static str,
    pub presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Absent,
    /// Begun; pulling it again continues from there.
    Partial,
    Present,
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Absent => "-",
            Self::Partial => "partial",
            Self::Present => "present",
        })
    }
}

/// The published models in their usual order. A folder that does not exist holds none of them.
pub fn list(dir: &Path) -> Vec<Listed> {
    Catalog::PUBLISHED
        .models()
        .iter()
        .map(|model| Listed {
            name: model.name,
            size: model.size,
            presence: presence(&dir.join(model.file_name())),
        })
        .collect()
}

fn presence(file: &Path) -> Presence {
    if file.is_file() {
        Presence::Present
    } else if part_path(file).is_file() {
        Presence::Partial
    } else {
        Presence::Absent
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn models_are_listed_with_what_is_here_of_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ggml-tiny.bin"), "x").unwrap();
        fs::write(dir.path().join("ggml-base.bin.part"), "x").unwrap();
        let listed = list(dir.path());
        let presence = |name: &str| listed.iter().find(|l| l.name == name).unwrap().presence;
        assert_eq!(presence("tiny"), Presence::Present);
        assert_eq!(presence("base"), Presence::Partial);
        assert_eq!(presence("large-v3"), Presence::Absent);
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing() {
        assert!(list(Path::new("/nowhere/at/all")).iter().all(|l| l.presence == Presence::Absent));
    }
}
