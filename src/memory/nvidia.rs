//! An NVIDIA GPU's memory, by its driver's own library (NVML). Unlike CUDA it takes nothing of the GPU for
//! itself.

use std::sync::OnceLock;

use actors::ports::{Holder, MemoryProbe, MemoryReading};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use tracing::debug;

/// One GPU. In a container whose processes have numbers of their own the driver knows ours by others:
/// `used_by_model_bytes` is 0 then, and what a load needs stays an estimate.
#[derive(Debug)]
pub struct NvidiaMemory {
    driver: &'static Nvml,
    uuid: String,
}

impl NvidiaMemory {
    /// The GPU that CUDA knows by this number. `None` when there is no driver, or no such GPU.
    pub fn find(number: u32) -> Option<Self> {
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        let driver = driver()?;
        let found = Named::by_cuda(number, visible.as_deref()).map(|named| named.find(driver));
        match found {
            Some(Ok(Some(uuid))) => Some(Self { driver, uuid }),
            Some(Ok(None)) | None => {
                debug!(gpu_device = number, "the driver knows no such GPU");
                None
            }
            Some(Err(error)) => {
                debug!(gpu_device = number, %error, "the driver cannot tell of its GPUs");
                None
            }
        }
    }

    fn device(&self) -> Result<Device<'static>, NvmlError> {
        self.driver.device_by_uuid(self.uuid.as_str())
    }
}

impl MemoryProbe for NvidiaMemory {
    /// The driver keeps no peak: it is what is used now.
    fn read(&self, holder: Option<Holder>) -> MemoryReading {
        let reading = self.device().and_then(|device| {
            let memory = device.memory_info()?;
            let used = holder.map_or(0, |holder| used_by(&device, holder.process));
            Ok(MemoryReading {
                total_bytes: memory.total,
                free_bytes: memory.free,
                used_by_model_bytes: used,
                peak_by_model_bytes: used,
            })
        });
        reading.unwrap_or_else(|error| {
            debug!(%error, "the GPU's memory cannot be read");
            // A driver that does not tell refuses no load: the engine looks itself.
            MemoryReading { free_bytes: u64::MAX, ..MemoryReading::default() }
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

/// How a GPU is named by CUDA's variable.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// In the order of the bus, which is the driver's own: the engine's process is told to count so.
    Index(u32),
    /// The beginning of its UUID.
    Uuid(&'a str),
}

impl<'a> Named<'a> {
    /// `visible` is a list of numbers or of UUIDs; what follows a bad entry is not seen.
    fn by_cuda(number: u32, visible: Option<&'a str>) -> Option<Self> {
        let Some(visible) = visible else { return Some(Self::Index(number)) };
        let named = visible.split(',').map(|name| Self::parse(name.trim())).take_while(Option::is_some);
        named.flatten().nth(usize::try_from(number).ok()?)
    }

    fn parse(name: &'a str) -> Option<Self> {
        match name.strip_prefix("GPU-") {
            Some(_) => Some(Self::Uuid(name)),
            None => name.parse().ok().map(Self::Index),
        }
    }

    /// The whole UUID of that GPU.
    fn find(&self, driver: &Nvml) -> Result<Option<String>, NvmlError> {
        for index in 0..driver.device_count()? {
            let uuid = driver.device_by_index(index)?.uuid()?;
            let is_it = match self {
                Self::Index(wanted) => *wanted == index,
                Self::Uuid(beginning) => uuid.starts_with(beginning),
            };
            if is_it {
                return Ok(Some(uuid));
            }
        }
        Ok(None)
    }
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
        let named = |number, visible| Named::by_cuda(number, visible);
        assert_eq!(named(2, None), Some(Named::Index(2)));
        assert_eq!(named(1, Some("3, 5,7")), Some(Named::Index(5)));
        assert_eq!(named(0, Some("GPU-8932f937,1")), Some(Named::Uuid("GPU-8932f937")));
        assert_eq!(named(3, Some("3,5,7")), None);
        assert_eq!(named(1, Some("3,-1,7")), None);
        assert_eq!(named(0, Some("")), None);
    }
}
