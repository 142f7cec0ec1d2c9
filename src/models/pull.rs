//! A verified download of a model.

use std::fs;
use std::path::{Path, PathBuf};

use actors::ports::PullStep;
use rustls::pki_types::CertificateDer;
use tracing::info;
use url::Url;

use super::catalog::Catalog;
use super::client::Client;
use super::error::PullError;
use super::file::{self, Checksum, Source, part_path};
use super::folder::{self, bytes_of, partial_path};
use super::known::{KnownModel, Origin, Pin};
use super::meter::Meter;
use super::room::check_room;
use super::wanted::Wanted;

/// The file with the weights in a folder.
const WEIGHTS: &str = "model.bin";

/// Where models come from and where they go.
#[derive(Debug, Clone)]
pub struct PullConfig {
    pub dir: PathBuf,
    /// The folder of whisper.cpp's `ggml-<name>.bin` files.
    pub source_url: String,
    /// The hub of all others: `<hub>/<repository>/resolve/main/<file>`.
    pub hub_url: String,
    pub catalog: Catalog,
    /// The certificates to trust; none: the bundled public authorities.
    pub roots: fn() -> Vec<CertificateDer<'static>>,
}

/// What pulling a model did. Either way the file or folder is there, its weights have the expected checksum, and their
/// SHA-256 stands beside them in `<file>.sha256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    Downloaded(PathBuf),
    AlreadyThere(PathBuf),
}

/// Downloads a model to the models folder, unless it is there already, and verifies it. `keep_going` is polled between
/// reads; once it says no, what has come stays for the next try.
///
/// # Blocking
/// For as long as the download takes.
pub fn pull(
    wanted: &Wanted,
    config: &PullConfig,
    keep_going: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(PullStep),
) -> Result<Pulled, PullError> {
    fs::create_dir_all(&config.dir).map_err(PullError::at(&config.dir))?;
    let known = match wanted {
        Wanted::Known(model) => Some(model.bytes),
        Wanted::Url { .. } => None,
    };
    let mut meter = Meter::new(known, keep_going, progress);
    let pulled = match wanted {
        Wanted::Url { url, name, expected } => {
            let target = config.dir.join(format!("ggml-{name}.bin"));
            let checksum = Checksum::Known(expected.clone());
            pull_file(target, Source { url: url.clone(), checksum, sidecar: true }, config, &mut meter)
        }
        Wanted::Known(model) => pull_known(model, config, &mut meter),
    }?;
    if let Pulled::Downloaded(path) = &pulled {
        info!(model = wanted.name(), path = %path.display(), "model downloaded and verified");
    }
    Ok(pulled)
}

fn pull_known(model: &KnownModel, config: &PullConfig, meter: &mut Meter<'_>) -> Result<Pulled, PullError> {
    let target = model.path(&config.dir);
    let checksum = match &model.pin {
        Pin::Pinned(expected) => Checksum::Known(expected.clone()),
        Pin::Hub => Checksum::FromServer,
    };
    if !target.exists() {
        check_room(&config.dir, model.bytes.saturating_sub(so_far(&target)))?;
    }
    let in_repository = |repository: &str, file: &str| {
        address(&format!("{}/{repository}/resolve/main", trimmed(&config.hub_url)), file)
    };
    match &model.origin {
        Origin::WhisperCpp => {
            let url = address(trimmed(&config.source_url), &model.file_name())?;
            pull_file(target, Source { url, checksum, sidecar: true }, config, meter)
        }
        Origin::File { repository, file } => {
            let url = in_repository(repository, file)?;
            pull_file(target, Source { url, checksum, sidecar: true }, config, meter)
        }
        Origin::Folder { repository, files } => {
            let source = |file: &str, checksum: Checksum| {
                let url = in_repository(repository, file)?;
                Ok::<_, PullError>(Source { url, checksum, sidecar: file == WEIGHTS })
            };
            let mut sources = Vec::new();
            for file in *files {
                sources.push((*file, source(file, Checksum::FromServerIfAny)?));
            }
            sources.push((WEIGHTS, source(WEIGHTS, checksum)?));
            pull_folder(target, &sources, config, meter)
        }
    }
}

fn pull_file(
    target: PathBuf,
    source: Source,
    config: &PullConfig,
    meter: &mut Meter<'_>,
) -> Result<Pulled, PullError> {
    let is_new = !target.exists() && {
        let client = Client::new(&(config.roots)());
        file::fetch(&target, &source, &client, meter)?.is_some()
    };
    if is_new {
        return Ok(Pulled::Downloaded(target));
    }
    file::confirm(&target, source.checksum.known(), meter)?;
    Ok(Pulled::AlreadyThere(target))
}

fn pull_folder(
    target: PathBuf,
    sources: &[(&str, Source)],
    config: &PullConfig,
    meter: &mut Meter<'_>,
) -> Result<Pulled, PullError> {
    let is_new = !target.exists() && {
        let client = Client::new(&(config.roots)());
        folder::fetch(&target, sources, &client, meter)?
    };
    if is_new {
        return Ok(Pulled::Downloaded(target));
    }
    let weights = sources.iter().find(|(name, _)| *name == WEIGHTS);
    let expected = weights.and_then(|(_, source)| source.checksum.known());
    file::confirm(&target.join(WEIGHTS), expected, meter)?;
    Ok(Pulled::AlreadyThere(target))
}

/// Bytes that earlier tries brought.
fn so_far(target: &Path) -> u64 {
    bytes_of(&part_path(target)) + bytes_of(&partial_path(target))
}

fn trimmed(url: &str) -> &str {
    url.trim_end_matches('/')
}

fn address(folder: &str, file: &str) -> Result<Url, PullError> {
    let text = format!("{folder}/{file}");
    let is_http = |url: &Url| matches!(url.scheme(), "http" | "https");
    text.parse().ok().filter(is_http).ok_or(PullError::BadUrl { url: text })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
