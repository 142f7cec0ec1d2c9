//! The commands of the README and of the guides run as they are written.
//!
//! Blocks in `sh`, `python`, `js` and `toml` are run, in the order of their document, in a folder with a recording `talk.mp3` and
//! beside a service at `localhost:8080`. A command that needs what a test machine may lack says so in its info string:
//! `sh needs:docker`.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::clients::{output, python_folder};
use super::fixtures;
use super::service::{PROGRAM, Service, command};

/// What is run, and with which program; settings are read by `verbatim config`.
const RUN: [(&str, &str); 4] = [
    ("sh", "bash -euo pipefail"),
    ("python", "python3"),
    ("js", "node --input-type=module"),
    ("toml", "verbatim config --config"),
];
/// What is shown: answers, and files of other programs. `scripts/check-proxy.sh` runs the proxies'.
const SHOWN: [&str; 7] = ["text", "nginx", "caddyfile", "yaml", "ini", "json", "mermaid"];
/// What a command may need beyond a test machine.
const NEEDS: [&str; 8] = ["docker", "kubernetes", "network", "root", "gpu", "build", "keys", "desktop"];

struct Block {
    language: String,
    needs: Option<String>,
    line: usize,
    code: String,
}

#[test]
fn commands_of_readme_and_guides_run() {
    for document in documents() {
        let blocks: Vec<_> = blocks(&document).into_iter().filter(|block| block.needs.is_none()).collect();
        let script = script(&document, &blocks);
        if script.is_empty() {
            continue;
        }
        let service = Service::start();
        let dir = service.dir.path();
        fs::create_dir(dir.join("bin")).unwrap();
        symlink(PROGRAM, dir.join("bin/verbatim")).unwrap();
        fs::copy(fixtures::audio("en_stereo44k.mp3"), dir.join("talk.mp3")).unwrap();
        let address = service.base.strip_prefix("http://").unwrap();
        fs::write(dir.join("script"), script.replace("localhost:8080", address)).unwrap();
        let path =
            format!("{}/bin:{}:{}", dir.display(), python_folder().display(), std::env::var("PATH").unwrap());
        let mut bash = Command::new("timeout");
        bash.args(["120", "bash", "-euo", "pipefail", "script"]);
        bash.envs(command(dir).get_envs().filter_map(|(name, value)| Some((name, value?))));
        output(bash.env("PATH", path).env("HOME", dir).current_dir(dir));
    }
}

#[test]
fn every_command_of_the_guides_runs_or_says_what_it_needs() {
    for document in documents() {
        for Block { language, needs, line, .. } in blocks(&document) {
            let place = format!("{}:{line}", document.display());
            let runs = RUN.iter().any(|(name, _)| *name == language);
            assert!(
                runs || SHOWN.contains(&&*language),
                "{place}: write {language:?} as one of {RUN:?} {SHOWN:?}"
            );
            let Some(needs) = needs else { continue };
            assert!(runs && NEEDS.contains(&&*needs), "{place}: {needs:?} is not one of {NEEDS:?}");
        }
    }
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guides = fs::read_dir(root.join("docs/guides")).unwrap().map(|entry| entry.unwrap().path());
    let mut documents: Vec<_> = guides.chain([root.join("README.md")]).collect();
    documents.sort();
    documents
}

fn blocks(document: &Path) -> Vec<Block> {
    let text = fs::read_to_string(document).unwrap();
    let mut blocks = vec![];
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let (language, needs) = info.split_once(' ').unwrap_or((info, ""));
        let code = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        blocks.push(Block {
            language: language.to_owned(),
            needs: (!needs.is_empty()).then(|| needs.trim_start_matches("needs:").to_owned()),
            line: number + 1,
            code: code.fold(String::new(), |code, line| code + line + "\n"),
        });
    }
    blocks
}

/// One script for a document: `sh` blocks share their variables.
fn script(document: &Path, blocks: &[Block]) -> String {
    let mut script = String::new();
    for block in blocks {
        let Some((_, program)) = RUN.iter().find(|(name, _)| *name == block.language) else { continue };
        writeln!(script, "echo '# {}:{}' >&2", document.display(), block.line).unwrap();
        match &*block.language {
            "sh" => script.push_str(&block.code),
            "toml" => writeln!(script, "cat >it.toml <<'END'\n{}END\n{program} it.toml", block.code).unwrap(),
            _ => writeln!(script, "{program} - <<'END'\n{}END", block.code).unwrap(),
        }
    }
    script
}
