//! Takes a model out of the models folder.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::catalog::Catalog;
use super::checksum::sidecar_path;
use super::download::forget_validator;
use super::error::RemoveError;
use super::file::part_path;
use super::folder::{bytes_of, partial_path};
use super::installed::{Installed, model_at};

/// A model that may be removed, or what a download left of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removable {
    /// All that goes, of the models folder.
    paths: Vec<PathBuf>,
    pub bytes: u64,
}

impl Removable {
    pub fn path(&self) -> &Path {
        self.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// Removes it for good.
    ///
    /// # Blocking
    /// Removes gigabytes: up to seconds.
    pub fn remove(&self) -> Result<(), RemoveError> {
        for path in &self.paths {
            remove(path).map_err(|source| RemoveError::Io { path: path.clone(), source })?;
            for beside in [sidecar_path(path), part_path(&sidecar_path(path))] {
                // It says nothing without the file.
                let _: io::Result<()> = fs::remove_file(beside);
            }
            forget_validator(path);
        }
        Ok(())
    }
}

/// Finds the model of that name in the models folder; or of that file name, which may have the folder's path before it.
///
/// # Errors
/// The file is missing, is not a model, or is outside the models folder.
pub fn removable(name: &str, dir: &Path, catalog: Catalog) -> Result<Removable, RemoveError> {
    let entry = entry_of(name, dir)?;
    let candidates = [dir.join(&entry), dir.join(format!("ggml-{}.bin", entry.display()))];
    let target = candidates.iter().find(|path| path.symlink_metadata().is_ok());
    let leftovers = || {
        let begun = candidates.iter().flat_map(|path| [part_path(path), partial_path(path)]);
        begun.filter(|path| path.exists()).collect::<Vec<_>>()
    };
    let Some(target) = target else {
        let paths = leftovers();
        return match paths.is_empty() {
            true => Err(RemoveError::NotThere { name: name.to_owned(), dir: dir.to_owned() }),
            false => Ok(Removable { bytes: paths.iter().map(|path| bytes_of(path)).sum(), paths }),
        };
    };
    match model_at(target, catalog) {
        Some(Installed { bytes, .. }) => Ok(Removable { paths: vec![target.clone()], bytes }),
        None => Err(RemoveError::NotAModel { path: target.clone() }),
    }
}

/// The name of the entry of the models folder that is meant.
fn entry_of(name: &str, dir: &Path) -> Result<PathBuf, RemoveError> {
    let outside = || RemoveError::Outside { name: name.to_owned(), dir: dir.to_owned() };
    let path = Path::new(name);
    let entry = match path.components().collect::<Vec<_>>()[..] {
        [Component::Normal(entry)] => entry,
        [.., Component::Normal(entry)] => {
            let parent = path.parent().and_then(|parent| fs::canonicalize(parent).ok());
            let is_inside = parent.is_some() && parent == fs::canonicalize(dir).ok();
            if is_inside { entry } else { return Err(outside()) }
        }
        _ => return Err(outside()),
    };
    Ok(PathBuf::from(entry))
}

/// A link goes, not what it leads to.
fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let models = dir.path().join("models");
        fs::create_dir_all(models.join("faster-whisper-tiny")).unwrap();
        fs::create_dir_all(models.join("photos")).unwrap();
        for (name, bytes) in [
            ("models/ggml-base.bin", "lmgg"),
            ("models/ggml-base.bin.sha256", "00"),
            ("models/mine.bin", "lmgg"),
            ("models/ggml-small.bin.part", "12345"),
            ("models/faster-whisper-tiny/model.bin", "1"),
            ("models/faster-whisper-tiny/config.json", "1"),
            ("models/photos/a.jpg", "1"),
            ("other.bin", "lmgg"),
        ] {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        dir
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_model_goes_with_what_is_kept_beside_it() {
        let dir = folder();
        let models = dir.path().join("models");
        let own_path = models.join("mine.bin").display().to_string();
        for name in ["base", "faster-whisper-tiny", "small", &own_path] {
            removable(name, &models, Catalog::PUBLISHED).unwrap().remove().unwrap();
        }
        assert_eq!(names(&models), ["photos"]);
        assert!(dir.path().join("other.bin").exists());
    }

    #[test]
    fn nothing_but_models_of_the_folder_is_removed() {
        let dir = folder();
        let models = dir.path().join("models");
        let outside = dir.path().join("other.bin").display().to_string();
        let refused = |name: &str| removable(name, &models, Catalog::PUBLISHED).unwrap_err();
        for name in ["..", "/", ".", "../other.bin", "a/../../other.bin", &outside, ""] {
            assert!(matches!(refused(name), RemoveError::Outside { .. }), "{name}");
        }
        assert!(matches!(refused("photos"), RemoveError::NotAModel { .. }));
        assert!(matches!(refused("large-v3"), RemoveError::NotThere { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_removed_and_not_what_it_leads_to() {
        let dir = folder();
        let models = dir.path().join("models");
        std::os::unix::fs::symlink(dir.path().join("other.bin"), models.join("ggml-linked.bin")).unwrap();
        removable("linked", &models, Catalog::PUBLISHED).unwrap().remove().unwrap();
        assert!(dir.path().join("other.bin").exists() && !models.join("ggml-linked.bin").exists());
    }
}
