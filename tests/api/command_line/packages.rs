//! What packages take from the program.

use std::fs;

use super::{command, printed};

#[test]
fn completions_and_manual_pages_know_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(command(dir.path()).args(["completions", shell]));
        assert!(script.contains("transcribe") && script.contains("word-timestamps"), "{shell}");
    }
    printed(command(dir.path()).args(["man", "man1"]));
    let page = fs::read_to_string(dir.path().join("man1/verbatim-models-pull.1")).unwrap();
    assert!(page.contains("verbatim"), "{page}");
    assert!(!dir.path().join("man1/verbatim-engine-worker.1").exists());
}
