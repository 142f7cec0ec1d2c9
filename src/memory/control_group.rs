//! What this process's control group (version 2) lets it have: containers and services have such limits.

use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub limit_bytes: u64,
    pub free_bytes: u64,
}

const ROOT: &str = "/sys/fs/cgroup";

/// The tightest of the limits of this process's group and those above it; `None` where there is none.
pub(super) fn memory() -> Option<Memory> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    tightest(Path::new(ROOT), path_of(&own)?)
}

/// The group's path below the root, from a line such as `0::/system.slice/verbatim.service`.
fn path_of(own: &str) -> Option<&Path> {
    own.lines().find_map(|line| line.strip_prefix("0::/")).map(Path::new)
}

fn tightest(root: &Path, group: &Path) -> Option<Memory> {
    let limits: Vec<Memory> = group.ancestors().filter_map(|group| limit_of(root.join(group))).collect();
    let limit_bytes = limits.iter().map(|memory| memory.limit_bytes).min()?;
    let free_bytes = limits.iter().map(|memory| memory.free_bytes).min()?;
    Some(Memory { limit_bytes, free_bytes })
}

/// Page cache that nobody uses counts as free: it is given back.
fn limit_of(folder: PathBuf) -> Option<Memory> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let limit_bytes: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let cached = read("memory.stat")
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("inactive_file "))?.parse().ok())
        .unwrap_or(0);
    Some(Memory { limit_bytes, free_bytes: limit_bytes.saturating_sub(used.saturating_sub(cached)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(root: &Path, path: &str, files: &[(&str, &str)]) {
        let folder = root.join(path);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        group(root, "", &[]);
        group(
            root,
            "box",
            &[
                ("memory.max", "1000\n"),
                ("memory.current", "900\n"),
                ("memory.stat", "anon 1\ninactive_file 300\n"),
            ],
        );
        group(root, "box/inner", &[("memory.max", "700\n"), ("memory.current", "50\n")]);
        group(root, "box/free", &[("memory.max", "max\n"), ("memory.current", "50\n")]);
        assert_eq!(
            tightest(root, Path::new("box/inner")),
            Some(Memory { limit_bytes: 700, free_bytes: 400 })
        );
        assert_eq!(
            tightest(root, Path::new("box/free")),
            Some(Memory { limit_bytes: 1000, free_bytes: 400 })
        );
        assert_eq!(tightest(root, Path::new("")), None);
    }

    #[test]
    fn the_own_group_is_found_among_others() {
        assert_eq!(path_of("4:memory:/x\n0::/a/b\n"), Some(Path::new("a/b")));
        assert_eq!(path_of("0::/\n"), Some(Path::new("")));
        assert_eq!(path_of("4:memory:/x\n"), None);
    }
}
