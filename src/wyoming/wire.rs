//! Events on the wire.

use std::io;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest line that an event begins with.
const LONGEST_HEADER: usize = 64 * 1024;
/// Longest JSON behind it.
const LONGEST_DATA: usize = 256 * 1024;
/// Most bytes of an event: half a minute of speech. Clients send some milliseconds at a time.
const LONGEST_PAYLOAD: usize = 1024 * 1024;

/// An event with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Event {
    pub kind: String,
    pub data: Map<String, Value>,
    pub payload: Vec<u8>,
}

/// Why there is no next event. After any of these the connection is of no use.
#[derive(Debug, Error)]
pub(super) enum Unreadable {
    #[error("the event's {part} is longer than {limit} bytes")]
    TooLong { part: &'static str, limit: usize },
    #[error("an event must begin with a line of JSON that has a \"type\": {0}")]
    NoEvent(#[from] serde_json::Error),
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

#[derive(Deserialize)]
struct Header {
    r#type: String,
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    data_length: Option<usize>,
    #[serde(default)]
    payload_length: Option<usize>,
}

impl Event {
    pub(super) fn new(kind: &str, data: Value) -> Self {
        let data = match data {
            Value::Object(data) => data,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Map::new()
            }
        };
        Self { kind: kind.to_owned(), data, payload: vec![] }
    }

    /// The next event; `None` where the other side has closed the connection between two of them.
    ///
    /// # Cancel safety
    /// None: a part of an event may be lost.
    pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>, Unreadable> {
        let mut line = Vec::new();
        let mut limited = (&mut *from).take(LONGEST_HEADER as u64 + 1);
        limited.read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.len() > LONGEST_HEADER {
            return Err(Unreadable::TooLong { part: "header", limit: LONGEST_HEADER });
        }
        if !line.ends_with(b"\n") {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let header: Header = serde_json::from_slice(&line)?;
        let mut data = header.data.unwrap_or_default();
        let more = bytes(from, "data", header.data_length, LONGEST_DATA).await?;
        if !more.is_empty() {
            data.extend(serde_json::from_slice::<Map<String, Value>>(&more)?);
        }
        let payload = bytes(from, "payload", header.payload_length, LONGEST_PAYLOAD).await?;
        Ok(Some(Self { kind: header.r#type, data, payload }))
    }

    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let data = serde_json::to_vec(&self.data)?;
        let header = json!({
            "type": self.kind, "data_length": data.len(), "payload_length": self.payload.len(),
        });
        let header = format!("{header}\n");
        to.write_all(&[header.as_bytes(), &data, &self.payload].concat()).await?;
        to.flush().await
    }
}

async fn bytes(
    from: &mut (impl AsyncBufRead + Unpin),
    part: &'static str,
    length: Option<usize>,
    limit: usize,
) -> Result<Vec<u8>, Unreadable> {
    let length = length.unwrap_or(0);
    if length > limit {
        return Err(Unreadable::TooLong { part, limit });
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut wire: &[u8]) -> Result<Option<Event>, Unreadable> {
        Event::read(&mut wire).await
    }

    #[actix_rt::test]
    async fn what_is_written_is_read_and_nothing_after_it() {
        let mut event = Event::new("audio-chunk", json!({ "rate": 16000, "text": "ä\n" }));
        event.payload = vec![1, 2, b'\n', 4];
        let mut wire = vec![];
        event.write(&mut wire).await.unwrap();
        Event::new("audio-stop", Value::Null).write(&mut wire).await.unwrap();
        let mut wire = &wire[..];
        assert_eq!(Event::read(&mut wire).await.unwrap(), Some(event));
        assert_eq!(Event::read(&mut wire).await.unwrap().unwrap().kind, "audio-stop");
        assert_eq!(Event::read(&mut wire).await.unwrap(), None);
    }

    #[actix_rt::test]
    async fn data_may_stand_in_the_header_behind_it_or_in_both() {
        let wire = b"{\"type\":\"a\",\"data\":{\"x\":1,\"y\":1},\"data_length\":7}\n{\"y\":2}";
        let event = read(wire).await.unwrap().unwrap();
        assert_eq!(Value::Object(event.data), json!({ "x": 1, "y": 2 }));
        let bare =
            read(b"{\"type\":\"describe\",\"version\":\"1.0\",\"data\":null}\n").await.unwrap().unwrap();
        assert_eq!(bare, Event::new("describe", Value::Null));
    }

    #[actix_rt::test]
    async fn what_is_no_event_or_too_long_is_refused_before_it_is_read() {
        for wire in [&b"\n"[..], b"hello\n", b"{}\n", b"[1]\n", b"{\"type\":7}\n"] {
            assert!(matches!(read(wire).await, Err(Unreadable::NoEvent(_))), "{wire:?}");
        }
        assert!(matches!(read(b"{\"type\":\"a\",\"data_length\":-1}\n").await, Err(Unreadable::NoEvent(_))));
        assert!(matches!(read(b"{\"type\":\"a\",\"data_length\":2}\n[]").await, Err(Unreadable::NoEvent(_))));
        let long = vec![b' '; 2 * LONGEST_HEADER];
        assert!(matches!(read(&long).await, Err(Unreadable::TooLong { part: "header", .. })));
        for (name, part) in [("data_length", "data"), ("payload_length", "payload")] {
            let wire = format!("{{\"type\":\"a\",\"{name}\":99999999999}}\n");
            let refused = read(wire.as_bytes()).await;
            assert!(matches!(refused, Err(Unreadable::TooLong { part: p, .. }) if p == part), "{refused:?}");
        }
    }

    #[actix_rt::test]
    async fn a_connection_that_ends_inside_an_event_is_broken() {
        for wire in [&b"{\"type\":"[..], b"{\"type\":\"a\",\"payload_length\":3}\nab"] {
            assert!(matches!(read(wire).await, Err(Unreadable::Broken(_))), "{wire:?}");
        }
    }
}
