//! Several services on one PostgreSQL database, with their recordings in one folder.

use std::collections::HashSet;

use serde_json::Value;

use super::fixtures;
use super::postgres::{cluster::Cluster, is_whole};
use super::service::Service;
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
