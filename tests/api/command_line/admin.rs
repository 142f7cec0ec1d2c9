//! `verbatim admin`.

use super::{command, errors, json, printed};
use crate::service::Service;

#[test]
fn a_backup_of_a_running_service_is_restored_elsewhere() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    let copy = service.dir.path().join("copy");
    let backup = || {
        let mut command = command(service.dir.path());
        command.args(["admin", "backup"]).arg(&copy);
        command
    };
    assert!(printed(&mut backup()).starts_with("copied 1 job with 1 recording ("));
    let again = backup().output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(errors(&again).contains("is not empty"), "{}", errors(&again));
    let other = tempfile::tempdir().unwrap();
    let restored = json(command(other.path()).args(["admin", "restore", "--json"]).arg(&copy));
    assert_eq!(restored["jobs"], 1);
    let mut restored = Service::start_in(other, &[]);
    assert_eq!(restored.job(&id)["result"]["text"], "One two three.");

    let restore = |service: &Service, more: &[&str]| {
        command(service.dir.path()).args(["admin", "restore"]).arg(&copy).args(more).output().unwrap()
    };
    let in_use = restore(&restored, &["--force"]);
    assert_eq!(in_use.status.code(), Some(1));
    assert!(errors(&in_use).contains("in use by another running service"), "{}", errors(&in_use));
    assert_eq!(restored.delete(&format!("/jobs/{id}")).status, 204);
    let (_, dir) = restored.stop();
    let refused = command(dir.path()).args(["admin", "restore"]).arg(&copy).output().unwrap();
    assert!(errors(&refused).contains("--force"), "{}", errors(&refused));
    printed(command(dir.path()).args(["admin", "restore", "--force"]).arg(&copy));
    restored = Service::start_in(dir, &[]);
    assert_eq!(restored.job(&id)["status"], "completed");
}
