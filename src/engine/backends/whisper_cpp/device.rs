//! Where whisper.cpp runs a model.

use actors::ports::Device;

use super::raw;
use crate::engine::{EngineConfig, cpu_name};

/// The device that whisper.cpp will choose: the GPU of that number, and the CPU without a warning when
/// there is no GPU. With it the GPU's free memory, if its driver reports that.
pub(super) fn device(config: &EngineConfig) -> (Device, Option<u64>) {
    let devices = raw::devices();
    let gpu = devices.iter().filter(|device| device.gpu).nth(config.gpu_device as usize);
    if let Some(gpu) = gpu.filter(|_| config.use_gpu) {
        let device = Device { backend: backend_of(&gpu.name), name: gpu.description.clone() };
        return (device, gpu.free_bytes);
    }
    let cpu = devices.into_iter().find(|device| !device.gpu && device.name == "CPU");
    let name = cpu.map(|cpu| cpu.description).filter(|name| !name.is_empty() && name != "CPU");
    (Device { backend: "cpu".into(), name: name.unwrap_or_else(cpu_name) }, None)
}

fn backend_of(name: &str) -> String {
    let family: String = name.chars().take_while(|c| c.is_alphabetic()).collect();
    match family.to_ascii_lowercase().as_str() {
        "rocm" => "hip".into(),
        family => family.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_named_after_their_devices() {
        assert_eq!(
            ["CUDA0", "Vulkan1", "ROCm0", "Metal"].map(backend_of),
            ["cuda", "vulkan", "hip", "metal"]
        );
    }
}
