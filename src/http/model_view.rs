//! The model's status on the wire.

use std::time::Instant;

use actors::domain::model::models::ModelNo;
use actors::model::ModelStatus;
use actors::ports::ModelFacts;
use serde_json::{Value, json};

use super::service::Service;
use crate::wire_time::{rfc3339, secs};

/// `GET /model/status`: reads, asks nobody.
pub(super) fn status_json(service: &Service, status: &ModelStatus) -> Value {
    let wall = |at: Instant| rfc3339(service.clock.wall(at));
    let facts = status.facts();
    let memory = service.memory.read(facts.and_then(|facts| facts.holder));
    json!({
        "state": status.state().name(),
        "model": facts.map(model),
        "models": models(status),
        "device": facts.map(|facts| json!({ "backend": facts.device.backend, "name": facts.device.name })),
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

/// All that a job may ask for, the default one first.
fn models(status: &ModelStatus) -> Vec<Value> {
    let numbered = status.models.iter().enumerate();
    numbered
        .map(|(number, known)| {
            let mut view = model(&known.facts);
            view["default"] = json!(number == 0);
            view["state"] = json!(status.state_of(ModelNo(number)).name());
            view["error"] =
                json!(known.failure.as_ref().map(|f| json!({ "code": f.code, "message": f.message })));
            view
        })
        .collect()
}

fn model(facts: &ModelFacts) -> Value {
    json!({ "id": facts.id, "path": facts.path, "bytes": facts.bytes, "multilingual": facts.multilingual })
}
