//! Programs that others wrote, as `scripts/setup-tests.sh` installs them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-tests`", path.display());
    path
}

/// The folder of Python with the libraries of `tests/clients/requirements.txt`.
pub fn python_folder() -> PathBuf {
    installed("venv/bin")
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

/// Where browsers are that the tests of the web page can use.
const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/// Node about to run a test of the web page in `tests/web`; `None` where there is no browser.
pub fn browser_test(script: &str) -> Option<Command> {
    if !BROWSERS.iter().any(|program| Path::new(program).exists()) {
        let _ =
            writeln!(std::io::stderr(), "skipped: Chromium is not installed, `make setup-tests` says why");
        return None;
    }
    Some(node(&format!("../web/{script}")))
}

/// Schemathesis with the configuration of `tests/clients`; `None` where it could not be installed.
pub fn schemathesis() -> Option<Command> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/clients/schemathesis/bin/st");
    if !program.exists() {
        // Past what tests print, which is shown of failures alone.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: schemathesis is not installed, `make setup-tests` says why"
        );
        return None;
    }
    let mut command = Command::new(program);
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", root.join("tests/clients/schemathesis_hooks.py"))
        .arg("--config-file")
        .arg(root.join("tests/clients/schemathesis.toml"))
        .args(["--no-color", "run"]);
    Some(command)
}

/// The output of a program. It must have succeeded.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complained}", output.status);
    said.into_owned()
}
