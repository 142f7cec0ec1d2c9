//! Types and bounds of single values.

use config::{Value, ValueKind};

use super::error::Problem;
use super::values::{expected, found, origin};

/// Bounds of every number, both ends allowed. Sizes in bytes go as far as the type.
pub const BOUNDS: [(&str, f64, f64); 38] = [
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
    ("decode.beam_size", 0.0, 8.0),
    ("decode.best_of", 1.0, 8.0),
    ("decode.max_decodes", 1.0, 4.0),
    ("decode.unvoiced_logprob_thold", -100.0, 0.0),
    ("decode.doubtful_no_speech_thold", 0.0, 1.0),
    ("webhooks.timeout_secs", 1.0, 300.0),
    ("fetch.timeout_secs", 1.0, 86_400.0),
    ("openai.wait_secs", 1.0, 86_400.0),
    ("openai.join_secs", 0.0, 86_400.0),
    ("wyoming.port", 0.0, 65_535.0),
    ("wyoming.max_connections", 1.0, 1_000.0),
];
/// 2^53: every whole number up to here is exact in JSON, too.
const BYTES: f64 = 9_007_199_254_740_992.0;

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
