//! Checks of a layer: known keys, values of the default's type and within bounds.

use config::{Value, ValueKind};

use super::devices;
use super::error::Problem;
use super::layer::Table;
use super::models;
use super::values::{expected, found, hint, origin, section_of};

/// Bounds of every number, both ends allowed. Sizes in bytes go as far as the type.
pub const BOUNDS: [(&str, f64, f64); 37] = [
    ("server.port", 0.0, 65_535.0),
    ("server.max_upload_bytes", 1.0, BYTES),
    ("server.shutdown_secs", 0.0, 3_600.0),
    ("server.keep_alive_secs", 1.0, 86_400.0),
    ("limits.requests_per_minute", 0.0, 1_000_000.0),
    ("limits.min_upload_bytes_per_sec", 0.0, BYTES),
    ("limits.max_event_streams", 1.0, 1_000_000.0),
    ("limits.max_event_streams_per_caller", 0.0, 1_000_000.0),
    ("limits.stalled_client_secs", 1.0, 86_400.0),
    ("storage.cache_bytes", 0.0, BYTES),
    ("storage.keep_days", 0.0, 36_500.0),
    ("model.idle_timeout_secs", -1.0, 315_360_000.0),
    ("model.gpu_poll_interval_secs", 1.0, 86_400.0),
    ("model.unload_hold_secs", 0.0, 86_400.0),
    ("engine.workers", 1.0, 64.0),
    ("engine.threads", 0.0, 1_024.0),
    ("engine.batch_size", 0.0, 64.0),
    ("engine.memory_limit_bytes", 0.0, BYTES),
    ("engine.hang_secs", 60.0, 86_400.0),
    ("engine.gpu_device", 0.0, 63.0),
    ("gpu.yield_below_free_bytes", 0.0, BYTES),
    ("jobs.max_queued", 1.0, 1_000_000.0),
    ("audio.max_secs", 1.0, 31_536_000.0),
    ("decode.entropy_thold", 0.0, 10.0),
    ("decode.loop_entropy", 0.0, 10.0),
    ("decode.no_speech_thold", 0.0, 1.0),
    ("decode.logprob_thold", -100.0, 0.0),
    // The engine has at most eight decoders.
    ("decode.beam_size", 1.0, 8.0),
    ("decode.best_of", 1.0, 8.0),
    ("decode.max_decodes", 1.0, 4.0),
    ("decode.unvoiced_logprob_thold", -100.0, 0.0),
    ("webhooks.timeout_secs", 1.0, 300.0),
    ("fetch.timeout_secs", 1.0, 86_400.0),
    ("openai.wait_secs", 1.0, 86_400.0),
    ("openai.join_secs", 0.0, 86_400.0),
    ("wyoming.port", 0.0, 65_535.0),
    ("wyoming.max_connections", 1.0, 1_000.0),
];
/// 2^53: every whole number up to here is exact in JSON, too.
const BYTES: f64 = 9_007_199_254_740_992.0;

/// Moves what is wrong in `layer` from there to `problems`: what stays has the shape of `defaults`.
pub fn admit(defaults: &Table, layer: &mut Table, problems: &mut Vec<Problem>) {
    layer.retain(|section, value| {
        if section == devices::SECTION {
            let faults = devices::faults(value, defaults);
            let is_right = faults.is_empty();
            problems.extend(faults);
            return is_right;
        }
        let Some(known) = section_of(defaults, section) else {
            problems.push(unknown(section, value, hint(defaults, section)));
            return false;
        };
        let origin = origin(value);
        let ValueKind::Table(keys) = &mut value.kind else {
            let found = found(&value.kind);
            problems.push(Problem::WrongType {
                key: section.clone(),
                expected: "a section with keys",
                found,
                origin,
            });
            return false;
        };
        keys.retain(|key, value| {
            let path = format!("{section}.{key}");
            let problem = match known.get(key) {
                _ if section == models::SECTION => models::fault(key, value),
                Some(default) => fault(&path, &path, &default.kind, value),
                None => Some(unknown(&path, value, hint(defaults, section))),
            };
            problem.map(|problem| problems.push(problem)).is_none()
        });
        true
    });
}

/// What is wrong with the value at `path`, whose bounds are those of the key `bounded_as`.
pub fn fault(path: &str, bounded_as: &str, default: &ValueKind, value: &Value) -> Option<Problem> {
    if !same_type(default, &value.kind) {
        let (expected, found) = (expected(default), found(&value.kind));
        return Some(Problem::WrongType { key: path.to_owned(), expected, found, origin: origin(value) });
    }
    let number = number(&value.kind)?;
    let (_, least, most) = BOUNDS.into_iter().find(|(key, ..)| *key == bounded_as)?;
    if (least..=most).contains(&number) {
        return None;
    }
    Some(Problem::OutOfRange { key: path.to_owned(), least, most, value: number, origin: origin(value) })
}

fn unknown(path: &str, value: &Value, hint: String) -> Problem {
    Problem::UnknownKey { key: path.to_owned(), origin: origin(value), hint }
}

/// A whole number will do where a fraction may stand; nothing else is converted.
fn same_type(default: &ValueKind, given: &ValueKind) -> bool {
    match (default, given) {
        (ValueKind::String(_), ValueKind::String(_)) => true,
        (ValueKind::Boolean(_), ValueKind::Boolean(_)) => true,
        (ValueKind::Float(_), given) => number(given).is_some(),
        (ValueKind::I64(_), ValueKind::Float(_)) => false,
        (ValueKind::I64(_), given) => number(given).is_some(),
        (ValueKind::Array(_), ValueKind::Array(items)) => {
            items.iter().all(|item| matches!(item.kind, ValueKind::String(_)))
        }
        _ => false,
    }
}

fn number(kind: &ValueKind) -> Option<f64> {
    match kind {
        ValueKind::I64(n) => Some(*n as f64),
        ValueKind::U64(n) => Some(*n as f64),
        ValueKind::I128(n) => Some(*n as f64),
        ValueKind::U128(n) => Some(*n as f64),
        ValueKind::Float(n) => Some(*n),
        _ => None,
    }
}
