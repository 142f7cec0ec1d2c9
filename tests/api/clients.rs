//! Programs that others wrote, as `scripts/setup-tests.sh` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-tests`", path.display());
    path
}

/// Python with the libraries of `tests/clients/requirements.txt`, about to run a script of that folder.
pub fn python(script: &str) -> Command {
    let mut command = Command::new(installed("venv/bin/python"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script));
    command
}

/// Node with the packages of `tests/clients/package.json`, about to run a script of that folder.
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", installed("node/node_modules"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script));
    command
}

/// What a program printed. It must have ended well.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complained}", output.status);
    said.into_owned()
}
