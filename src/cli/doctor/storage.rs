//! The data folder: whether it can be written to, and how much room there is.

use std::io;
use std::path::Path;

use indicatif::DecimalBytes;
use rustix::fs::{Access, access, statvfs};

use super::finding::Finding;
use crate::settings::Settings;

const CHECK: &str = "data folder";
/// Below this the database cannot be relied on to grow.
const LEAST_FREE: u64 = 100_000_000;

pub(super) fn check(settings: &Settings) -> Finding {
    let dir = &settings.storage.dir;
    // It is created at the start, in the nearest folder above it that is there.
    let there = dir.ancestors().find(|dir| dir.exists()).filter(|dir| !dir.as_os_str().is_empty());
    let there = there.unwrap_or(Path::new("."));
    let writable = match there.is_dir() {
        true => access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from),
        false => Err(io::Error::from(io::ErrorKind::NotADirectory)),
    };
    let free_bytes = statvfs(there).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    judge(dir, there, &writable, free_bytes, settings.server.max_upload_bytes)
}

fn judge(
    dir: &Path,
    there: &Path,
    writable: &io::Result<()>,
    free_bytes: Option<u64>,
    largest_upload: u64,
) -> Finding {
    if let Err(error) = writable {
        let user =
            "give it to the user that runs the service, or set [storage] dir (--data-dir) to another folder";
        return Finding::error(CHECK, format!("{} cannot be written to: {error}", there.display()), user);
    }
    let state = if dir == there { "is writable" } else { "is not there yet and can be created" };
    let dir = dir.display();
    let Some(free_bytes) = free_bytes else { return Finding::ok(CHECK, format!("{dir} {state}")) };
    let free = DecimalBytes(free_bytes);
    let advice = "free some space, set [storage] keep_days, or use another disk (--data-dir)";
    match free_bytes {
        0..LEAST_FREE => Finding::error(CHECK, format!("{dir} has {free} of free space"), advice),
        _ if free_bytes < largest_upload => Finding::warning(
            CHECK,
            format!(
                "{dir} has {free} of free space, less than the largest upload, {}",
                DecimalBytes(largest_upload)
            ),
            advice,
        ),
        _ => Finding::ok(CHECK, format!("{dir} {state}, {free} are free")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_and_little_room_a_warning() {
        let dir = Path::new("data");
        let level = |writable: io::Result<()>, free| judge(dir, dir, &writable, free, 2_000_000_000).level;
        assert_eq!(level(Ok(()), Some(2_000_000_000)), Level::Ok);
        assert_eq!(level(Ok(()), None), Level::Ok);
        assert_eq!(level(Ok(()), Some(1_999_999_999)), Level::Warning);
        assert_eq!(level(Ok(()), Some(1_000)), Level::Error);
        assert_eq!(level(Err(io::ErrorKind::PermissionDenied.into()), Some(u64::MAX)), Level::Error);
    }
}
