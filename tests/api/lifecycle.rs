//! The model is loaded and unloaded.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::fixtures;
use super::service::{Service, signal};

const NO_PROCESS: [u32; 0] = [];

#[test]
fn a_job_for_an_unloaded_model_is_503_and_triggers_the_load() {
    let service = Service::start();
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let answer = service.post_form("/jobs", Some(("a.wav", &bytes)), &[]);
    assert_eq!((answer.status, answer.error().as_str()), (503, "model_not_ready"));
    let retry_after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry_after));
    let model = &answer.json()["model"];
    assert_eq!(model["state"], "unloaded");
    assert!(model["load_expected_secs"].as_f64().unwrap() > 0.0);
    service.until_model("ready");
    let answer = service.post_form("/jobs", Some(("a.wav", &bytes)), &[]);
    assert_eq!(answer.status, 202);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), Some(format!("/jobs/{id}").as_str()));
    assert_eq!(service.finished(&id)["result"]["text"], "One two three.");
}

#[test]
fn loading_and_unloading_are_idempotent_and_in_the_status() {
    let service = Service::start();
    let status = service.get("/model/status").json();
    assert_eq!(status["state"], "unloaded");
    assert_eq!(status["model"]["id"], "words-q8_0");
    assert_eq!(status["memory"]["used_by_model_bytes"], 0);
    assert!([200, 202].contains(&service.post("/model/load").status), "202, unless it was that fast");
    assert_eq!(service.post("/model/load?wait=true").status, 200);
    let again = service.post("/model/load");
    assert_eq!((again.status, &again.json()["state"]), (200, &json!("ready")));
    let status = service.get("/model/status").json();
    assert_eq!(status["device"]["backend"], "cpu");
    assert!(status["memory"]["used_by_model_bytes"].as_u64().unwrap() > 10_000_000);
    assert_eq!(status["idle"]["timeout_secs"], 300);
    assert!(status["idle"]["unloads_at"].is_string());
    assert_eq!(service.children().len(), 1, "the engine's process");

    let unloaded = service.post("/model/unload");
    assert_eq!((unloaded.status, &unloaded.json()["state"]), (200, &json!("unloaded")));
    assert!(unloaded.json()["held_until"].is_string());
    assert_eq!(service.children(), NO_PROCESS, "no process of the engine is left");
    assert_eq!(service.post("/model/unload").status, 200);
    assert_eq!(service.get("/model/status").json()["memory"]["used_by_model_bytes"], 0);
}

#[test]
fn an_idle_model_unloads_by_itself() {
    let service = Service::start_with(&[("IDLE_TIMEOUT_SECS", "1")]);
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    let unloading = service.events("/model/events", Some(0)).find(|event| event.name == "model_unloading");
    assert_eq!(unloading.unwrap().data["reason"], "idle");
    service.until_model("unloaded");
    assert_eq!(service.children(), NO_PROCESS);
}

#[test]
fn an_unload_while_working_requeues_the_job() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let path = format!("/jobs/{id}/events");
    assert!(service.events(&path, None).any(|event| event.name == "segment"));
    let unloading = service.post("/model/unload");
    assert_eq!((unloading.status, &unloading.json()["state"]), (202, &json!("unloading")));
    let unloaded = service.post("/model/unload?wait=true");
    assert_eq!((unloaded.status, &unloaded.json()["state"]), (200, &json!("unloaded")));
    let waiting = service.job(&id);
    assert_eq!(waiting["status"], "queued");
    assert_eq!(waiting["queue"]["position"], 1);
    let done_before = waiting["progress"]["processed_secs"].as_f64().unwrap();
    assert!(done_before > 0.0);
    service.load();
    let job = service.finished(&id);
    assert_eq!(job["result"]["text"], fixtures::truth("long.ogg")["text"]);
    assert_eq!(job["attempts"], 2);
}

#[test]
fn a_killed_engine_costs_a_job_nothing_but_time() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let path = format!("/jobs/{id}/events");
    let mut events = service.events(&path, None);
    assert!(events.by_ref().any(|event| event.name == "progress" && event.data["chunk"] == 3));
    signal("KILL", service.children()[0]);
    let requeued = events.by_ref().find(|event| event.name == "requeued").unwrap();
    assert_eq!(requeued.data["reason"], "engine_killed");
    assert_eq!(events.last().unwrap().name, "completed");
    let job = service.job(&id);
    assert_eq!(job["result"]["text"], fixtures::truth("long.ogg")["text"]);
    let ids: Vec<_> =
        job["result"]["segments"].as_array().unwrap().iter().map(|s| s["id"].as_u64().unwrap()).collect();
    assert!(ids.iter().copied().eq(0..ids.len() as u64), "no segment twice");
}

#[test]
fn a_bad_model_is_a_failed_state_not_a_failed_start() {
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", "no/such/model.bin")]);
    let failed = service.post("/model/load?wait=true");
    assert_eq!((failed.status, failed.error().as_str()), (422, "model_not_found"));
    assert!(failed.json()["error"]["message"].as_str().unwrap().contains("no/such/model.bin"));
    assert_eq!(service.get("/model/status").json()["error"]["code"], "model_not_found");
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let refused = service.post_form("/jobs", Some(("a.wav", &bytes)), &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("60")));

    let dir = tempfile::tempdir().unwrap();
    let corrupt = dir.path().join("ggml-corrupt.bin");
    let mut bytes = std::fs::read(fixtures::model()).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&corrupt, bytes).unwrap();
    let service = Service::start_with(&[("VERBATIM__MODEL__PATH", corrupt.to_str().unwrap())]);
    let id = service.queue("en_short.wav", &[]);
    let failed = service.post("/model/load?wait=true");
    assert_eq!((failed.status, failed.error().as_str()), (422, "model_corrupt"));
    assert_eq!(service.job(&id)["status"], "queued", "nothing is lost");
    std::fs::copy(fixtures::model(), &corrupt).unwrap();
    service.load();
    assert_eq!(service.finished(&id)["status"], "completed");
}

#[test]
fn the_engine_runs_inside_the_service_if_set() {
    let service = Service::start_with(&[("VERBATIM__ENGINE__ISOLATION", "thread")]);
    let id = service.queue("en_phrases.wav", &[]);
    assert_eq!(service.finished(&id)["result"]["text"], fixtures::truth("en_phrases.wav")["text"]);
    assert_eq!(service.children(), NO_PROCESS);
    service.post("/model/unload?wait=true");
    assert_eq!(service.get("/model/status").json()["state"], "unloaded");
}

#[test]
fn health_shows_the_model_and_the_jobs() {
    let service = Service::start();
    let health = service.get("/health").json();
    assert_eq!((&health["status"], &health["model_state"]), (&json!("ok"), &json!("unloaded")));
    assert_eq!(health["jobs"], json!({ "queued": 0, "running": 0 }));
    assert!(health["version"].is_string() && health["uptime_secs"].is_u64());
    assert_eq!(service.get("/health/live").status, 200);
    assert_eq!(service.get("/health/ready").status, 200);
    assert_eq!(service.get("/model/status").json()["waiting"], Value::Null);
}

#[test]
fn a_waiting_unload_is_answered_despite_a_new_load() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    assert!(service.events(&format!("/jobs/{id}/events"), None).any(|event| event.name == "segment"));
    std::thread::scope(|scope| {
        let unload = scope.spawn(|| service.post("/model/unload?wait=true"));
        assert!(service.events("/model/events", Some(0)).any(|event| event.name == "model_unloading"));
        service.post("/model/load");
        assert_eq!(unload.join().unwrap().status, 200);
    });
    assert_eq!(service.finished(&id)["status"], "completed");
}

#[test]
fn a_hold_beyond_reason_is_refused() {
    let service = Service::start();
    for secs in ["86401", "18446744073709551615", "-1", "soon"] {
        let answer = service.post(&format!("/model/unload?hold_secs={secs}"));
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_query"), "{secs}");
    }
    assert_eq!(service.post("/model/unload?hold_secs=86400").status, 200);
}

#[test]
fn an_engine_that_hangs_is_killed_when_its_job_is_cancelled() {
    let service = Service::start();
    let id = service.queue("long.ogg", &[]);
    let mut events = service.events(&format!("/jobs/{id}/events"), None);
    assert!(events.any(|event| event.name == "progress" && event.data["chunk"] == 2), "it is in the engine");
    let engine = service.children()[0];
    signal("STOP", engine);
    assert_eq!(service.delete(&format!("/jobs/{id}")).status, 200);
    let next = service.queue("en_short.wav", &[]);
    assert_eq!(service.finished(&next)["status"], "completed");
    assert!(!service.children().contains(&engine));
}

#[test]
fn an_engine_that_hangs_holds_up_neither_an_unload_nor_a_stop() {
    let hung = |env: &[(&str, &str)]| {
        let service = Service::start_with(env);
        let id = service.queue("long.ogg", &[]);
        let mut events = service.events(&format!("/jobs/{id}/events"), None);
        assert!(
            events.any(|event| event.name == "progress" && event.data["chunk"] == 2),
            "it is in the engine"
        );
        signal("STOP", service.children()[0]);
        (service, id)
    };
    let (service, id) = hung(&[]);
    assert_eq!(service.post("/model/unload?wait=true&hold_secs=0").status, 200);
    assert_eq!(service.finished(&id)["status"], "completed", "nothing is lost");

    let (service, id) = hung(&[("VERBATIM__SERVER__SHUTDOWN_SECS", "1")]);
    let (status, dir) = service.stop();
    assert!(status.success(), "{status}");
    let service = Service::start_in(dir, &[]);
    assert_eq!(service.finished(&id)["status"], "completed");
}

#[test]
fn a_returning_client_is_served_with_idle_timeout_zero() {
    let service = Service::start_with(&[("IDLE_TIMEOUT_SECS", "0")]);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    assert_eq!(service.post_form("/jobs", Some(("a.wav", &bytes)), &[]).status, 503);
    service.until_model("ready");
    let answer = service.post_form("/jobs", Some(("a.wav", &bytes)), &[]);
    assert_eq!(answer.status, 202, "{answer:?}");
    service.finished(answer.json()["id"].as_str().unwrap());
    service.until_model("unloaded");
}

#[test]
fn a_request_says_how_long_the_model_stays() {
    let service = Service::start();
    let unloads_at = || service.get("/model/status").json()["idle"]["unloads_at"].clone();
    assert_eq!(service.post("/model/load?wait=true&keep_alive=-1").status, 200);
    assert_eq!(unloads_at(), Value::Null);
    assert_eq!(service.get("/model/status").json()["idle"]["timeout_secs"], 300, "the setting is what it is");
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    service.until_idle();
    assert_eq!(unloads_at(), Value::Null, "until a client sets another time");
    service.post("/model/load?keep_alive=3600");
    assert!(unloads_at().is_string());
    let id = service.queue("en_short.wav", &[("keep_alive", "0")]);
    assert_eq!(service.job(&id)["options"]["keep_alive"], 0);
    service.finished(&id);
    let unloading = service.events("/model/events", Some(0)).find(|event| event.name == "model_unloading");
    assert_eq!(unloading.unwrap().data["reason"], "idle");
    service.until_model("unloaded");
    assert_eq!(service.post("/model/load?wait=true").status, 200);
    assert!(unloads_at().is_string(), "a new load begins with the settings");
    service.post("/model/load?keep_alive=0");
    service.until_model("unloaded");

    for bad in ["soon", "-2", "1.5", "5m", "315360001"] {
        let refused = service.post(&format!("/model/load?keep_alive={bad}"));
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_query"), "{bad}");
        assert_eq!(refused.json()["error"]["param"], "keep_alive");
        let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
        let refused = service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), &[("keep_alive", bad)]);
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_option"), "{bad}");
    }
    assert_eq!(service.get("/model/status").json()["state"], "unloaded");
}

#[test]
fn a_load_that_a_stop_interrupts_is_part_of_the_stop() {
    let service = Service::start();
    service.post("/model/load");
    let (status, dir) = service.stop();
    assert!(status.success());
    let service = Service::start_in(dir, &[]);
    let last = service.events("/model/events", Some(0)).find(|event| event.name == "model_unloaded");
    assert_eq!(last.unwrap().data["reason"], "shutdown");
}

#[test]
fn a_refused_job_is_answered_without_its_upload() {
    let service = Service::start();
    let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    let head = "POST /jobs HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n\
                content-length: 1000000\r\nexpect: 100-continue\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    // Not a byte of the body is sent. The answer may come after a 100.
    let answer = BufReader::new(socket).lines().map(Result::unwrap).find(|line| line.contains("503"));
    assert_eq!(answer.as_deref(), Some("HTTP/1.1 503 Service Unavailable"));
}

#[test]
fn an_engine_killed_while_it_loads_is_loaded_again() {
    let service = Service::start_with(&[("GPU_POLL_INTERVAL_SECS", "1")]);
    let id = service.queue("en_short.wav", &[]);
    let engine = service.until_child();
    signal("KILL", engine);
    assert_eq!(service.finished(&id)["status"], "completed");
    assert_ne!(service.children(), [engine]);
    let names: Vec<_> = service.events("/model/events", Some(0)).map(|event| event.name).take(2).collect();
    assert_eq!(names, ["model_status", "model_loading"]);
}

#[test]
fn an_idle_engine_that_is_killed_leaves_an_unloaded_model() {
    let service = Service::start();
    service.load();
    signal("KILL", service.children()[0]);
    service.until_model("unloaded");
    let unloaded = service.events("/model/events", Some(0)).find(|event| event.name == "model_unloaded");
    assert_eq!(unloaded.unwrap().data["reason"], "engine_died");
    let id = service.queue("en_short.wav", &[]);
    assert_eq!(service.finished(&id)["status"], "completed");
}

#[test]
fn a_503_while_loading_has_elapsed_and_expected_secs() {
    let service = Service::start();
    // A load may be over before it is looked at: then there is another.
    let refused = loop {
        service.post("/model/load");
        let engine = service.until_child();
        signal("STOP", engine);
        let refused = service.post_form("/jobs", Some(("a.wav", b"never read")), &[]);
        signal("CONT", engine);
        if refused.status == 503 {
            break refused;
        }
        service.post("/model/unload?wait=true&hold_secs=0");
    };
    assert_eq!(refused.error(), "model_not_ready");
    assert!((1..=60).contains(&refused.header("retry-after").unwrap().parse::<u64>().unwrap()));
    let model = refused.json()["model"].clone();
    assert_eq!((&model["state"], &model["waiting"]), (&json!("loading"), &Value::Null));
    assert!(model["load_elapsed_secs"].as_f64().unwrap() >= 0.0, "{model}");
    assert!(model["load_expected_secs"].as_f64().unwrap() > 0.0, "{model}");
    service.until_model("ready");
}

#[test]
fn a_service_without_a_model_is_not_ready_until_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.bin");
    let service = Service::start_in(dir, &[("VERBATIM__MODEL__PATH", path.to_str().unwrap())]);
    let unready = service.get("/health/ready");
    assert_eq!((unready.status, unready.error().as_str()), (503, "model_not_found"));
    assert!(unready.text.contains("models pull"), "{unready:?}");
    assert_eq!(service.get("/health/live").status, 200);
    std::fs::copy(fixtures::model(), &path).unwrap();
    assert_eq!(service.get("/health/ready").status, 200);
}
