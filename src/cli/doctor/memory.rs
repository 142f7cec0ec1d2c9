//! The device's memory against what the model is estimated to need.

use std::path::Path;

use actors::ports::MemoryReading;
use indicatif::DecimalBytes;

use super::finding::Finding;
use crate::compose;
use crate::engine::{self, EngineConfig};
use crate::settings::Settings;

const CHECK: &str = "memory";

pub(super) fn check(settings: &Settings) -> Finding {
    check_for(settings, &settings.model_file().1)
}

/// For the model of that file.
pub(super) fn check_for(settings: &Settings, model: &Path) -> Finding {
    let config = EngineConfig { model_path: model.to_owned(), ..compose::engine_config(settings) };
    let needed_bytes = engine::needed_bytes(&config).ok();
    judge(needed_bytes, &compose::memory(settings).read(None))
}

/// `needed_bytes` is `None` while the model's file cannot be read.
fn judge(needed_bytes: Option<u64>, memory: &MemoryReading) -> Finding {
    let (total, free) = (DecimalBytes(memory.total_bytes), DecimalBytes(memory.free_bytes));
    let Some(needed_bytes) = needed_bytes else {
        return Finding::ok(
            CHECK,
            format!("{free} of {total} free; what the model needs shows once its file is there"),
        );
    };
    let needed = DecimalBytes(needed_bytes);
    if memory.free_bytes == u64::MAX {
        return Finding::ok(
            CHECK,
            format!("the model needs about {needed}; the device does not report its memory"),
        );
    }
    if needed_bytes > memory.total_bytes {
        return Finding::error(
            CHECK,
            format!("the model needs about {needed}, and there are {total} in all"),
            "choose a smaller model, or lower [engine] batch_size and workers",
        );
    }
    if needed_bytes > memory.free_bytes {
        return Finding::warning(
            CHECK,
            format!(
                "the model needs about {needed}, and {free} of {total} are free: jobs wait until there is room"
            ),
            "end other programs, or choose a smaller model",
        );
    }
    Finding::ok(CHECK, format!("the model needs about {needed}; {free} of {total} are free"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn little_free_memory_is_a_warning_and_too_little_an_error() {
        let memory = MemoryReading { total_bytes: 8_000, free_bytes: 4_000, ..MemoryReading::default() };
        let level = |needed| judge(needed, &memory).level;
        assert_eq!(
            [level(None), level(Some(4_000)), level(Some(4_001)), level(Some(8_001))],
            [Level::Ok, Level::Ok, Level::Warning, Level::Error]
        );
        let silent = MemoryReading { free_bytes: u64::MAX, ..MemoryReading::default() };
        assert_eq!(judge(Some(1), &silent).level, Level::Ok);
    }
}
