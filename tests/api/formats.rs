//! Recordings of every kind that people have, made by ffmpeg and sox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::clients::output;
use super::fixtures;
use super::service::Service;

/// The bundled phrases, converted by ffmpeg.
fn with_ffmpeg(dir: &Path, name: &str, args: &[&str]) -> PathBuf {
    let file = dir.join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(fixtures::audio("en_phrases.wav"));
    output(command.args(args).arg(&file));
    file
}

#[test]
fn what_only_ffmpeg_knows_is_transcribed_with_it_and_refused_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = with_ffmpeg(dir.path(), "a.wma", &["-c:a", "wmav2", "-b:a", "128k"]);
    let bytes = fs::read(file).unwrap();
    let auto = Service::start();
    let answer = auto.post_form("/jobs?queue=true", Some(("talk.mp3", &bytes)), &[]);
    assert_eq!(answer.status, 202, "{answer:?}");
    let job = auto.finished(answer.json()["id"].as_str().unwrap());
    assert_eq!(job["result"]["text"], fixtures::text("en_phrases.wav"), "{job}");
    let off = Service::start_with(&[("VERBATIM__AUDIO__FFMPEG", "off")]);
    let answer = off.post_form("/jobs?queue=true", Some(("talk.mp3", &bytes)), &[]);
    assert_eq!((answer.status, answer.error().as_str()), (415, "unsupported_media"));
}
