//! `verbatim transcribe --watch`.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use super::{command, fixtures};
use crate::service::wait_until;

/// Killed at the end of its test.
struct Watcher(Child);

impl Watcher {
    fn start(dir: &Path) -> Self {
        let mut command = command(dir);
        command.args(["transcribe", "--watch", "in", "--recursive"]).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Waits until a file has a text.
fn until_written(path: &Path, text: &str) {
    wait_until(&format!("never written: {}", path.display()), || {
        fs::read_to_string(path).is_ok_and(|whole| whole.contains(text))
    });
}

#[test]
fn what_appears_is_transcribed_once_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("in/more")).unwrap();
    let put = |name: &str| fs::copy(fixtures::audio("en_short.wav"), dir.path().join(name)).unwrap();
    let first = Watcher::start(dir.path());
    put("in/a.wav");
    until_written(&dir.path().join("in/a.txt"), "One two three.\n");
    until_written(&dir.path().join("in/.verbatim-watch"), "a.wav");
    drop(first);
    fs::remove_file(dir.path().join("in/a.txt")).unwrap();
    put("in/more/b.wav");
    let _second = Watcher::start(dir.path());
    until_written(&dir.path().join("in/more/b.txt"), "One two three.\n");
    assert!(!dir.path().join("in/a.txt").exists(), "it was done before");
}
