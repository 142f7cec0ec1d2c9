//! `verbatim transcribe`.

use std::fs;
use std::process::Stdio;

use super::{client, command, errors, fixtures, printed, text};
use crate::by_url::{Source, file, recording};
use crate::service::Service;

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
fn a_folder_is_transcribed_into_several_formats() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("in/more")).unwrap();
    fs::copy(fixtures::audio("en_short.wav"), dir.path().join("in/a.wav")).unwrap();
    fs::copy(fixtures::audio("en_short.wav"), dir.path().join("in/more/b.wav")).unwrap();
    fs::write(dir.path().join("in/notes.txt"), "no recording").unwrap();
    let run = |more: &[&str]| {
        let arguments = ["transcribe", "in", "--recursive", "-f", "srt,text", "-o", "out"];
        command(dir.path()).args(arguments).args(more).output().unwrap()
    };
    let done = run(&[]);
    assert!(done.status.success(), "{done:?}");
    assert!(errors(&done).contains("wrote out/more/b.srt"), "{}", errors(&done));
    assert_eq!(fs::read_to_string(dir.path().join("out/a.txt")).unwrap(), "One two three.\n");
    let refused = run(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("out/a.srt is there already"), "{}", errors(&refused));
    assert!(run(&["--overwrite", "--include", "b*"]).status.success());
}

#[test]
fn standard_input_is_transcribed_here_and_on_a_server() {
    let service = Service::start();
    for (server, progress) in [("", "none"), (service.base.as_str(), "plain")] {
        let mut command = command(service.dir.path());
        command.env("VERBATIM_SERVER", server).args(["transcribe", "-", "--progress", progress]);
        command.stdin(Stdio::from(fs::File::open(fixtures::audio("en_short.wav")).unwrap()));
        assert_eq!(printed(&mut command), "One two three.\n");
    }
    assert_eq!(service.get("/jobs").json()["jobs"][0]["audio"]["filename"], "stdin");
}

#[test]
fn a_url_is_fetched_by_who_transcribes_it() {
    let source = Source::start(vec![("/talk.wav", file(recording("en_short.wav")))]);
    let service = Service::start_with(&[("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true")]);
    let url = source.url("/talk.wav");
    assert_eq!(printed(&mut client(&service, &["transcribe", &url])), "One two three.\n");
    let refused = command(service.dir.path()).args(["transcribe", &url]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("webhooks.allow"), "{}", errors(&refused));
    let mut here = command(service.dir.path());
    here.env("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true").args(["transcribe", &url, "-o", "out"]);
    printed(&mut here);
    assert_eq!(fs::read_to_string(service.dir.path().join("out/talk.txt")).unwrap(), "One two three.\n");
}

#[test]
fn a_server_is_named_without_a_scheme() {
    let service = Service::start();
    let bare = service.base.strip_prefix("http://").unwrap();
    let mut command = command(service.dir.path());
    command.args(["transcribe", "--server", bare]).arg(fixtures::audio("en_short.wav"));
    assert_eq!(printed(&mut command), "One two three.\n");
}
