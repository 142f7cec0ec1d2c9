//! What webhooks say.

use serde_json::{Value, json};

use crate::domain::event::ModelEvent;
use crate::domain::job::{JobId, Status};
use crate::domain::time::Timestamp;

/// A message for receivers of webhooks.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookMessage {
    kind: &'static str,
    at: Timestamp,
    data: Value,
}

impl WebhookMessage {
    /// `None` for events that are not sent by webhook.
    pub fn of_model(event: &ModelEvent, at: Timestamp) -> Option<Self> {
        let data = match event {
            ModelEvent::ModelReady { load_secs } => json!({ "load_secs": load_secs }),
            ModelEvent::ModelUnloaded { reason } => json!({ "reason": reason }),
            ModelEvent::ModelLoading
            | ModelEvent::ModelUnloading { .. }
            | ModelEvent::ModelWaitingForGpu { .. }
            | ModelEvent::ModelFailed { .. } => return None,
        };
        Some(Self { kind: event.name(), at, data })
    }

    /// `None` for a job that has not ended.
    pub fn of_job(id: JobId, status: Status, at: Timestamp) -> Option<Self> {
        let kind = match status {
            Status::Completed => "job_completed",
            Status::Failed => "job_failed",
            Status::Cancelled => "job_cancelled",
            Status::Queued | Status::Running => return None,
        };
        let links = json!({ "job": format!("/jobs/{id}"), "transcript": format!("/jobs/{id}/transcript") });
        Some(Self { kind, at, data: json!({ "job_id": id, "status": status.name(), "links": links }) })
    }

    /// The body as it is sent, and signed.
    pub fn body(&self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.at.0).unwrap_or_default();
        json!({ "type": self.kind, "timestamp": at.to_string(), "data": self.data }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_s_message_names_it_and_has_no_transcript() {
        let id = JobId::new();
        let message = WebhookMessage::of_job(id, Status::Completed, Timestamp(0)).unwrap();
        let body: Value = serde_json::from_str(&message.body()).unwrap();
        assert_eq!(body["type"], "job_completed");
        assert_eq!(body["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(body["data"]["job_id"], id.to_string());
        assert_eq!(body["data"]["links"]["job"], format!("/jobs/{id}"));
        assert_eq!(body["data"].as_object().unwrap().len(), 3);
    }

    #[test]
    fn only_ready_and_unloaded_are_sent_of_the_model() {
        assert!(WebhookMessage::of_model(&ModelEvent::ModelReady { load_secs: 1.0 }, Timestamp(0)).is_some());
        assert!(WebhookMessage::of_model(&ModelEvent::ModelLoading, Timestamp(0)).is_none());
    }
}
