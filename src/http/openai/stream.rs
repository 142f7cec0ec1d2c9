//! `stream=true`: the text as it is decoded.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, Responder};
use actix_web_lab::sse;
use actors::domain::event::JobEvent;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::extras::{Extras, Logprobs};
use super::languages::languages;
use crate::error::AppError;
use crate::http::intake::client_socket::forget_socket;
use crate::http::job_wait::JobWait;
use crate::http::routes::events::unbuffered;
use crate::transcript::logprobs_json;
use crate::wire_time::secs;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Deltas, one for each segment, then the whole text, which the deltas make up. Progress is in comments. When the job
/// fails the error is the last message.
pub(super) fn respond(request: &HttpRequest, awaited: JobWait, extras: Extras) -> HttpResponse {
    forget_socket(request);
    let (sender, receiver) = mpsc::unbounded_channel();
    actix_web::rt::spawn(send_events(awaited, extras, sender));
    let events = stream::unfold(receiver, |mut receiver| async move {
        let event: sse::Event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    let body = sse::Sse::from_stream(events).with_keep_alive(KEEP_ALIVE);
    unbuffered(body.respond_to(request).map_into_boxed_body())
}

async fn send_events(awaited: JobWait, extras: Extras, sender: mpsc::UnboundedSender<sse::Event>) {
    let mut so_far = SoFar::default();
    let mut sure = Vec::new();
    // A dropped receiver is noticed below.
    let say = |data: Value| {
        let name = data.get("type").and_then(Value::as_str).unwrap_or("error").to_owned();
        drop(sender.send(sse::Event::Data(sse::Data::new(data.to_string()).event(name))));
    };
    let Extras { logprobs, segments } = extras;
    let ended = awaited.until_over(|event| match event {
        JobEvent::Segment { segment, .. } => {
            so_far.tokens += segment.decoding.tokens.len();
            let mut message = json!({ "type": "transcript.text.delta" });
            if let (Logprobs::Included, Value::Array(tokens)) = (logprobs, logprobs_json([segment])) {
                sure.extend(tokens.iter().cloned());
                message["logprobs"] = tokens.into();
            }
            if let Some(delta) = so_far.add(&segment.text) {
                message["delta"] = delta.into();
                say(message);
            }
            if segments {
                say(json!({
                    "type": "transcript.text.segment",
                    "id": format!("seg_{}", segment.id),
                    "start": secs(segment.start),
                    "end": secs(segment.end),
                    "text": segment.text,
                    // The schema requires a name; one channel is one speaker.
                    "speaker": segment.channel.map_or_else(String::new, |channel| channel.to_string()),
                }));
            }
        }
        JobEvent::Progress { percent, .. } => {
            drop(sender.send(sse::Event::Comment(format!("{percent} %").into())));
        }
        JobEvent::Queued
        | JobEvent::Started { .. }
        | JobEvent::LanguageDetected { .. }
        | JobEvent::Completed
        | JobEvent::Failed { .. }
        | JobEvent::Cancelled
        | JobEvent::Requeued { .. } => {}
    });
    let ended: Result<_, AppError> = tokio::select! {
        ended = ended => ended,
        () = sender.closed() => return,
    };
    match ended {
        Ok(job) => {
            let usage = so_far.usage(job.audio.duration_secs.unwrap_or_default());
            let mut message = json!({ "type": "transcript.text.done", "text": so_far.text });
            message["languages"] = json!(languages(job.language));
            message["usage"] = usage;
            if logprobs == Logprobs::Included {
                message["logprobs"] = sure.into();
            }
            say(message);
        }
        Err(error) => say(error.body()),
    }
}

/// The text sent so far, without space at its ends.
#[derive(Debug, Default)]
struct SoFar {
    text: String,
    /// Space at the end of the last segment: sent with the next one.
    space: String,
    tokens: usize,
}

/// What the model makes of a second of audio.
const POSITIONS_PER_SEC: f64 = 50.0;

impl SoFar {
    /// The text that a segment adds.
    fn add(&mut self, segment: &str) -> Option<String> {
        let more = format!("{}{segment}", std::mem::take(&mut self.space));
        let more = if self.text.is_empty() { more.trim_start() } else { &more };
        let text = more.trim_end();
        self.space = more[text.len()..].to_owned();
        self.text.push_str(text);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// In tokens, which is all that this message has a place for: the model's positions of audio, and its tokens of text.
    fn usage(&self, duration_secs: f64) -> Value {
        let (input, output) = ((duration_secs * POSITIONS_PER_SEC).ceil() as usize, self.tokens);
        json!({ "type": "tokens", "input_tokens": input, "output_tokens": output, "total_tokens": input + output })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_make_up_the_text_without_space_at_its_ends() {
        let mut so_far = SoFar::default();
        let segments = ["  ", " One", " two. ", "", " Three.\n"];
        let deltas: Vec<_> = segments.iter().filter_map(|segment| so_far.add(segment)).collect();
        assert_eq!(deltas, ["One", " two.", "  Three."]);
        assert_eq!(deltas.concat(), so_far.text);
        assert_eq!(so_far.text, segments.concat().trim());
    }
}
