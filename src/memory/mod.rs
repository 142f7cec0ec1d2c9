//! Memory of the device that the model runs on, in bytes: the machine's, or an NVIDIA GPU's.

mod control_group;
mod nvidia;
mod system;

use std::sync::Arc;

use actors::ports::MemoryProbe;

pub use nvidia::{NvidiaGpu, NvidiaMemory};
pub use system::SystemMemory;

/// Where the model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Machine,
    /// Counted from 0 among those that CUDA may see.
    NvidiaGpu(u32),
}

/// What reads the memory of that place. Without a driver that reports it, the machine's memory is read for a GPU's,
/// and only the engine finds out whether its GPU is full.
///
/// `limit_bytes` is what the engine's process may use of the machine's memory.
pub fn probe(place: Place, limit_bytes: Option<u64>) -> Arc<dyn MemoryProbe> {
    let gpu = match place {
        Place::NvidiaGpu(number) => NvidiaMemory::find(number),
        Place::Machine => None,
    };
    match gpu {
        Some(gpu) => Arc::new(gpu),
        None => Arc::new(SystemMemory { limit_bytes }),
    }
}
