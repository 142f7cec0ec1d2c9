//! One service with several devices. Each of them is the CPU here, with an engine's process of its own.

use std::time::Instant;

use serde_json::{Value, json};

use super::fixtures;
use super::postgres::is_whole;
use super::service::{HANG_GUARD, Service};
use super::several_services::until_shown;
use super::sink::{Sink, status};

const TWO: &str = r#"
[[devices]]
name = "left"
threads = 1
[[devices]]
name = "right"
threads = 1
"#;

/// A service whose settings have these lines.
struct WithSettings {
    service: Service,
    _dir: tempfile::TempDir,
}

fn start(settings: &str, env: &[(&str, &str)]) -> WithSettings {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("verbatim")).unwrap();
    std::fs::write(dir.path().join("verbatim/config.toml"), settings).unwrap();
    let home = dir.path().display().to_string();
    let env: Vec<_> = [("XDG_CONFIG_HOME", home.as_str())].into_iter().chain(env.iter().copied()).collect();
    WithSettings { service: Service::start_with(&env), _dir: dir }
}

fn workers(service: &Service) -> Vec<Value> {
    service.get("/workers").json()["workers"].as_array().unwrap().clone()
}

fn until(service: &Service, what: &str, is_so: impl Fn(&[Value]) -> bool) {
    let give_up = Instant::now() + HANG_GUARD;
    while !is_so(&workers(service)) {
        assert!(Instant::now() < give_up, "never {what}: {:?}", workers(service));
        std::thread::yield_now();
    }
}

#[test]
fn two_devices_run_two_jobs_at_the_same_time() {
    let WithSettings { service, _dir } = start(TWO, &[]);
    let names: Vec<_> = workers(&service).iter().map(|worker| worker["name"].clone()).collect();
    assert_eq!(names, ["left", "right"]);
    let loaded = service.post("/model/load?worker=*&wait=true");
    assert_eq!((loaded.status, &loaded.json()["state"]), (200, &"ready".into()), "{loaded:?}");
    assert_eq!(service.children().len(), 2, "an engine's process for each");
    let jobs = [(), ()].map(|()| service.queue("long.ogg", &[]));
    let is_busy = |worker: &Value| worker["jobs"].as_array().is_some_and(|jobs| jobs.len() == 1);
    until(&service, "two jobs at a time", |workers| workers.iter().all(is_busy));
    for id in &jobs {
        let job = service.finished(id);
        assert_eq!(job["status"], "completed", "{job}");
        is_whole(&service, &job);
    }
    let unloaded = service.post("/model/unload?wait=true");
    assert_eq!((unloaded.status, &unloaded.json()["state"]), (200, &"unloaded".into()), "{unloaded:?}");
    assert!(service.children().is_empty(), "all memory is given back");
}

#[test]
fn a_job_loads_its_model_on_one_device_and_the_events_name_it() {
    let sink = Sink::start(|_, _| status(204));
    let WithSettings { service, _dir } = start(TWO, &[("VERBATIM__WEBHOOKS__ALLOW", "127.0.0.1")]);
    assert_eq!(service.post_json("/webhooks", &json!({ "url": sink.url("/hook") })).status, 201);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let submit = || service.post_form("/jobs", Some(("a.wav", &bytes)), &[]);
    let refused = submit();
    assert_eq!((refused.status, refused.error().as_str()), (503, "model_not_ready"), "{refused:?}");
    until_shown(&service, "ready");
    let taken = submit();
    assert_eq!(taken.status, 202, "{taken:?}");
    let job = service.finished(taken.json()["id"].as_str().unwrap());
    assert_eq!(job["result"]["text"], fixtures::truth("en_short.wav")["text"]);
    let states: Vec<_> = workers(&service).iter().map(|worker| worker["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == "ready").count(), 1, "{states:?}");
    let by = sink.until("/hook", 1)[0].json()["data"]["worker"].clone();
    assert!(by == "left" || by == "right", "{by}");
    let refused = service.post("/model/load?worker=middle");
    assert_eq!((refused.status, refused.error().as_str()), (404, "worker_not_found"));
}

#[test]
fn a_device_runs_the_models_that_it_is_for() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.bin");
    std::fs::copy(fixtures::model(), &other).unwrap();
    let stem = fixtures::model().file_stem().unwrap().to_string_lossy().into_owned();
    let default = stem.trim_start_matches("ggml-");
    let settings = format!(
        r#"
models = {{ other = "{}" }}
[[devices]]
name = "left"
threads = 1
models = ["other"]
[[devices]]
name = "right"
threads = 1
models = ["{default}"]
"#,
        other.display()
    );
    let WithSettings { service, _dir } = start(&settings, &[]);
    let jobs =
        ["other", default, "other", default].map(|model| service.queue("en_short.wav", &[("model", model)]));
    for id in &jobs {
        let job = service.finished(id);
        assert_eq!(job["result"]["text"], fixtures::truth("en_short.wav")["text"], "{job}");
    }
    let known = workers(&service);
    let models = |number: usize| known[number]["models"].as_array().unwrap().clone();
    assert_eq!((models(0).len(), models(1).len()), (1, 1));
    assert_eq!((&models(0)[0]["id"], &known[0]["model"]), (&"other".into(), &"other".into()));
    assert_eq!((&known[0]["state"], &known[1]["state"]), (&"ready".into(), &"ready".into()));
    assert_eq!(service.post("/model/load?model=other&worker=*&wait=true").status, 200);
    let refused = service.post("/model/load?model=other&worker=right");
    assert_eq!((refused.status, refused.error().as_str()), (404, "unknown_model"), "{refused:?}");
}

#[test]
fn a_killed_service_takes_up_the_jobs_of_all_its_devices() {
    let WithSettings { mut service, _dir } = start(TWO, &[]);
    assert_eq!(service.post("/model/load?worker=*&wait=true").status, 200);
    let jobs = [(), ()].map(|()| service.queue("long.ogg", &[]));
    until(&service, "two jobs", |workers| workers.iter().all(|worker| worker["jobs"] != json!([])));
    service.kill_and_restart();
    for id in &jobs {
        let job = service.finished(id);
        assert_eq!((&job["status"], &job["attempts"]), (&"completed".into(), &2.into()), "{job}");
        is_whole(&service, &job);
    }
}

#[test]
fn a_job_is_cancelled_on_the_device_that_runs_it() {
    let WithSettings { service, _dir } = start(TWO, &[]);
    assert_eq!(service.post("/model/load?worker=*&wait=true").status, 200);
    let id = service.queue("long.ogg", &[]);
    until(&service, "running", |workers| workers.iter().any(|worker| worker["jobs"] == json!([id])));
    assert_eq!(service.delete(&format!("/jobs/{id}")).json()["status"], "cancelled");
    until(&service, "idle", |workers| workers.iter().all(|worker| worker["jobs"] == json!([])));
    let drained = service.post("/admin/drain");
    assert_eq!(drained.json(), json!({ "draining": true, "jobs": [] }));
    until(&service, "draining", |workers| workers.iter().all(|worker| worker["draining"] == true));
    assert_eq!(service.delete("/admin/drain").status, 200);
    let job = service.finished(&service.queue("en_short.wav", &[]));
    assert_eq!(job["status"], "completed", "{job}");
    let (ended, _) = service.stop();
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_new_job_ends_the_hold_of_an_unload_on_all_devices() {
    let WithSettings { service, _dir } = start(TWO, &[]);
    assert_eq!(service.post("/model/load?worker=*&wait=true").status, 200);
    assert_eq!(service.post("/model/unload?wait=true&hold_secs=3600").status, 200);
    let job = service.finished(&service.queue("en_short.wav", &[]));
    assert_eq!(job["status"], "completed", "{job}");
}

#[test]
fn devices_without_a_model_file_are_not_ready_until_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("late.bin");
    let WithSettings { service, _dir } = start(TWO, &[("VERBATIM__MODEL__PATH", path.to_str().unwrap())]);
    let ready = service.get("/health/ready");
    assert_eq!((ready.status, ready.error().as_str()), (503, "model_not_found"), "{ready:?}");
    let id = service.queue("en_short.wav", &[]);
    until_shown(&service, "failed");
    std::fs::copy(fixtures::model(), &path).unwrap();
    assert_eq!(service.finished(&id)["status"], "completed");
    assert_eq!(service.get("/health/ready").status, 200);
}
