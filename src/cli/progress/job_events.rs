//! The events of a server's job as progress.

use serde::Deserialize;

use super::meter::Meter;
use super::step::Step;
use crate::client::{ErrorSeen, News};

#[derive(Deserialize)]
struct SegmentEvent {
    segment: SegmentSeen,
}

#[derive(Deserialize)]
struct SegmentSeen {
    id: u32,
    text: String,
    /// Channels are transcribed one after the other, and their text is put in order at the end.
    channel: Option<u32>,
}

#[derive(Deserialize)]
struct WaitingEvent {
    waiting_for: Option<ErrorSeen>,
}

/// Events of kinds that a newer server may send are passed over.
pub(in crate::cli) fn show(news: News<'_>, meter: &Meter) {
    let (name, data) = match news {
        News::Event { name, data } => (name, data),
        News::Length { secs } => return meter.length(secs),
        News::Lost => return meter.say("connection lost, trying again"),
    };
    match name {
        "queued" => meter.say("waiting for the model and for jobs before this one"),
        "started" => meter.say("reading"),
        "requeued" => meter.say("back in the queue"),
        // Something to act on, so it is shown however progress is.
        "waiting" => {
            if let Ok(WaitingEvent { waiting_for: Some(reason) }) = serde_json::from_str(data) {
                meter.warn(&format!("the job waits: {}", reason.sentence()));
            }
        }
        // What cannot be read is not shown, and the next one may be fine.
        "progress" => {
            if let Ok(step) = serde_json::from_str::<Step>(data) {
                meter.step(&step);
            }
        }
        "segment" => {
            if let Ok(SegmentEvent { segment: SegmentSeen { id, text, channel: None } }) =
                serde_json::from_str(data)
            {
                meter.text(id, &text);
            }
        }
        _ => {}
    }
}
