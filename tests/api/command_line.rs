//! The commands beside `serve`.

use std::fs;
use std::process::Output;

use super::fixtures;
use super::service::{Service, command};

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn a_file_is_transcribed_here_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let output =
        command(dir.path()).arg("transcribe").arg(fixtures::audio("en_phrases.wav")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output).trim_end(), fixtures::text("en_phrases.wav"));
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad.wav");
    fs::write(&bad, "no audio").unwrap();
    let output = command(dir.path())
        .args(["transcribe", "--format", "srt", "-o"])
        .arg(dir.path().join("out"))
        .args([&bad, &fixtures::audio("en_short.wav")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad.wav"));
    assert!(fs::read_to_string(dir.path().join("out/en_short.srt")).unwrap().contains("One two three."));
}

#[test]
fn a_file_is_transcribed_by_a_server() {
    let service = Service::start();
    let output = command(service.dir.path())
        .args(["transcribe", "--server", &service.base, "--format", "text"])
        .arg(fixtures::audio("de_phrases.wav"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output).trim_end(), fixtures::text("de_phrases.wav"));
}

#[test]
fn subtitles_have_the_same_shape_locally_and_on_a_server() {
    let service = Service::start();
    let run = |args: &[&str]| {
        let mut command = command(service.dir.path());
        command.args(["transcribe", "--word-timestamps"]).args(args).arg(fixtures::audio("en_short.wav"));
        command.output().unwrap()
    };
    let narrow = ["--format", "srt", "--max-line-chars", "8", "--max-lines", "1"];
    let here = run(&narrow);
    assert!(text(&here).contains("\nOne two\n\n2\n"), "{here:?}");
    let there = run(&[&["--server", &service.base][..], &narrow[..]].concat());
    assert_eq!(text(&there), text(&here), "{there:?}");

    for (args, named) in [
        (&["--format", "vtt", "--max-cps", "0"][..], "max_cps must be a number from 1 to 100"),
        (&["--max-lines", "2"], "--format srt or vtt"),
    ] {
        let refused = run(args);
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(named), "{refused:?}");
    }
}

#[test]
fn a_model_file_is_inspected() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path()).args(["models", "inspect"]).arg(fixtures::model()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output).contains("q8_0") && text(&output).contains("multilingual"), "{}", text(&output));
    let listed = command(dir.path()).args(["models", "list"]).output().unwrap();
    assert!(text(&listed).contains("base.en"));
}

#[test]
fn an_unknown_model_and_a_bad_option_are_bad_usage() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path()).args(["transcribe"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let output = command(dir.path()).args(["models", "pull", "enormous"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("base.en"), "{output:?}");
}
