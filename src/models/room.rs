//! Whether a download fits on the disk.

use std::path::Path;

use super::error::PullError;
use crate::failpoint;

/// Disk space that downloads leave to others.
const RESERVE_BYTES: u64 = 64 << 20;

/// Refuses a download of which so many bytes are still to come.
pub(super) fn check_room(dir: &Path, to_come: u64) -> Result<(), PullError> {
    let needed = to_come.saturating_add(RESERVE_BYTES);
    // Where a file system reports no figure, a write finds it full.
    let free = match (failpoint::hit("pull", "room"), rustix::fs::statvfs(dir)) {
        (Err(_), _) => 0,
        (Ok(()), Ok(disk)) => disk.f_bavail.saturating_mul(disk.f_frsize),
        (Ok(()), Err(_)) => return Ok(()),
    };
    if free >= needed { Ok(()) } else { Err(PullError::NoRoom { path: dir.to_owned(), needed, free }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_larger_than_the_disk_is_refused_with_both_figures() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check_room(dir.path(), 0).is_ok());
        let refused = check_room(dir.path(), u64::MAX).unwrap_err().to_string();
        assert!(refused.contains("bytes free and the download needs 18446744073709551615"), "{refused}");
    }
}
