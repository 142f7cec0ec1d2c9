//! The models that are in the models folder, published or not.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::catalog::Catalog;
use super::known::Format;
use super::wanted::is_name;

/// "ggml" as the first four bytes of a file have it.
const GGML_MAGIC: [u8; 4] = *b"lmgg";

/// A model that is in the models folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What the settings call it; `None` of a file whose name they cannot find: it is used by its path.
    pub name: Option<String>,
    pub path: PathBuf,
    pub format: Format,
    /// Of all its files.
    pub bytes: u64,
    /// Whether the catalogue has it.
    pub is_known: bool,
}

impl Installed {
    /// Its name, or its path where it has none.
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.path.display().to_string())
    }
}

/// All models of a folder, by their names. A folder that does not exist has none.
///
/// # Blocking
/// Reads the folder and the first bytes of the files in it.
pub fn installed(dir: &Path, catalog: Catalog) -> Vec<Installed> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut models: Vec<_> = entries.filter_map(|entry| model_at(&entry.path(), catalog)).collect();
    models.sort_by_key(Installed::title);
    models
}

/// The model that a path of the models folder holds, if it holds one.
pub(super) fn model_at(path: &Path, catalog: Catalog) -> Option<Installed> {
    let metadata = fs::metadata(path).ok()?;
    let file_name = path.file_name()?.to_str()?;
    let (format, bytes) = if metadata.is_dir() {
        (Format::CTranslate2, folder_bytes(path)?)
    } else if file_name.ends_with(".bin") && is_ggml(path) {
        (Format::Ggml, metadata.len())
    } else {
        return None;
    };
    let name = match format {
        Format::Ggml => file_name.strip_prefix("ggml-").and_then(|rest| rest.strip_suffix(".bin")),
        Format::CTranslate2 => Some(file_name),
    };
    let name = name.filter(|name| is_name(name)).map(str::to_owned);
    let known = name.as_deref().and_then(|name| catalog.find(name));
    let is_known = known.is_some_and(|model| model.format() == format);
    Some(Installed { name, path: path.to_owned(), format, bytes, is_known })
}

/// Of a CTranslate2 folder; `None` of any other, and of one that is not whole.
fn folder_bytes(path: &Path) -> Option<u64> {
    let is_model = path.join("model.bin").is_file() && path.join("config.json").is_file();
    let is_partial = path.extension().is_some_and(|extension| extension == "partial");
    let entries = fs::read_dir(path).ok().filter(|_| is_model && !is_partial)?;
    Some(entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum())
}

fn is_ggml(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == GGML_MAGIC
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_both_formats_are_found_with_the_name_to_use() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        put("ggml-base.bin", b"lmgg1");
        put("mine.bin", b"lmgg22");
        put("notes.bin", b"text");
        put("ggml-tiny.bin.part", b"lmgg");
        put("ggml-base.bin.sha256", b"00");
        for folder in ["my-folder", "faster-whisper-tiny", "faster-whisper-base.partial"] {
            put(&format!("{folder}/model.bin"), b"123");
            put(&format!("{folder}/config.json"), b"{}");
        }
        put("photos/config.json", b"{}");
        let found = installed(dir.path(), Catalog::PUBLISHED);
        let shown: Vec<_> = found
            .iter()
            .map(|model| (model.name.as_deref(), model.format, model.bytes, model.is_known))
            .collect();
        let (ggml, folder) = (Format::Ggml, Format::CTranslate2);
        assert_eq!(
            shown,
            [
                (None, ggml, 6, false),
                (Some("base"), ggml, 5, true),
                (Some("faster-whisper-tiny"), folder, 5, true),
                (Some("my-folder"), folder, 5, false),
            ]
        );
        assert!(found[0].title().ends_with("/mine.bin"));
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing() {
        assert_eq!(installed(Path::new("/nowhere/at/all"), Catalog::PUBLISHED), []);
    }
}
