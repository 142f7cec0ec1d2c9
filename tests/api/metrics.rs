//! The route for monitoring systems.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::fixtures::audio;
use super::service::Service;

/// The samples by name and labels, once every line is valid in the text format.
fn samples(service: &Service) -> BTreeMap<String, f64> {
    let answer = service.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (mut helped, mut typed, mut samples) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for line in answer.text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(helped.insert(rest.split_once(' ').unwrap().0.to_owned()), "{line} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            typed.insert(name.to_owned(), kind.to_owned());
        } else {
            let (sample, number) = line.rsplit_once(' ').unwrap();
            let name = family(sample, &typed);
            assert!(helped.contains(name) && typed.contains_key(name), "{line} comes before what it is");
            assert!(samples.insert(sample.to_owned(), number.parse().unwrap()).is_none(), "{line} twice");
        }
    }
    samples
}

/// The name that a sample's HELP and TYPE have.
fn family<'a>(sample: &'a str, typed: &BTreeMap<String, String>) -> &'a str {
    let name = sample.split('{').next().unwrap();
    let is_histogram = |name: &&str| typed.get(*name).is_some_and(|kind| kind == "histogram");
    let of_histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
    of_histogram.filter(is_histogram).unwrap_or(name)
}

#[test]
fn a_monitoring_system_reads_what_happens() {
    let service = Service::start();
    let before = samples(&service);
    assert_eq!(before["verbatim_model_state{state=\"unloaded\"}"], 1.0);
    assert_eq!(before["verbatim_model_memory_bytes"], 0.0);
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    let stream = service.events("/model/events", None);
    service.get("/nowhere");
    let after = samples(&service);
    let of = |name: &str| after[name];
    assert_eq!(of("verbatim_jobs_ended_total{status=\"completed\"}"), 1.0);
    assert_eq!(of("verbatim_jobs_ended_total{status=\"failed\"}"), 0.0);
    assert_eq!((of("verbatim_jobs{status=\"queued\"}"), of("verbatim_jobs{status=\"running\"}")), (0.0, 0.0));
    let states = after.iter().filter(|(name, _)| name.starts_with("verbatim_model_state{"));
    assert_eq!(states.map(|(_, is)| is).sum::<f64>(), 1.0, "one state at a time");
    assert_eq!(of("verbatim_model_state{state=\"ready\"}"), 1.0);
    assert!(of("verbatim_model_memory_bytes") > 10_000_000.0);
    assert_eq!(of("verbatim_event_streams"), 1.0);
    assert_eq!(of("verbatim_http_responses_total{status=\"4xx\"}"), 1.0);
    assert!(of("verbatim_http_responses_total{status=\"2xx\"}") >= 3.0);
    drop(stream);
    service.post("/model/unload?wait=true");
    assert_eq!(samples(&service)["verbatim_model_unloads_total"], 1.0);
}

#[test]
fn what_happens_is_timed_and_counted() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    let recording = fs::read(audio("en_short.wav")).unwrap();
    let answer = service.post_form(
        "/v1/audio/transcriptions",
        Some(("a.wav", &recording)),
        &[("model", "whisper-1"), ("temperature", "0")],
    );
    assert_eq!(answer.status, 200, "{}", answer.text);
    let after = samples(&service);
    let of = |name: &str| *after.get(name).unwrap_or_else(|| panic!("{name} in {after:#?}"));
    let model = "model=\"words-q8_0\"";
    for (api, jobs) in [("jobs", 1.0), ("openai", 1.0), ("asr", 0.0)] {
        assert_eq!(of(&format!("verbatim_jobs_accepted_total{{api=\"{api}\",{model}}}")), jobs, "{api}");
        let finished = format!("verbatim_jobs_finished_total{{api=\"{api}\",{model},status=\"completed\"}}");
        assert_eq!(of(&finished), jobs, "{api}");
    }
    for priority in ["batch", "interactive"] {
        assert_eq!(of(&format!("verbatim_job_queue_wait_seconds_count{{priority=\"{priority}\"}}")), 1.0);
    }
    assert_eq!(of(&format!("verbatim_job_run_seconds_count{{{model},status=\"completed\"}}")), 2.0);
    assert_eq!(of(&format!("verbatim_job_real_time_factor_count{{{model}}}")), 2.0);
    assert_eq!(of(&format!("verbatim_model_load_seconds_count{{{model}}}")), 1.0);
    assert!(of(&format!("verbatim_chunk_decode_seconds_sum{{{model}}}")) > 0.0);
    assert!(of(&format!("verbatim_tokens_total{{{model}}}")) > 0.0);
    let secs = service.job(&id)["audio"]["duration_secs"].as_f64().unwrap();
    let counted = of(&format!("verbatim_audio_transcribed_seconds_total{{{model}}}"));
    assert!(counted > 0.0 && counted <= 2.0 * secs + 0.01, "{counted} of twice {secs}");
    assert_eq!(of(&format!("verbatim_jobs_by_model{{{model},status=\"queued\"}}")), 0.0);
    assert!(of("verbatim_storage_used_bytes{kind=\"recordings\"}") > 0.0);
    assert!(of("verbatim_storage_used_bytes{kind=\"database\"}") > 0.0);
    assert!(of("verbatim_storage_free_bytes") <= of("verbatim_storage_size_bytes"));
    assert_eq!(of("verbatim_webhook_backlog_messages"), 0.0);
    if cfg!(target_os = "linux") {
        assert!(of("process_resident_memory_bytes") > 1e6);
        assert!(of("process_open_fds") >= 3.0 && of("process_start_time_seconds") > 1e9);
        assert!(of("process_cpu_seconds_total") >= 0.0);
    }
}

#[test]
fn requests_are_timed_by_the_patterns_of_routes() {
    let service = Service::start();
    for id in ["a", "b"] {
        service.get(&format!("/jobs/{id}"));
    }
    for path in ["/nowhere", "/no/where", "/jobs/a/b/c"] {
        service.get(path);
    }
    let after = samples(&service);
    let requests = |route: &str, status: &str| {
        let labels = format!("method=\"GET\",route=\"{route}\",status=\"{status}\"");
        after.get(&format!("verbatim_http_request_duration_seconds_count{{{labels}}}")).copied()
    };
    assert_eq!(requests("/jobs/{id}", "4xx"), Some(2.0), "{after:#?}");
    assert_eq!(requests("none", "4xx"), Some(3.0));
    assert!(!after.keys().any(|name| name.contains("where")), "no path of a client is a label");
}

/// Dashboards and alerts name what there is: every name in them is one that the service has.
#[test]
fn dashboard_and_alerts_name_metrics_that_exist() {
    let service = Service::start();
    service.get("/health");
    let known: BTreeSet<String> =
        samples(&service).keys().map(|sample| sample.split('{').next().unwrap().to_owned()).collect();
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string("deploy/grafana/verbatim.json").unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut expressions: Vec<String> =
        targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(expressions.len() > 40, "{}", expressions.len());
    expressions.push(fs::read_to_string("deploy/prometheus/alerts.yml").unwrap());
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    for expression in &expressions {
        let words = expression.split(|letter| !is_of_name(letter));
        for name in words.filter(|word| word.starts_with("verbatim_") || word.starts_with("process_")) {
            assert!(known.contains(name), "{name} in {expression}");
        }
    }
}

/// Every alert names a section of the manual that says what to do.
#[test]
fn every_alert_has_a_runbook() {
    let alerts = fs::read_to_string("deploy/prometheus/alerts.yml").unwrap();
    let manual = fs::read_to_string("docs/OPERATIONS.md").unwrap();
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        assert!(alerts.contains(&format!("docs/OPERATIONS.md#{}", name.to_lowercase())), "{name}");
        assert!(manual.contains(&format!("\n### {name}\n")), "{name} has a section");
    }
}
