//! Folders that survive a loss of power.

use std::fs::{self, DirBuilder, File, OpenOptions};
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

/// Makes sure that the file is there and that only its owner can read it, whatever the process's umask. SQLite gives the
/// files beside a database the mode of the database.
///
/// # Errors
/// The file cannot be created, or its mode cannot be changed: it belongs to another user.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    private(OpenOptions::new().create(true).truncate(false).write(true)).open(path)?;
    make_private(path)
}

/// Options of which a new file is its owner's alone.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Takes from a file's group and from others what they may do with it.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = fs::metadata(path)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(permissions.mode() & !0o077);
            fs::set_permissions(path, permissions)?;
        }
    }
    Ok(())
}

/// Root may restore what another user's service is to read; others cannot give files away.
pub(super) fn give_to_owner_of(dir: &Path, path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        if let (Ok(owner), Ok(own)) = (fs::metadata(dir), fs::metadata(path))
            && (owner.uid(), owner.gid()) != (own.uid(), own.gid())
            && let Err(error) = chown(path, Some(owner.uid()), Some(owner.gid()))
        {
            tracing::warn!(%error, path = %path.display(), "the file keeps another owner than its folder");
        }
    }
}

/// Whether others than its owner can list the folder.
pub(super) fn is_open_to_others(dir: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(dir).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        false
    }
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

/// Bytes that are free for this service's user, and the size of the file system, where it reports them.
pub(super) fn disk_room(dir: &Path) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Some((bytes(disk.f_bavail), bytes(disk.f_blocks)))
}

/// Whether so many bytes more fit. Where a file system reports no figure, a write finds it full.
pub(super) fn has_room(dir: &Path, bytes: u64) -> bool {
    disk_room(dir).is_none_or(|(free, _)| free >= bytes)
}

/// No room is left, on the device or in the user's quota.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
