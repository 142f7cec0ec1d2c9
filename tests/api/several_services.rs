//! Several services on one PostgreSQL database, with their recordings in one folder.

use std::collections::HashSet;

use serde_json::Value;

use super::fixtures;
use super::postgres::{cluster::Cluster, is_whole};
use super::service::{Service, wait_until};
use super::sink::{Received, Sink, status};

/// Where all services of a test keep what they share.
struct Shared {
    _cluster: Cluster,
    url: String,
    recordings: tempfile::TempDir,
}

impl Shared {
    /// Nothing where PostgreSQL is not installed.
    fn begin() -> Option<Self> {
        let cluster = Cluster::start()?;
        let (url, recordings) = (cluster.create_database(), tempfile::tempdir().unwrap());
        Some(Self { _cluster: cluster, url, recordings })
    }

    fn start(&self, env: &[(&str, &str)]) -> Service {
        let blobs = format!("file://{}", self.recordings.path().display());
        let mut all =
            vec![("VERBATIM__STORAGE__URL", self.url.as_str()), ("VERBATIM__STORAGE__BLOBS", &blobs)];
        all.extend(env);
        Service::start_with(&all)
    }
}

fn events_of(service: &Service, id: &str, after: Option<u64>) -> Vec<(u64, String, Value)> {
    let events = service.events(&format!("/jobs/{id}/events"), after);
    events.map(|event| (event.id, event.name, event.data)).collect()
}

/// Waits until a service that runs no jobs shows the model in a state: its events come from elsewhere.
pub fn until_shown(service: &Service, state: &str) {
    wait_until(&format!("never {state}"), || service.get("/model/status").json()["state"] == state);
}

#[test]
fn a_job_is_seen_and_cancelled_over_every_service() {
    let Some(shared) = Shared::begin() else { return };
    let (first, second) = (shared.start(&[]), shared.start(&[]));
    let job = first.queue("long.ogg", &[]);
    // Followed from its beginning over both, live over at least one that does not run it.
    let followed = std::thread::scope(|scope| {
        let over = [&first, &second].map(|service| scope.spawn(|| events_of(service, &job, None)));
        over.map(|events| events.join().unwrap())
    });
    assert_eq!(followed[0], followed[1]);
    for service in [&first, &second] {
        let job = service.finished(&job);
        assert_eq!(job["status"], "completed", "{job}");
        is_whole(service, &job);
    }
    assert_eq!(events_of(&second, &job, Some(3)), followed[0][3..]);
    let queued: Vec<_> = (0..4).map(|_| first.queue("long.ogg", &[("language", "en")])).collect();
    for id in &queued {
        assert_eq!(second.delete(&format!("/jobs/{id}")).json()["status"], "cancelled");
        assert_eq!(events_of(&first, id, None).last().unwrap().1, "cancelled");
    }
    let later = second.queue("en_short.wav", &[]);
    assert_eq!(first.finished(&later)["result"]["text"], fixtures::truth("en_short.wav")["text"]);
}

#[test]
fn a_killed_service_loses_no_job_and_no_webhook() {
    let Some(shared) = Shared::begin() else { return };
    let sink = Sink::start(|_, _| status(204));
    let allow = [("VERBATIM__WEBHOOKS__ALLOW", "127.0.0.1")];
    let mut services = [shared.start(&allow), shared.start(&allow)];
    let mut jobs = vec![];
    for round in 0..3 {
        let at = round % 2;
        for (service, recording) in [(at, "en_short.wav"), (1 - at, "long.ogg")] {
            let url = sink.url(&format!("/{}", jobs.len()));
            jobs.push((services[service].queue(recording, &[("webhook_url", &url)]), recording));
        }
        services[at].kill_and_restart();
    }
    for (number, (id, recording)) in jobs.iter().enumerate() {
        let job = services[0].finished(id);
        assert_eq!(job["status"], "completed", "{job}");
        assert_eq!(job["result"]["text"], fixtures::truth(recording)["text"]);
        if *recording == "long.ogg" {
            is_whole(&services[1], &job);
        }
        let is_end = |received: &Received| received.json()["type"] == "job_completed";
        let ends = sink.until_any(&format!("/{number}"), is_end);
        assert_eq!(ends[0].json()["data"]["job_id"], id.as_str());
        let sent: HashSet<_> = ends.iter().map(|end| end.id().to_owned()).collect();
        assert_eq!(sent.len(), 1, "one message, however often it was sent");
    }
}

#[test]
fn services_of_three_roles_do_the_work_of_one() {
    let Some(shared) = Shared::begin() else { return };
    let sink = Sink::start(|_, _| status(204));
    let allow = ("VERBATIM__WEBHOOKS__ALLOW", "127.0.0.1");
    let api = shared.start(&[("VERBATIM__NODE__ROLE", "api"), allow]);
    let bytes = std::fs::read(fixtures::audio("en_short.wav")).unwrap();
    let submit = || {
        let url = sink.url("/hook");
        api.post_form("/jobs", Some(("a.wav", &bytes)), &[("webhook_url", &url)])
    };
    // No service runs jobs.
    let refused = submit();
    assert_eq!((refused.status, refused.error().as_str()), (503, "model_not_ready"));
    assert_eq!(refused.header("retry-after"), Some("60"));
    let shown = api.get("/model/status").json();
    assert_eq!(
        (&shown["state"], &shown["error"]["code"]),
        (&"failed".into(), &"no_worker".into()),
        "{shown}"
    );
    assert_eq!(api.get("/workers").json(), serde_json::json!({ "workers": [] }));

    let named = [("VERBATIM__NODE__ROLE", "worker"), ("VERBATIM__NODE__NAME", "gpu-1")];
    let worker = shared.start(&named);
    let notifier = shared.start(&[("VERBATIM__NODE__ROLE", "notifier"), allow]);
    until_shown(&api, "unloaded");
    // As with one service: the load is triggered, and the client comes again.
    let refused = submit();
    assert_eq!((refused.status, refused.error().as_str()), (503, "model_not_ready"), "{refused:?}");
    until_shown(&api, "ready");
    let taken = submit();
    assert_eq!(taken.status, 202, "{taken:?}");
    let id = taken.json()["id"].as_str().unwrap().to_owned();
    let job = api.finished(&id);
    assert_eq!(job["result"]["text"], fixtures::truth("en_short.wav")["text"]);

    let workers = api.get("/workers").json();
    let listed = &workers["workers"][0];
    assert_eq!(workers["workers"].as_array().unwrap().len(), 1, "{workers}");
    assert_eq!(
        (&listed["name"], &listed["live"], &listed["state"]),
        (&"gpu-1".into(), &true.into(), &"ready".into())
    );
    let memory = api.get("/model/status").json()["memory"]["used_by_model_bytes"].as_u64().unwrap();
    assert!(memory > 1_000_000, "{memory}");
    assert_eq!(notifier.get("/model/status?worker=gpu-1").json()["state"], "ready");
    let unknown = api.get("/model/status?worker=gpu-2");
    assert_eq!((unknown.status, unknown.error().as_str()), (404, "worker_not_found"));

    let ends = sink.until_any("/hook", |received| received.json()["type"] == "job_completed");
    assert_eq!(ends[0].json()["data"]["job_id"], id.as_str());
    let unloaded = api.post("/model/unload?wait=true&hold_secs=0");
    assert_eq!((unloaded.status, &unloaded.json()["state"]), (200, &"unloaded".into()));
    assert_eq!(worker.get("/model/status").json()["state"], "unloaded");
    let gone = sink.until_any("/hook", |received| received.json()["type"] == "model_unloaded");
    assert_eq!(gone[0].json()["data"]["worker"], "gpu-1");
    let loaded = notifier.post("/model/load?wait=true&worker=gpu-1");
    assert_eq!((loaded.status, &loaded.json()["state"]), (200, &"ready".into()));

    // The service drains: what comes now waits for another worker.
    assert_eq!(worker.post("/admin/drain").json(), serde_json::json!({ "draining": true, "jobs": [] }));
    assert_eq!(worker.get("/health/ready").status, 503);
    until_shown(&api, "failed");
    let waiting = api.queue("en_short.wav", &[("language", "en")]);
    assert_eq!(worker.delete("/admin/drain").status, 200);
    assert_eq!(api.finished(&waiting)["status"], "completed");
}

#[test]
fn one_job_does_not_load_its_model_everywhere() {
    let Some(shared) = Shared::begin() else { return };
    let api = shared.start(&[("VERBATIM__NODE__ROLE", "api")]);
    let workers = ["gpu-1", "gpu-2", "gpu-3"]
        .map(|name| shared.start(&[("VERBATIM__NODE__ROLE", "worker"), ("VERBATIM__NODE__NAME", name)]));
    let all_are_there = || api.get("/workers").json()["workers"].as_array().unwrap().len() == workers.len();
    while !all_are_there() {}
    for _ in 0..3 {
        let job = api.queue("en_short.wav", &[("language", "en")]);
        assert_eq!(api.finished(&job)["status"], "completed");
    }
    let ready =
        workers.iter().filter(|worker| worker.get("/model/status").json()["state"] == "ready").count();
    assert_eq!(ready, 1, "{}", api.get("/workers").text);
    // With more work than one can do, others help.
    let jobs: Vec<_> = (0..6).map(|_| api.queue("long.ogg", &[])).collect();
    let helps = |worker: &Service| {
        !worker.get("/debug/state").json()["jobs"]["running"].as_array().unwrap().is_empty()
    };
    while workers.iter().filter(|worker| helps(worker)).count() < 2 {}
    for job in &jobs {
        api.delete(&format!("/jobs/{job}"));
    }
}

#[test]
fn a_role_without_a_shared_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let output = super::service::command(dir.path()).args(["serve", "--role", "worker"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("node.role: must be \"all\" unless storage.url"), "{said}");
}
