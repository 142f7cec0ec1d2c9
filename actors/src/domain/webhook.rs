//! Webhook messages and their subscribers.

pub mod retry;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use super::event::{ModelEvent, OfModel, UnloadReason};
use super::jobs::job::{JobId, Status};
use super::time::Timestamp;

/// A message's name, the same on every try: receivers recognise by it what they have received already.
/// `msg_` and a UUID of version 7, so that names sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub Uuid);

impl MessageId {
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for MessageId {
    fn default() -> Self {
        Self::new()
    }
}

const ID_PREFIX: &str = "msg_";

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ID_PREFIX}{}", self.0.simple())
    }
}

impl FromStr for MessageId {
    type Err = NoMessageId;

    /// Takes exactly what `Display` writes.
    fn from_str(text: &str) -> Result<Self, NoMessageId> {
        let id = text.strip_prefix(ID_PREFIX).and_then(|hex| Uuid::try_parse(hex).ok()).map(Self);
        id.filter(|id| id.to_string() == text).ok_or(NoMessageId)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message's id is msg_ and 32 hexadecimal digits")]
pub struct NoMessageId;

/// A message to a subscriber. The port decides how it is serialised.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub kind: &'static str,
    pub at: Timestamp,
    pub data: Data,
}

/// A message's `data`: where to look, never a transcript.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    ModelReady {
        model: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        worker: Option<String>,
        load_secs: f64,
    },
    ModelUnloaded {
        model: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        worker: Option<String>,
        reason: UnloadReason,
    },
    JobEnded {
        job_id: JobId,
        status: Status,
        links: Links,
    },
    Test {
        webhook_id: Uuid,
    },
}

/// Paths on the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Links {
    pub job: String,
    pub transcript: String,
}

impl Message {
    /// `None` for events that are not sent by webhook.
    pub fn of_model(OfModel { model, worker, event }: &OfModel, at: Timestamp) -> Option<Self> {
        let (model, worker) = (model.clone(), worker.clone());
        let data = match event {
            ModelEvent::ModelReady { load_secs } => Data::ModelReady { model, worker, load_secs: *load_secs },
            ModelEvent::ModelUnloaded { reason } => Data::ModelUnloaded { model, worker, reason: *reason },
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
        let links = Links { job: format!("/jobs/{id}"), transcript: format!("/jobs/{id}/transcript") };
        Some(Self { kind, at, data: Data::JobEnded { job_id: id, status, links } })
    }

    /// A message without data, to test that messages arrive.
    pub fn test(webhook_id: Uuid, at: Timestamp) -> Self {
        Self { kind: "webhook_test", at, data: Data::Test { webhook_id } }
    }
}

/// The secret that a message is signed with: `whsec_` and base64. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for signing and for the store: never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A key that a message is signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKey {
    /// The service's own, where it has one.
    Service,
    /// The subscriber's.
    Own(Secret),
}

/// Host and port of a URL as [`Message`]s are addressed: normalised, with a scheme and without
/// credentials. What is not of that form counts as one host of its own.
pub fn host_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split(['/', '?', '#']).next().unwrap_or(after_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_s_message_names_it_and_has_no_transcript() {
        let id = JobId::new();
        let message = Message::of_job(id, Status::Completed, Timestamp(0)).unwrap();
        assert_eq!(message.kind, "job_completed");
        let Data::JobEnded { job_id, status, links } = message.data else { panic!("it is of a job") };
        assert_eq!((job_id, status), (id, Status::Completed));
        assert_eq!(links.transcript, format!("/jobs/{id}/transcript"));
        assert_eq!(Message::of_job(id, Status::Running, Timestamp(0)), None);
    }

    #[test]
    fn only_ready_and_unloaded_are_sent_of_the_model() {
        assert!(Message::of_model(&ModelEvent::ModelReady { load_secs: 1.0 }.into(), Timestamp(0)).is_some());
        assert!(Message::of_model(&ModelEvent::ModelLoading.into(), Timestamp(0)).is_none());
    }

    #[test]
    fn ids_are_read_back_and_nothing_else_is_one() {
        let id = MessageId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        let uuid = id.0.hyphenated().to_string();
        for text in ["", "msg_", "msg_1", &uuid, &format!("msg_{uuid}"), &id.to_string().to_uppercase()] {
            assert_eq!(text.parse::<MessageId>(), Err(NoMessageId), "{text}");
        }
    }

    #[test]
    fn a_host_is_what_stands_between_the_scheme_and_the_path() {
        for (url, host) in [
            ("http://receiver.example/hook", "receiver.example"),
            ("https://receiver.example:8443/", "receiver.example:8443"),
            ("http://[::1]:9/a?b=http://c/", "[::1]:9"),
            ("http://a?x", "a"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let key = SigningKey::Own(Secret::new("whsec_hush"));
        assert!(!format!("{key:?}").contains("hush"));
    }
}
