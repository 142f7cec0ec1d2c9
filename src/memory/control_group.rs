//! The memory limit of this process's control group: containers and services have such limits.

use std::fs;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub limit_bytes: u64,
    pub free_bytes: u64,
}

/// How a version of the control groups names things.
struct Version {
    /// In `/proc/self/cgroup`; version 2 has one tree for all controllers, whose line names none.
    controller: &'static str,
    root: &'static str,
    limit: &'static str,
    used: &'static str,
    /// In `memory.stat`: inactive page cache. It counts as free, as it can be reclaimed.
    cached: &'static str,
}

const VERSION_2: Version = Version {
    controller: "",
    root: "/sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    cached: "inactive_file ",
};

const VERSION_1: Version = Version {
    controller: "memory",
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: "total_inactive_file ",
};

/// The tightest of the limits of this process's group and those above it; `None` without a limit.
/// Version 1 writes "no limit" as a number above any machine's memory.
pub(super) fn memory() -> Option<Memory> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let read = |version: &Version| version.tightest(Path::new(version.root), version.group_in(&own)?);
    read(&VERSION_2).or_else(|| read(&VERSION_1))
}

impl Version {
    /// The group's path below the root, from a line such as `0::/system.slice/verbatim.service`.
    fn group_in<'a>(&self, own: &'a str) -> Option<&'a Path> {
        own.lines().find_map(|line| {
            let (_, line) = line.split_once(':')?;
            let (controllers, group) = line.split_once(":/")?;
            controllers.split(',').any(|name| name == self.controller).then_some(Path::new(group))
        })
    }

    fn tightest(&self, root: &Path, group: &Path) -> Option<Memory> {
        let limits: Vec<Memory> =
            group.ancestors().filter_map(|group| self.limit_of(&root.join(group))).collect();
        let limit_bytes = limits.iter().map(|memory| memory.limit_bytes).min()?;
        let free_bytes = limits.iter().map(|memory| memory.free_bytes).min()?;
        Some(Memory { limit_bytes, free_bytes })
    }

    fn limit_of(&self, folder: &Path) -> Option<Memory> {
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let limit_bytes: u64 = read(self.limit)?.trim().parse().ok()?;
        let used: u64 = read(self.used)?.trim().parse().ok()?;
        let cached = read("memory.stat")
            .and_then(|text| text.lines().find_map(|line| line.strip_prefix(self.cached))?.parse().ok())
            .unwrap_or(0);
        Some(Memory { limit_bytes, free_bytes: limit_bytes.saturating_sub(used.saturating_sub(cached)) })
    }
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
            VERSION_2.tightest(root, Path::new("box/inner")),
            Some(Memory { limit_bytes: 700, free_bytes: 400 })
        );
        assert_eq!(
            VERSION_2.tightest(root, Path::new("box/free")),
            Some(Memory { limit_bytes: 1000, free_bytes: 400 })
        );
        assert_eq!(VERSION_2.tightest(root, Path::new("")), None);
    }

    #[test]
    fn version_1_has_other_names_for_the_same() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let unlimited =
            [("memory.limit_in_bytes", "9223372036854771712\n"), ("memory.usage_in_bytes", "5\n")];
        group(root, "", &unlimited);
        group(
            root,
            "box",
            &[
                ("memory.limit_in_bytes", "1000\n"),
                ("memory.usage_in_bytes", "900\n"),
                ("memory.stat", "inactive_file 1\ntotal_inactive_file 300\n"),
            ],
        );
        group(root, "box/inner", &unlimited);
        assert_eq!(
            VERSION_1.tightest(root, Path::new("box/inner")),
            Some(Memory { limit_bytes: 1000, free_bytes: 400 })
        );
        assert_eq!(VERSION_2.tightest(root, Path::new("box/inner")), None);
    }

    #[test]
    fn a_group_that_is_not_mounted_leaves_those_above_it() {
        // In a container the own path is often the host's, and the container's group stands at the root.
        let root = tempfile::tempdir().unwrap();
        group(root.path(), "", &[("memory.max", "70\n"), ("memory.current", "30\n")]);
        assert_eq!(
            VERSION_2.tightest(root.path(), Path::new("docker/abc")),
            Some(Memory { limit_bytes: 70, free_bytes: 40 })
        );
    }

    #[test]
    fn the_own_group_is_found_among_others() {
        let both = "5:cpu,memory:/x\n1:name=systemd:/y\n0::/a/b\n";
        assert_eq!(VERSION_2.group_in(both), Some(Path::new("a/b")));
        assert_eq!(VERSION_1.group_in(both), Some(Path::new("x")));
        assert_eq!(VERSION_2.group_in("0::/\n"), Some(Path::new("")));
        assert_eq!(VERSION_1.group_in("0::/\n"), None);
        assert_eq!(VERSION_2.group_in("4:memory:/x\n"), None);
    }
}
