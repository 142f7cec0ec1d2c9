//! Where keys are kept.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::settings::Settings;

/// On stderr, after a change.
pub(super) const RELOAD: &str =
    "the service reads its keys again at SIGHUP: kill -HUP its process, or systemctl reload verbatim";

pub(super) fn file(settings: &Settings) -> Result<PathBuf, Failure> {
    let path = settings.auth.keys_file.clone();
    if path.as_os_str().is_empty() { Err(Failure::NoKeysFile) } else { Ok(path) }
}
