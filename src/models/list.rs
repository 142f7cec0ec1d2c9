//! Which of the known models are here.

use std::fmt;
use std::path::Path;

use super::catalog::Catalog;
use super::file::part_path;
use super::folder::partial_path;
use super::known::KnownModel;

/// A known model and whether it is in the models folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub model: &'static KnownModel,
    pub presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Absent,
    /// Begun; pulling it again continues from there.
    Partial,
    Installed,
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Absent => "-",
            Self::Partial => "partial",
            Self::Installed => "installed",
        })
    }
}

/// The models of a catalogue in its order. A folder that does not exist holds none of them.
///
/// # Blocking
/// Looks for each of them.
pub fn list(dir: &Path, catalog: Catalog) -> Vec<Listed> {
    catalog.models().map(|model| Listed { model, presence: presence(model, dir) }).collect()
}

fn presence(model: &KnownModel, dir: &Path) -> Presence {
    let path = model.path(dir);
    if model.is_in(dir) {
        Presence::Installed
    } else if part_path(&path).is_file() || partial_path(&path).is_dir() {
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
        fs::create_dir(dir.path().join("faster-whisper-base")).unwrap();
        fs::create_dir(dir.path().join("faster-whisper-tiny.partial")).unwrap();
        let listed = list(dir.path(), Catalog::PUBLISHED);
        let presence = |name: &str| listed.iter().find(|l| l.model.name == name).unwrap().presence;
        assert_eq!(presence("tiny"), Presence::Installed);
        assert_eq!(presence("base"), Presence::Partial);
        assert_eq!(presence("faster-whisper-base"), Presence::Installed);
        assert_eq!(presence("faster-whisper-tiny"), Presence::Partial);
        assert_eq!(presence("large-v3"), Presence::Absent);
    }
}
