//! Reads CTranslate2 folders. CTranslate2 indexes by what these files say without checking it, so all of it
//! is checked here.

pub(super) mod config;
pub(super) mod model;
pub(super) mod variables;
pub(super) mod vocabulary;

use std::io::Read;
use std::path::Path;

use super::error::{Fault, ModelFileError};
use super::format::{Format, MODEL};
use super::model_header::ModelHeader;
use super::open::open;
use super::reader::Reader;

pub(super) const CONFIG: &str = "config.json";
/// Published ones have 2 kB to 4 kB.
const LARGEST_CONFIG: u64 = 1 << 20;
/// CTranslate2 takes the first of these that is there.
const VOCABULARIES: [&str; 2] = ["vocabulary.json", "vocabulary.txt"];
/// Published ones have about 1 MB.
const LARGEST_VOCABULARY: u64 = 16 << 20;

/// Checks all files that CTranslate2 reads; of `model.bin` everything but the weights.
pub(super) fn read_header(folder: &Path) -> Result<ModelHeader, ModelFileError> {
    let (model, file, model_bytes) = member(folder, &[MODEL])?;
    let table = model::Table::read(&mut Reader::of_file(file, model_bytes));
    let checked =
        table.and_then(|table| variables::check(&table).map(|checked| (checked, table.variables())));
    let ((shape, weight_type), tensors) = checked.map_err(|fault| fault.in_file(&model, model_bytes))?;
    let (config, config_bytes) = load_config(folder)?;
    config::parse(&config, &shape).map_err(|fault| fault.in_file(&folder.join(CONFIG), config_bytes))?;
    let vocabulary_bytes = load_vocabulary(folder, |text, json| {
        vocabulary::parse(text, json, &shape).map(|_| text.len() as u64)
    })?;
    Ok(ModelHeader {
        path: folder.to_owned(),
        format: Format::CTranslate2,
        bytes: model_bytes + config_bytes + vocabulary_bytes,
        shape,
        weight_type,
        tensors,
    })
}

pub(super) fn load_config(folder: &Path) -> Result<(Vec<u8>, u64), ModelFileError> {
    let (path, file, bytes) = member(folder, &[CONFIG])?;
    Ok((load(&path, file, bytes, LARGEST_CONFIG)?, bytes))
}

/// Calls `parse` with the vocabulary's contents and whether they are JSON.
pub(super) fn load_vocabulary<T>(
    folder: &Path,
    parse: impl FnOnce(&[u8], bool) -> Result<T, Fault>,
) -> Result<T, ModelFileError> {
    let (path, file, bytes) = member(folder, &VOCABULARIES)?;
    let text = load(&path, file, bytes, LARGEST_VOCABULARY)?;
    let json = path.extension().is_some_and(|extension| extension == "json");
    parse(&text, json).map_err(|fault| fault.in_file(&path, bytes))
}

/// Reads the whole of `model.bin`.
pub(super) fn load_model(header: &ModelHeader) -> Result<Vec<u8>, ModelFileError> {
    let (path, file, bytes) = member(&header.path, &[MODEL])?;
    let model = load(&path, file, bytes, header.bytes)?;
    let table = model::Table::read(&mut Reader::new(std::io::Cursor::new(&model), bytes));
    let found =
        table.and_then(|table| variables::check(&table)).map_err(|fault| fault.in_file(&path, bytes))?;
    if found != (header.shape, header.weight_type) {
        return Err(ModelFileError::Changed { path });
    }
    Ok(model)
}

type Member = (std::path::PathBuf, std::fs::File, u64);

/// Opens the first of several files of a folder that exists.
fn member(folder: &Path, names: &[&'static str]) -> Result<Member, ModelFileError> {
    for name in names {
        let path = folder.join(name);
        match open(&path) {
            Err(ModelFileError::NotFound { .. }) => {}
            opened => return opened.map(|(file, bytes)| (path, file, bytes)),
        }
    }
    let missing = names.first().copied().unwrap_or_default();
    Err(ModelFileError::IncompleteFolder { path: folder.to_owned(), missing })
}

fn load(path: &Path, file: std::fs::File, bytes: u64, most: u64) -> Result<Vec<u8>, ModelFileError> {
    if bytes > most {
        let what = format!("it has {bytes} bytes, at most {most} expected");
        return Err(ModelFileError::Invalid { path: path.to_owned(), what });
    }
    let mut contents = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    file.take(bytes).read_to_end(&mut contents).map_err(|error| ModelFileError::io(path, error))?;
    if contents.len() as u64 != bytes {
        return Err(ModelFileError::Changed { path: path.to_owned() });
    }
    Ok(contents)
}
