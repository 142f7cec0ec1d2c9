//! Folders that survive a loss of power.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::Path;

/// Makes sure that the folder is there, its entry in the parent folder on disk. A new one is its owner's alone:
/// recordings and secrets lie in it.
///
/// # Blocking
/// One fsync when the folder is new.
pub(super) fn create_durably(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)?;
    sync_folder(dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Writes a folder's entries to disk, where the platform lets folders be opened.
#[cfg(unix)]
pub(super) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// No room is left, on the device or in the user's quota.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
