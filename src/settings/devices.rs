//! `[[devices]]`: the one section that is a list.

use std::collections::BTreeSet;

use config::{Value, ValueKind};

use super::bounds;
use super::device::Device;
use super::error::Problem;
use super::layer::Table;
use super::schema::Settings;
use super::values::{self, MAX_NAME_BYTES};

pub const SECTION: &str = "devices";

/// Each has an engine's process of its own.
const MAX_DEVICES: usize = 64;
/// Those of `[engine]` that a device may have for itself.
const OF_ENGINE: [&str; 4] = ["use_gpu", "gpu_device", "threads", "memory_limit_bytes"];

impl Settings {
    /// As they are for one of the devices.
    pub fn for_device(&self, device: &Device) -> Self {
        let mut settings = Self { devices: vec![], ..self.clone() };
        let engine = &mut settings.engine;
        engine.use_gpu = device.use_gpu.unwrap_or(engine.use_gpu);
        engine.gpu_device = device.gpu_device.unwrap_or(engine.gpu_device);
        engine.threads = device.threads.unwrap_or(engine.threads);
        engine.memory_limit_bytes = device.memory_limit_bytes.unwrap_or(engine.memory_limit_bytes);
        settings
    }
}

/// What is wrong with the list as it is written.
pub fn faults(list: &Value, defaults: &Table) -> Vec<Problem> {
    let origin = values::origin(list);
    let ValueKind::Array(devices) = &list.kind else {
        let (key, found) = (SECTION.to_owned(), values::found(&list.kind));
        return vec![Problem::WrongType {
            key,
            expected: "a list of tables, each [[devices]]",
            found,
            origin,
        }];
    };
    let of_device = |(number, device): (usize, &Value)| {
        let path = format!("{SECTION}[{number}]");
        let ValueKind::Table(keys) = &device.kind else {
            let found = values::found(&device.kind);
            return vec![Problem::WrongType {
                key: path,
                expected: "a table",
                found,
                origin: origin.clone(),
            }];
        };
        let faults = keys
            .iter()
            .filter_map(|(key, value)| fault(&format!("{path}.{key}"), key, value, &origin, defaults));
        let nameless = || Problem::Refused {
            key: path.clone(),
            message: "needs a name".to_owned(),
            origin: origin.clone(),
        };
        faults.chain((!keys.contains_key("name")).then(nameless)).collect()
    };
    devices.iter().enumerate().flat_map(of_device).collect()
}

fn fault(path: &str, key: &str, value: &Value, origin: &str, defaults: &Table) -> Option<Problem> {
    let value = Value::new(Some(&origin.to_owned()), value.kind.clone());
    let default = match key {
        "name" => &ValueKind::String(String::new()),
        "models" => &ValueKind::Array(vec![]),
        key if OF_ENGINE.contains(&key) => &values::lookup(defaults, "engine", key)?.kind,
        _ => {
            let hint = format!("a device has name, models, {}", OF_ENGINE.join(", "));
            return Some(Problem::UnknownKey { key: path.to_owned(), origin: origin.to_owned(), hint });
        }
    };
    bounds::fault(path, &format!("engine.{key}"), default, &value)
}

/// What is wrong with the devices beside each other, and with the rest of the settings.
pub fn clashes(settings: &Settings, merged: &Table) -> Vec<Problem> {
    let origin = merged.get(SECTION).map_or("default".to_owned(), values::origin);
    let models: BTreeSet<_> = settings.model_files().into_iter().map(|(name, _)| name).collect();
    let mut names = BTreeSet::new();
    let mut faults = Vec::new();
    for (number, device) in settings.devices.iter().enumerate() {
        let key = |key: &str| format!("{SECTION}[{number}].{key}");
        let name = device.name.as_str();
        if !values::is_name(name) || name.is_empty() || name == "*" {
            faults.push((
                key("name"),
                format!("{name:?} is not a name; use 1 to {MAX_NAME_BYTES} bytes without control characters"),
            ));
        } else if !names.insert(name) {
            faults.push((key("name"), format!("another device has the name {name:?}; choose another")));
        }
        for unknown in device.models.iter().filter(|model| !models.contains(*model)) {
            let known = models.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            faults.push((
                key("models"),
                format!("model {unknown:?} is not in the settings; use one of: {known}"),
            ));
        }
    }
    let runs = |model: &String| {
        settings.devices.iter().any(|device| device.models.is_empty() || device.models.contains(model))
    };
    if !settings.devices.is_empty() {
        let without = models.iter().filter(|model| !runs(model));
        faults.extend(without.map(|model| {
            (
                SECTION.to_owned(),
                format!("no device runs the model {model:?}; add it to the models of a device"),
            )
        }));
        if settings.devices.len() > MAX_DEVICES {
            faults.push((SECTION.to_owned(), format!("must be at most {MAX_DEVICES}")));
        }
        if settings.storage.postgres().is_some() && !settings.storage.blobs.is_empty() {
            let message =
                "must be empty where several services share a database: start one service for each device";
            faults.push((SECTION.to_owned(), message.to_owned()));
        }
    }
    let refused = |(key, message)| Problem::Refused { key, message, origin: origin.clone() };
    faults.into_iter().map(refused).collect()
}
