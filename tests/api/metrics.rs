//! What a monitoring system reads.

use std::collections::{BTreeMap, BTreeSet};

use super::service::Service;

/// The samples by name and labels, once every line is one that the text format allows.
fn samples(service: &Service) -> BTreeMap<String, u64> {
    let answer = service.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (mut helped, mut typed, mut samples) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for line in answer.text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(helped.insert(rest.split_once(' ').unwrap().0.to_owned()), "{line} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["gauge", "counter"].contains(&kind) && name.ends_with("_total") == (kind == "counter"));
            typed.insert(name.to_owned());
        } else {
            let (sample, number) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            assert!(helped.contains(name) && typed.contains(name), "{line} comes before what it is");
            assert!(samples.insert(sample.to_owned(), number.parse().unwrap()).is_none(), "{line} twice");
        }
    }
    samples
}

#[test]
fn a_monitoring_system_reads_what_happens() {
    let service = Service::start();
    let before = samples(&service);
    assert_eq!(before["verbatim_model_state{state=\"unloaded\"}"], 1);
    assert_eq!(before["verbatim_model_memory_bytes"], 0);
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    let stream = service.events("/model/events", None);
    service.get("/nowhere");
    let after = samples(&service);
    let of = |name: &str| after[name];
    assert_eq!(of("verbatim_jobs_ended_total{status=\"completed\"}"), 1);
    assert_eq!(of("verbatim_jobs_ended_total{status=\"failed\"}"), 0);
    assert_eq!((of("verbatim_jobs{status=\"queued\"}"), of("verbatim_jobs{status=\"running\"}")), (0, 0));
    let states = after.iter().filter(|(name, _)| name.starts_with("verbatim_model_state{"));
    assert_eq!(states.map(|(_, is)| is).sum::<u64>(), 1, "one state at a time");
    assert_eq!(of("verbatim_model_state{state=\"ready\"}"), 1);
    assert!(of("verbatim_model_memory_bytes") > 10_000_000);
    assert_eq!(of("verbatim_event_streams"), 1);
    assert_eq!(of("verbatim_http_responses_total{status=\"4xx\"}"), 1);
    assert!(of("verbatim_http_responses_total{status=\"2xx\"}") >= 3);
    drop(stream);
    service.post("/model/unload?wait=true");
    assert_eq!(samples(&service)["verbatim_model_unloads_total"], 1);
}
