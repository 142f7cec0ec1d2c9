//! Kills at random moments, of the service and of its engine: what was acknowledged comes to its end, once, with the text
//! that it would have had anyway. `make torture` does it a thousand times.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{env, fs, thread};

use fastrand::Rng;
use serde_json::Value;
use ureq::Agent;

use super::fixtures;
use super::service::{Event, HANG_GUARD, Service, form};
use super::sink::{Received, Sink, status};

/// With `make test`, on both backends together.
const FEW_CYCLES: usize = 12;
/// Jobs are looked at when there were so many kills.
const KILLS_BETWEEN_LOOKS: usize = 8;
/// Kills of the engine between two looks: fewer than make a job fail that has them all in one chunk.
const MOST_KILLS_OF_ENGINE: usize = 6;
const MOST_WAITING: usize = 4;

/// What is sent, and its result without kills.
pub struct Sample {
    pub recording: &'static str,
    fields: &'static [(&'static str, &'static str)],
    bytes: Vec<u8>,
    result: Value,
    verbose: String,
}

impl Sample {
    /// The form that sends it, with where word of its end goes.
    pub fn form(&self, hook: &str) -> (String, Vec<u8>) {
        let mut fields = self.fields.to_vec();
        fields.push(("webhook_url", hook));
        form(Some((self.recording, &self.bytes)), &fields)
    }

    /// The job has come to its end, once, with the text that it would have had anyway; gives its attempts.
    pub fn is_whole(&self, service: &Service, sink: &Sink, id: &str) -> u64 {
        // On a busy machine a job may take long.
        let job = service.finished_within(5 * HANG_GUARD, id);
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(job["result"], self.result, "{} of {}", id, self.recording);
        assert_eq!(verbose(service, id), self.verbose, "{} of {}", id, self.recording);
        let events: Vec<_> = service.events(&format!("/jobs/{id}/events"), None).collect();
        assert!(events.iter().zip(1..).all(|(event, number)| event.id == number), "a gap in {events:?}");
        let last = |event: &Event| ["completed", "failed", "cancelled"].contains(&event.name.as_str());
        assert!(events.iter().position(last) == Some(events.len() - 1), "one end, at the end: {events:?}");
        let streamed =
            events.iter().filter(|event| event.name == "segment").map(|event| &event.data["segment"]);
        assert!(streamed.eq(self.result["segments"].as_array().unwrap()), "segments of {events:?}");
        let is_its_end = |received: &Received| {
            let body = received.json();
            body["type"] == "job_completed" && body["data"]["job_id"] == id
        };
        let ends = sink.until_any("/hook", is_its_end);
        assert!(ends.iter().all(|again| again.id() == ends[0].id()), "one message, however often it came");
        job["attempts"].as_u64().unwrap()
    }
}

const SAMPLES: [(&str, &[(&str, &str)]); 6] = [
    ("en_short.wav", &[]),
    ("en_stereo44k.mp3", &[("language", "en"), ("priority", "interactive")]),
    ("de_phrases.wav", &[("word_timestamps", "true")]),
    ("en_dense.wav", &[("priority", "interactive")]),
    ("long.ogg", &[]),
    ("silence.wav", &[]),
];

pub fn uninterrupted(backend: &str) -> Vec<Sample> {
    let service = Service::start_with(&[("VERBATIM__ENGINE__BACKEND", backend)]);
    let queued = SAMPLES.map(|(recording, fields)| (recording, fields, service.queue(recording, fields)));
    queued
        .into_iter()
        .map(|(recording, fields, id)| Sample {
            recording,
            fields,
            bytes: fs::read(fixtures::audio(recording)).unwrap(),
            result: service.finished(&id)["result"].clone(),
            verbose: verbose(&service, &id),
        })
        .collect()
}

fn verbose(service: &Service, id: &str) -> String {
    service.get(&format!("/jobs/{id}/transcript?format=verbose_json")).text
}

/// A request, under a key of its own, so that it can be sent again when its answer was lost.
#[derive(Debug, Clone)]
struct Request {
    key: String,
    sample: usize,
}

struct Torture {
    dice: Rng,
    samples: Vec<Sample>,
    sink: Sink,
    service: Service,
    /// Not acknowledged yet.
    unanswered: Vec<Request>,
    /// Acknowledged, and not looked at yet: by id.
    acknowledged: BTreeMap<String, Request>,
    requests: usize,
    kills_of_engine: usize,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    kills_of_service: usize,
    kills_of_engine: usize,
    stops: usize,
    jobs: usize,
    attempts: u64,
}

impl Torture {
    fn start(backend: &str, seed: u64) -> Self {
        let mut dice = Rng::with_seed(seed);
        let workers = dice.usize(1..=2);
        println!("{backend}, {workers} workers");
        let workers = workers.to_string();
        let env = [
            ("VERBATIM__ENGINE__BACKEND", backend),
            ("VERBATIM__ENGINE__WORKERS", workers.as_str()),
            ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true"),
            ("GPU_POLL_INTERVAL_SECS", "1"),
            ("VERBATIM__LOG__LEVEL", "off"),
        ];
        Self {
            dice,
            samples: uninterrupted(backend),
            sink: Sink::start(|_, _| status(204)),
            service: Service::start_with(&env),
            unanswered: vec![],
            acknowledged: BTreeMap::new(),
            requests: 0,
            kills_of_engine: 0,
            tally: Tally::default(),
        }
    }

    /// Sends something and kills the service or its engine.
    fn cycle(&mut self) {
        if self.unanswered.len() + self.acknowledged.len() < MOST_WAITING || self.dice.u8(..4) == 0 {
            self.requests += 1;
            let sample = self.dice.usize(..self.samples.len());
            self.unanswered.push(Request { key: format!("request {}", self.requests), sample });
        }
        // A service whose answers are waited for is killed later than one whose answers are not.
        let upload = self.send_all();
        let upload = match self.dice.bool() {
            true => {
                self.collect(upload);
                None
            }
            false => Some(upload),
        };
        self.wait_for_a_moment();
        match self.dice.u8(..10) {
            0 => {
                self.tally.stops += 1;
                self.service.stop_and_restart();
            }
            1..=3 if self.kills_of_engine < MOST_KILLS_OF_ENGINE => self.kill_engine(),
            _ => {
                self.tally.kills_of_service += 1;
                self.service.kill_and_restart();
            }
        }
        if let Some(upload) = upload {
            self.collect(upload);
        }
    }

    fn kill_engine(&mut self) {
        let Some(engine) = self.service.children().first().copied() else { return };
        self.kills_of_engine += 1;
        self.tally.kills_of_engine += 1;
        // It may have ended by itself.
        let _ = std::process::Command::new("kill").args(["-KILL", &engine.to_string()]).output();
    }

    /// Random instants in phases that matter: a pause is the point here, not a way to wait for something.
    fn wait_for_a_moment(&mut self) {
        match self.dice.u8(..4) {
            0 => {}
            // An engine that was killed just before may be taken for loaded a moment longer.
            1 => drop(self.service.post("/model/load?wait=true")),
            2 => self.until_segment(),
            _ => thread::sleep(Duration::from_millis(self.dice.u64(..400))),
        }
        thread::sleep(Duration::from_millis(self.dice.u64(..60)));
    }

    /// The next segment of a job that runs, if one does.
    fn until_segment(&self) {
        let running = self.service.get("/jobs?status=running").json();
        let Some(id) = running["jobs"][0]["id"].as_str() else { return };
        self.service.events(&format!("/jobs/{id}/events"), None).find(|event| event.name == "segment");
    }

    /// Sends what was not answered, one after the other, beside what happens meanwhile.
    fn send_all(&self) -> thread::JoinHandle<Vec<(Request, Option<String>)>> {
        let requests = self.unanswered.clone();
        let url = format!("{}/jobs?queue=true", self.service.base);
        let hook = self.sink.url("/hook");
        let forms: Vec<_> = requests
            .into_iter()
            .map(|request| {
                let form = self.samples[request.sample].form(&hook);
                (request, form)
            })
            .collect();
        thread::spawn(move || {
            forms
                .into_iter()
                .map(|(request, (kind, body))| {
                    let id = submit(&url, &request.key, &kind, &body);
                    (request, id)
                })
                .collect()
        })
    }

    fn collect(&mut self, upload: thread::JoinHandle<Vec<(Request, Option<String>)>>) {
        let answers = upload.join().unwrap();
        self.unanswered.clear();
        for (request, id) in answers {
            match id {
                Some(id) => {
                    let before = self.acknowledged.insert(id, request);
                    assert!(before.is_none(), "two requests are one job: {before:?}");
                }
                None => self.unanswered.push(request),
            }
        }
    }

    /// Waits until all jobs have ended, and checks them.
    fn look(&mut self) {
        while !self.unanswered.is_empty() {
            let upload = self.send_all();
            self.collect(upload);
        }
        self.kills_of_engine = 0;
        for (id, request) in std::mem::take(&mut self.acknowledged) {
            let attempts = self.samples[request.sample].is_whole(&self.service, &self.sink, &id);
            self.tally.jobs += 1;
            self.tally.attempts += attempts;
            assert_eq!(self.service.delete(&format!("/jobs/{id}")).status, 204);
        }
        let left = self.service.get("/jobs").json();
        assert_eq!(left["jobs"].as_array().unwrap().len(), 0, "a job that was not sent: {left}");
        let blobs = fs::read_dir(self.service.dir.path().join("data/blobs")).unwrap().count();
        assert_eq!(blobs, 0, "recordings of removed jobs are left");
    }
}

/// The job's id, once it is acknowledged; nothing when the connection broke or the service was not well.
pub fn submit(url: &str, key: &str, kind: &str, body: &[u8]) -> Option<String> {
    let agent: Agent =
        Agent::config_builder().http_status_as_error(false).timeout_global(Some(HANG_GUARD)).build().into();
    let request = agent.post(url).header("content-type", kind).header("idempotency-key", key);
    let mut answer = request.send(body).ok()?;
    let text = answer.body_mut().read_to_string().ok()?;
    if answer.status().is_server_error() {
        return None;
    }
    assert_eq!(answer.status(), 202, "{text}");
    let job: Value = serde_json::from_str(&text).unwrap();
    Some(job["id"].as_str().unwrap().to_owned())
}

/// Kills in cycles, half of those that are asked for: each backend has its test.
fn torture(backend: &str) {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let cycles = number("VERBATIM_TORTURE_CYCLES").map_or(FEW_CYCLES, |cycles| cycles as usize) / 2;
    let seed = number("VERBATIM_TORTURE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("VERBATIM_TORTURE_SEED={seed}");
    let mut torture = Torture::start(backend, seed);
    for cycle in 1..=cycles {
        torture.cycle();
        if cycle.is_multiple_of(KILLS_BETWEEN_LOOKS) || cycle == cycles {
            torture.look();
            println!("after {cycle} cycles of {backend}: {:?}", torture.tally);
        }
    }
}

#[cfg(feature = "ctranslate2")]
#[test]
fn kills_lose_and_repeat_no_job_with_ctranslate2() {
    torture("ctranslate2");
}

#[test]
fn kills_lose_and_repeat_no_job_with_whisper_cpp() {
    torture("whisper_cpp");
}
