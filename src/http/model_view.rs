//! The model's status on the wire.

use std::time::Instant;

use actors::model::ModelStatus;
use serde_json::{Value, json};

use super::service::Service;
use crate::wire_time::{rfc3339, secs};

/// `GET /model/status`: reads, asks nobody.
pub(super) fn status_json(service: &Service, status: &ModelStatus) -> Value {
    let wall = |at: Instant| rfc3339(service.clock.wall(at));
    let facts = &status.facts;
    let memory = service.memory.read(facts.holder);
    json!({
        "state": status.state().name(),
        "model": {
            "id": facts.id, "path": facts.path, "bytes": facts.bytes, "multilingual": facts.multilingual,
        },
        "device": { "backend": facts.device.backend, "name": facts.device.name },
        "memory": {
            "total_bytes": memory.total_bytes,
            "free_bytes": memory.free_bytes,
            "used_by_model_bytes": memory.used_by_model_bytes,
            "residual_bytes": status.residual_bytes,
        },
        "idle": {
            "timeout_secs": status.idle_timeout.secs(),
            "for_secs": status.idle_since().map(|since| secs(since.elapsed().as_secs_f64())),
            "unloads_at": status.unloads_at.map(wall),
        },
        "waiting": status.shortage().map(|s| json!({
            "needed_bytes": s.needed_bytes,
            "free_bytes": s.free_bytes,
            "attempts": s.attempts,
            "next_retry_at": wall(s.next_retry_at),
        })),
        "error": status.failure().map(|f| json!({ "code": f.code, "message": f.message })),
        "since": wall(status.since),
        "held_until": status.held_until().map(wall),
    })
}
