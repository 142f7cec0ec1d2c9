//! Whether a model fits: what it needs, as far as is known, against what there is.

use std::sync::{Arc, Mutex, PoisonError};

use actors::ports::{EngineExit, Holder, LoadFailure, MemoryProbe};
use tracing::debug;

use super::estimate;
use crate::engine::EngineConfig;
use crate::engine::model_file::ModelHeader;

/// The memory that the model needs: estimated before the first load, later what it used once it was loaded.
pub(in crate::engine) struct Ledger {
    probe: Arc<dyn MemoryProbe>,
    config: EngineConfig,
    /// For which file, and how much.
    learnt: Mutex<Option<(ModelHeader, u64)>>,
}

/// Too little memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Shortage {
    pub needed_bytes: u64,
    pub free_bytes: u64,
}

impl Ledger {
    pub(in crate::engine) fn new(probe: Arc<dyn MemoryProbe>, config: EngineConfig) -> Self {
        Self { probe, config, learnt: Mutex::new(None) }
    }

    pub(in crate::engine) fn needed_bytes(&self, header: &ModelHeader) -> u64 {
        self.learnt(header).unwrap_or_else(|| estimate::needed_bytes(header, &self.config))
    }

    /// Says no before a load that is sure to fail. Under a limit of its own the engine is to try, and the
    /// kernel says whether it fits, unless not even the weights do. Of the device's memory the process that will load
    /// has `before_bytes` already.
    pub(in crate::engine) fn fits(&self, header: &ModelHeader, before_bytes: u64) -> Result<(), Shortage> {
        let (needed_bytes, free_bytes) = (self.needed_bytes(header), self.free_bytes());
        let context = estimate::context_bytes(&self.config);
        // How large a context on a GPU is shows in the first one. Until then the engine looks, from within it.
        let context = if self.learnt(header).is_some() { before_bytes.min(context) } else { context };
        let wanted = needed_bytes.saturating_sub(context);
        let wanted = match self.config.memory_limit_bytes {
            Some(limit) => wanted.min(limit.max(header.bytes)),
            None => wanted,
        };
        if wanted <= free_bytes { Ok(()) } else { Err(Shortage { needed_bytes, free_bytes }) }
    }

    /// What there is to say after the engine ran out of memory: it needs more than there was, and more than its limit.
    pub(in crate::engine) fn ran_out(&self, header: &ModelHeader) -> Shortage {
        // A device that does not report its memory: there is no figure.
        let free_bytes = Some(self.free_bytes()).filter(|free| *free < u64::MAX).unwrap_or(0);
        let had = free_bytes.max(self.config.memory_limit_bytes.unwrap_or(0));
        let estimated = self.needed_bytes(header);
        // What was not enough is not enough for the next try either, though it goes up and down a little.
        let needed_bytes = if estimated > had { estimated } else { had.saturating_add(estimated / 8 + 1) };
        Shortage { needed_bytes, free_bytes }
    }

    /// Whether an engine that exited during a load probably did so for lack of memory.
    pub(in crate::engine) fn is_tight(&self, header: &ModelHeader) -> bool {
        self.config.memory_limit_bytes.is_some() || self.free_bytes() < self.needed_bytes(header)
    }

    /// Remembers the most memory that `holder` had with this model. Where the device keeps no account of that, it is
    /// what `holder` has now, between chunks, and what a chunk takes for itself.
    pub(in crate::engine) fn learn(&self, header: &ModelHeader, holder: Holder) {
        let reading = self.probe.read(Some(holder));
        let most = match (reading.peak_by_model_bytes, reading.used_by_model_bytes) {
            // A device that does not report its memory.
            (Some(0), _) | (None, 0) => return,
            (Some(peak), _) => peak,
            (None, used) => used + estimate::chunks_bytes(header, &self.config),
        };
        let needed = self.learnt(header).map_or(most, |known| known.max(most));
        debug!(needed_bytes = needed, "memory that the model needs");
        *self.learnt.lock().unwrap_or_else(PoisonError::into_inner) = Some((header.clone(), needed));
    }

    fn learnt(&self, header: &ModelHeader) -> Option<u64> {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.as_ref().filter(|(of, _)| of == header).map(|(_, bytes)| *bytes)
    }

    /// Memory that this process has already, of the kind that a model in it will take.
    pub(in crate::engine) fn used_by(&self, process: u32) -> u64 {
        self.probe.read(Some(Holder { process, before_bytes: 0 })).used_by_model_bytes
    }

    fn free_bytes(&self) -> u64 {
        self.probe.read(None).free_bytes
    }
}

impl From<Shortage> for LoadFailure {
    fn from(Shortage { needed_bytes, free_bytes }: Shortage) -> Self {
        Self::OutOfMemory { needed_bytes, free_bytes }
    }
}

impl From<Shortage> for EngineExit {
    fn from(Shortage { needed_bytes, free_bytes }: Shortage) -> Self {
        Self::OutOfMemory { needed_bytes, free_bytes }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use actors::ports::MemoryReading;

    use super::*;
    use crate::engine::model_file::ModelHeader;

    #[derive(Default)]
    struct Device {
        free_bytes: AtomicU64,
        peak_bytes: AtomicU64,
        /// Where no account is kept of the peak.
        used_bytes: AtomicU64,
    }

    impl MemoryProbe for Device {
        fn read(&self, holder: Option<Holder>) -> MemoryReading {
            let peak = self.peak_bytes.load(Ordering::SeqCst);
            MemoryReading {
                free_bytes: self.free_bytes.load(Ordering::SeqCst),
                used_by_model_bytes: self.used_bytes.load(Ordering::SeqCst),
                peak_by_model_bytes: holder.map(|_| peak).filter(|peak| *peak > 0),
                ..MemoryReading::default()
            }
        }
    }

    const HOLDER: Holder = Holder { process: 1, before_bytes: 0 };

    fn ledger(limit: Option<u64>) -> (Arc<Device>, Ledger, ModelHeader) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ggml-words-q8_0.bin");
        let config = EngineConfig { memory_limit_bytes: limit, ..EngineConfig::new(path, "words") };
        let device = Arc::new(Device::default());
        let header = ModelHeader::read(path.as_ref()).unwrap();
        (device.clone(), Ledger::new(device, config), header)
    }

    #[test]
    fn what_was_learnt_takes_the_place_of_the_estimate() {
        let (device, ledger, header) = ledger(None);
        let estimate = ledger.needed_bytes(&header);
        device.free_bytes.store(estimate - 1, Ordering::SeqCst);
        assert_eq!(
            ledger.fits(&header, 0),
            Err(Shortage { needed_bytes: estimate, free_bytes: estimate - 1 })
        );
        device.peak_bytes.store(60_000_000, Ordering::SeqCst);
        ledger.learn(&header, HOLDER);
        assert_eq!(ledger.fits(&header, 0), Ok(()));
        device.peak_bytes.store(50_000_000, Ordering::SeqCst);
        ledger.learn(&header, HOLDER);
        assert_eq!(ledger.needed_bytes(&header), 60_000_000, "the most counts");
        let other = ModelHeader { bytes: header.bytes + 1, ..header };
        assert!(ledger.needed_bytes(&other) >= estimate, "another file is another model");
    }

    #[test]
    fn a_device_that_keeps_no_account_is_asked_between_chunks() {
        let (device, ledger, header) = ledger(None);
        let estimate = ledger.needed_bytes(&header);
        ledger.learn(&header, HOLDER);
        assert_eq!(ledger.needed_bytes(&header), estimate, "a device that does not report its memory");
        device.used_bytes.store(30_000_000, Ordering::SeqCst);
        ledger.learn(&header, HOLDER);
        let chunks = ledger.needed_bytes(&header) - 30_000_000;
        assert!(chunks > 50_000_000 && chunks < estimate, "{chunks} of {estimate}");
    }

    #[test]
    fn what_ran_out_needs_more_than_there_was() {
        for limit in [None, Some(40_000_000), Some(1 << 40)] {
            for free in [0, 40_000_000, 1 << 50, u64::MAX] {
                let (device, ledger, header) = ledger(limit);
                device.free_bytes.store(free, Ordering::SeqCst);
                let Shortage { needed_bytes, free_bytes } = ledger.ran_out(&header);
                assert!(needed_bytes > free_bytes.max(limit.unwrap_or(0)), "{limit:?} {free}");
            }
        }
    }

    #[test]
    fn under_a_limit_only_what_is_sure_to_fail_is_not_tried() {
        for (limit, free, fits) in
            [(30_000_000, 30_000_000, true), (30_000_000, 20_000_000, false), (9_000_000, 9_000_000, false)]
        {
            let (device, ledger, header) = ledger(Some(limit));
            device.free_bytes.store(free, Ordering::SeqCst);
            assert_eq!(ledger.fits(&header, 0).is_ok(), fits, "limit {limit}, free {free}");
            let Shortage { needed_bytes, free_bytes } = ledger.ran_out(&header);
            assert!(needed_bytes > free_bytes && ledger.is_tight(&header));
        }
    }
}
