//! Memory of the device that the model runs on: for the CPU backend, the machine's.

use std::fs;

use actors::ports::{MemoryProbe, MemoryReading};

/// Reads Linux's own accounts; all zero where there are none.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemMemory;

impl MemoryProbe for SystemMemory {
    fn read(&self, process: Option<u32>) -> MemoryReading {
        let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let engine = process
            .and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok())
            .unwrap_or_default();
        MemoryReading {
            total_bytes: kibibytes(&machine, "MemTotal:"),
            free_bytes: kibibytes(&machine, "MemAvailable:"),
            used_by_model_bytes: kibibytes(&engine, "VmRSS:"),
        }
    }
}

fn kibibytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_this_process_have_memory() {
        let reading = SystemMemory.read(Some(std::process::id()));
        assert!(reading.free_bytes <= reading.total_bytes);
        assert!(reading.used_by_model_bytes > 0 && reading.used_by_model_bytes < reading.total_bytes);
        assert_eq!(SystemMemory.read(None).used_by_model_bytes, 0);
    }
}
