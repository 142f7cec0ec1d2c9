//! An NVIDIA GPU's memory, by its driver's own library (NVML). Unlike CUDA it takes nothing of the GPU for
//! itself.

use std::sync::OnceLock;

use actors::ports::{Holder, MemoryProbe, MemoryReading};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use tracing::debug;

/// One GPU. In a container whose processes have numbers of their own the driver has others for ours:
/// `used_by_model_bytes` is 0 then, and what a load needs stays an estimate.
#[derive(Debug)]
pub struct NvidiaMemory {
    driver: &'static Nvml,
    uuid: String,
}

/// A GPU as its driver names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NvidiaGpu {
    pub name: String,
    /// The driver's version.
    pub driver: String,
}

impl NvidiaMemory {
    /// The GPU with this number in CUDA. `None` without a driver, without such a GPU, and for a part
    /// of a GPU (`MIG-`), which is not supported.
    pub fn find(number: u32) -> Option<Self> {
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        let driver = driver()?;
        let uuids = uuids(driver);
        let Some(uuid) = by_cuda(number, visible.as_deref(), &uuids) else {
            debug!(gpu_device = number, "the driver does not list this GPU");
            return None;
        };
        Some(Self { driver, uuid: uuid.to_owned() })
    }

    /// `None` where the driver does not report it.
    pub fn gpu(&self) -> Option<NvidiaGpu> {
        let name = self.device().and_then(|device| device.name()).ok()?;
        Some(NvidiaGpu { name, driver: self.driver.sys_driver_version().ok()? })
    }

    fn device(&self) -> Result<Device<'static>, NvmlError> {
        self.driver.device_by_uuid(self.uuid.as_str())
    }
}

impl MemoryProbe for NvidiaMemory {
    fn read(&self, holder: Option<Holder>) -> MemoryReading {
        let reading = self.device().and_then(|device| {
            let memory = device.memory_info()?;
            let used = holder
                .map_or(0, |holder| used_by(&device, holder.process).saturating_sub(holder.before_bytes));
            Ok(MemoryReading {
                total_bytes: memory.total,
                unused_bytes: memory.free,
                free_bytes: memory.free,
                used_by_model_bytes: used,
                peak_by_model_bytes: None,
            })
        });
        reading.unwrap_or_else(|error| {
            debug!(%error, "the GPU's memory cannot be read");
            // Without a figure no load is refused: the engine finds out itself.
            MemoryReading { unused_bytes: u64::MAX, free_bytes: u64::MAX, ..MemoryReading::default() }
        })
    }
}

/// Loaded once; it stays for the life of the process.
fn driver() -> Option<&'static Nvml> {
    static DRIVER: OnceLock<Option<Nvml>> = OnceLock::new();
    let load = || Nvml::init().inspect_err(|error| debug!(%error, "no NVIDIA driver")).ok();
    DRIVER.get_or_init(load).as_ref()
}

fn used_by(device: &Device<'_>, process: u32) -> u64 {
    let lists = [device.running_compute_processes(), device.running_graphics_processes()];
    let ours = lists.into_iter().flatten().flatten().filter(|listed| listed.pid == process);
    let bytes = ours.map(|listed| match listed.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => bytes,
        UsedGpuMemory::Unavailable => 0,
    });
    // A process that computes and draws stands in both lists with the same number.
    bytes.max().unwrap_or(0)
}

/// Of the GPUs that this process may open, in the order of the bus. The driver counts the others too, CUDA
/// does not.
fn uuids(driver: &Nvml) -> Vec<String> {
    let count = driver.device_count().unwrap_or_else(|error| {
        debug!(%error, "the driver cannot list its GPUs");
        0
    });
    let uuid = |index| {
        let uuid = driver.device_by_index(index).and_then(|device| device.uuid());
        uuid.inspect_err(|error| debug!(index, %error, "a GPU that cannot be opened")).ok()
    };
    (0..count).filter_map(uuid).collect()
}

/// `visible` is CUDA's variable: a list of numbers or of UUIDs. What follows a bad entry is not seen.
///
/// Numbers count in the order of the bus: the engine's process is started with that order. An engine that runs in
/// this process does so if `CUDA_DEVICE_ORDER` is `PCI_BUS_ID`.
fn by_cuda<'a>(number: u32, visible: Option<&str>, uuids: &'a [String]) -> Option<&'a str> {
    let number = usize::try_from(number).ok()?;
    match visible {
        None => uuids.get(number).map(String::as_str),
        Some(visible) => visible.split(',').map_while(|name| named(name.trim(), uuids)).nth(number),
    }
}

/// By its place among `uuids`, or by an unambiguous beginning of its UUID.
fn named<'a>(name: &str, uuids: &'a [String]) -> Option<&'a str> {
    if !name.starts_with("GPU-") {
        return uuids.get(name.parse::<usize>().ok()?).map(String::as_str);
    }
    let mut found = uuids.iter().filter(|uuid| uuid.starts_with(name));
    found.next().filter(|_| found.next().is_none()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_that_gpu_has_an_answer() {
        assert!(NvidiaMemory::find(1_000_000).is_none());
    }

    #[test]
    fn gpus_are_counted_as_cuda_counts_them() {
        let uuids = ["GPU-a0", "GPU-b0", "GPU-c0", "GPU-c1"].map(str::to_owned);
        let found = |number, visible| by_cuda(number, visible, &uuids);
        assert_eq!(found(2, None), Some("GPU-c0"));
        assert_eq!(found(4, None), None);
        assert_eq!(found(1, Some("3, 1,0")), Some("GPU-b0"));
        assert_eq!(found(3, Some("3,1,0")), None);
        assert_eq!(found(0, Some("")), None);
    }

    #[test]
    fn a_uuid_may_be_short_but_must_be_enough() {
        let uuids = ["GPU-a0", "GPU-c0", "GPU-c1"].map(str::to_owned);
        let found = |visible| by_cuda(0, Some(visible), &uuids);
        assert_eq!(found("GPU-a,1"), Some("GPU-a0"));
        assert_eq!(found("GPU-c1"), Some("GPU-c1"));
        assert_eq!(found("GPU-c"), None);
        assert_eq!(found("GPU-d"), None);
        assert_eq!(found("MIG-a0"), None);
    }

    #[test]
    fn what_follows_a_bad_entry_is_not_seen() {
        let uuids = ["GPU-a0", "GPU-b0"].map(str::to_owned);
        for visible in ["1,-1,0", "1,7,0", "1,GPU-z,0"] {
            assert_eq!(by_cuda(0, Some(visible), &uuids), Some("GPU-b0"), "{visible}");
            assert_eq!(by_cuda(1, Some(visible), &uuids), None, "{visible}");
            assert_eq!(by_cuda(2, Some(visible), &uuids), None, "{visible}");
        }
    }
}
