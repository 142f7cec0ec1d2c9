//! Memory of the device that the model runs on: for the CPU backend, the machine's.

use std::fs;

use actors::ports::{Holder, MemoryProbe, MemoryReading};

/// Reads Linux's own accounts; all zero where there are none.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemMemory {
    pub limit_bytes: Option<u64>,
}

impl MemoryProbe for SystemMemory {
    fn read(&self, holder: Option<Holder>) -> MemoryReading {
        let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let engine = holder
            .and_then(|holder| fs::read_to_string(format!("/proc/{}/status", holder.process)).ok())
            .unwrap_or_default();
        let before = holder.map_or(0, |holder| holder.before_bytes);
        let used = kibibytes(&engine, "RssAnon:").saturating_sub(before);
        let shared = kibibytes(&engine, "RssFile:") + kibibytes(&engine, "RssShmem:");
        let peak = kibibytes(&engine, "VmHWM:").saturating_sub(shared + before);
        let left = self.limit_bytes.map_or(u64::MAX, |limit| limit.saturating_sub(used));
        MemoryReading {
            total_bytes: kibibytes(&machine, "MemTotal:"),
            free_bytes: kibibytes(&machine, "MemAvailable:").min(left),
            used_by_model_bytes: used,
            peak_by_model_bytes: peak.max(used),
        }
    }
}

fn kibibytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}
