//! The machine's memory, by Linux's own accounts.

use std::fs;

use actors::ports::{Holder, MemoryProbe, MemoryReading};

use super::control_group;

/// What is free can be had without swapping. What the model uses is the private memory that its holder has
/// touched: pages of files, the program's own among them, do not count.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemMemory {
    /// What the engine's process may use, if that is limited: `free_bytes` is never more.
    pub limit_bytes: Option<u64>,
}

impl MemoryProbe for SystemMemory {
    fn read(&self, holder: Option<Holder>) -> MemoryReading {
        let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let group = control_group::memory();
        let limit = |read: fn(&control_group::Memory) -> u64| group.as_ref().map_or(u64::MAX, read);
        let (used_by_model_bytes, peak_by_model_bytes) = holder.map_or((0, 0), used_by);
        let left = self.limit_bytes.map_or(u64::MAX, |limit| limit.saturating_sub(used_by_model_bytes));
        // Without a figure no load is refused.
        let available = bytes(&machine, "MemAvailable:").unwrap_or(u64::MAX);
        let unused_bytes = available.min(limit(|group| group.free_bytes));
        MemoryReading {
            total_bytes: bytes(&machine, "MemTotal:").unwrap_or(0).min(limit(|group| group.limit_bytes)),
            unused_bytes,
            free_bytes: unused_bytes.min(left),
            used_by_model_bytes,
            peak_by_model_bytes: Some(peak_by_model_bytes),
        }
    }
}

/// Now, and at most. 0 for a process that has exited.
fn used_by(holder: Holder) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", holder.process)).unwrap_or_default();
    let private = |text: &str| {
        let resident = bytes(text, "RssAnon:").unwrap_or(0);
        // The kernel keeps the peak of all that was resident; files are mapped early and stay.
        let files = bytes(text, "RssFile:").unwrap_or(0) + bytes(text, "RssShmem:").unwrap_or(0);
        (resident, bytes(text, "VmHWM:").unwrap_or(0).saturating_sub(files).max(resident))
    };
    let (now, peak) = private(&status);
    (now.saturating_sub(holder.before_bytes), peak.saturating_sub(holder.before_bytes))
}

/// The value of a line such as `MemTotal:  100 kB`.
fn bytes(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_process(before_bytes: u64) -> Option<Holder> {
        Some(Holder { process: std::process::id(), before_bytes })
    }

    #[test]
    fn this_process_uses_some_of_the_machine() {
        let reading = SystemMemory::default().read(this_process(0));
        assert!(reading.free_bytes > 0 && reading.free_bytes <= reading.total_bytes);
        assert!(reading.used_by_model_bytes > 0 && reading.used_by_model_bytes < reading.total_bytes);
        assert!(reading.peak_by_model_bytes >= Some(reading.used_by_model_bytes));
        let nothing_new = SystemMemory::default().read(this_process(u64::MAX));
        assert_eq!((nothing_new.used_by_model_bytes, nothing_new.peak_by_model_bytes), (0, Some(0)));
        assert_eq!(SystemMemory::default().read(None).used_by_model_bytes, 0);
    }

    #[test]
    fn an_exited_process_uses_nothing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let holder = Holder { process: child.id(), before_bytes: 0 };
        assert_eq!(SystemMemory::default().read(Some(holder)).used_by_model_bytes, 0);
    }

    #[test]
    fn no_more_is_free_than_the_limit_leaves() {
        assert_eq!(SystemMemory { limit_bytes: Some(1000) }.read(None).free_bytes, 1000);
        assert_eq!(SystemMemory { limit_bytes: Some(1000) }.read(this_process(0)).free_bytes, 0);
    }

    #[test]
    fn kernel_files_are_read_by_key() {
        let text = "MemTotal:  100 kB\nMemAvailable:    42 kB\n";
        assert_eq!(bytes(text, "MemAvailable:"), Some(42 * 1024));
        assert_eq!(bytes(text, "SwapFree:"), None);
        assert_eq!(bytes("MemAvailable: much kB", "MemAvailable:"), None);
    }
}
