//! Two people on two channels.

use std::fs;

use serde_json::Value;

use super::fixtures;
use super::service::{Event, Service};

/// The samples of a bundled recording: 16 kHz, 16 bits, one channel.
fn samples(name: &str) -> Vec<[u8; 2]> {
    let bytes = fs::read(fixtures::audio(name)).unwrap();
    bytes[44..].chunks_exact(2).map(|two| [two[0], two[1]]).collect()
}

/// The phrases on the left and, from the third second on, a short recording on the right.
fn conversation() -> Vec<u8> {
    let left = samples("en_phrases.wav");
    let right: Vec<_> = [[0; 2]; 48_000].into_iter().chain(samples("en_short.wav")).collect();
    let woven: Vec<u8> = (0..left.len())
        .flat_map(|n| [left[n], right.get(n).copied().unwrap_or_default()])
        .flatten()
        .collect();
    let mut wav = fixtures::silent_wav(0);
    let length = woven.len() as u32;
    wav[4..8].copy_from_slice(&(36 + length).to_le_bytes());
    wav[22..24].copy_from_slice(&2u16.to_le_bytes());
    wav[28..32].copy_from_slice(&64_000u32.to_le_bytes());
    wav[32..34].copy_from_slice(&4u16.to_le_bytes());
    wav[40..44].copy_from_slice(&length.to_le_bytes());
    wav.extend(woven);
    wav
}

fn transcribed(service: &Service) -> Value {
    let answer = service.post_form("/jobs?queue=true", Some(("call.wav", &conversation())), &[]);
    assert_eq!(answer.status, 202, "{answer:?}");
    let job = service.finished(answer.json()["id"].as_str().unwrap());
    assert_eq!(job["status"], "completed", "{job}");
    job
}

#[test]
fn split_channels_are_transcribed_and_named_in_segments() {
    let service = Service::start_with(&[("VERBATIM__AUDIO__CHANNELS", "split")]);
    let job = transcribed(&service);
    let segments = job["result"]["segments"].as_array().unwrap();
    let said_on = |channel: u64| -> String {
        let of = segments.iter().filter(|segment| segment["channel"] == channel);
        of.map(|segment| segment["text"].as_str().unwrap()).collect::<String>().trim().to_owned()
    };
    assert_eq!(said_on(0), fixtures::text("en_phrases.wav"));
    assert_eq!(said_on(1), fixtures::text("en_short.wav"));
    assert!(segments.iter().all(|segment| segment["channel"].is_u64()), "{segments:?}");
    let starts: Vec<_> = segments.iter().map(|segment| segment["start"].as_f64().unwrap()).collect();
    assert!(starts.is_sorted(), "{starts:?}");
    let changes = segments.windows(2).filter(|pair| pair[0]["channel"] != pair[1]["channel"]).count();
    assert!(changes >= 2, "the short one begins and ends amid the phrases: {segments:?}");
    let first_on_the_right = segments.iter().find(|segment| segment["channel"] == 1).unwrap();
    let begins = fixtures::truth("en_short.wav")["segments"][0]["start"].as_f64().unwrap() + 3.0;
    assert!((first_on_the_right["start"].as_f64().unwrap() - begins).abs() < 0.3, "{first_on_the_right}");

    let id = job["id"].as_str().unwrap();
    let events: Vec<Event> = service.events(&format!("/jobs/{id}/events"), None).collect();
    let sent = events.iter().filter(|event| event.name == "segment").map(|event| &event.data["segment"]);
    let mut sent: Vec<_> = sent.cloned().collect();
    let order: Vec<_> = sent.iter().map(|segment| segment["id"].as_u64().unwrap()).collect();
    assert!(order.is_sorted(), "{order:?}");
    let by_id = |segment: &Value| segment["id"].as_u64().unwrap();
    let mut shown = segments.clone();
    sent.sort_by_key(by_id);
    shown.sort_by_key(by_id);
    assert_eq!(sent, shown, "events and result have the same segments");
    assert_eq!(job["progress"]["percent"], 100.0);
}

#[test]
fn mixed_channels_are_one_and_say_nothing_of_themselves() {
    let job = transcribed(&Service::start());
    let segments = job["result"]["segments"].as_array().unwrap();
    assert!(!segments.is_empty() && segments.iter().all(|segment| segment.get("channel").is_none()));
}
