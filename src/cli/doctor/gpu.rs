//! The GPU: whether this build uses one, and whether one is there.

use super::finding::Finding;
use crate::compose;
use crate::memory::{NvidiaGpu, NvidiaMemory};
use crate::settings::Settings;

const CHECK: &str = "gpu";

pub(super) fn check(settings: &Settings) -> Finding {
    let number = settings.engine.gpu_device;
    let gpu = NvidiaMemory::find(number).and_then(|gpu| gpu.gpu());
    judge(compose::engine_config(settings).gpu_backend(), settings.engine.use_gpu, number, gpu)
}

/// `backend` is the one that this build runs models on; `gpu` what an NVIDIA driver lists under the number.
fn judge(backend: Option<&str>, use_gpu: bool, number: u32, gpu: Option<NvidiaGpu>) -> Finding {
    match (backend, gpu) {
        (Some("cuda"), Some(gpu)) => {
            Finding::ok(CHECK, format!("{}, driver {}: models run on it", gpu.name, gpu.driver))
        }
        (Some("cuda"), None) => Finding::warning(
            CHECK,
            format!("no NVIDIA GPU {number}, or no driver for it: models run on the CPU"),
            "install NVIDIA's driver and see that `nvidia-smi` lists the GPU, in a container too; or set [engine] use_gpu = false",
        ),
        (Some(backend), _) => Finding::ok(
            CHECK,
            format!("models run by {backend}; whether it finds a GPU shows at the first load"),
        ),
        (None, Some(gpu)) if use_gpu => Finding::warning(
            CHECK,
            format!("{}, driver {}, is not used: this build is for CPUs", gpu.name, gpu.driver),
            "build with `cargo build --release --features cuda`",
        ),
        (None, Some(_)) => Finding::ok(CHECK, "models run on the CPU, as [engine] use_gpu = false asks for"),
        (None, None) => Finding::ok(CHECK, "models run on the CPU"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn card() -> Option<NvidiaGpu> {
        Some(NvidiaGpu { name: "NVIDIA H100".into(), driver: "580.1".into() })
    }

    #[test]
    fn a_gpu_that_is_not_used_or_not_there_is_a_warning() {
        assert_eq!(judge(Some("cuda"), true, 0, card()).level, Level::Ok);
        assert!(judge(Some("cuda"), true, 0, card()).detail.contains("NVIDIA H100, driver 580.1"));
        assert_eq!(judge(Some("cuda"), true, 0, None).level, Level::Warning);
        assert_eq!(judge(Some("vulkan"), true, 0, None).level, Level::Ok);
        assert!(judge(None, true, 0, card()).advice.unwrap().contains("--features cuda"));
        assert_eq!(judge(None, false, 0, card()).level, Level::Ok);
        assert_eq!(judge(None, true, 0, None).level, Level::Ok);
    }
}
