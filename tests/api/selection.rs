//! Jobs of one audio track, and of a range of time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::clients::output;
use super::fixtures;
use super::service::{Service, command};

/// What is said in the bundled phrases from 4.4 to 7.8 s.
const IN_THE_MIDDLE: &str = "Nine stop start. Three eight no.";

/// A tone in German, which is the default track, and the bundled phrases in English.
fn two_tracks(dir: &Path) -> PathBuf {
    let file = dir.join("two.mkv");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=duration=3", "-i"]);
    ffmpeg.arg(fixtures::audio("en_phrases.wav")).args(["-map", "0:a", "-map", "1:a", "-c:a", "flac"]);
    ffmpeg.args(["-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng"]);
    ffmpeg.args(["-disposition:a:0", "default", "-disposition:a:1", "0"]);
    output(ffmpeg.arg(&file));
    file
}

#[test]
fn a_job_of_a_track_and_a_range_has_the_recordings_times() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = fs::read(two_tracks(dir.path())).unwrap();
    let service = Service::start();
    let finished = |fields: &[(&str, &str)]| {
        let answer = service.post_form("/jobs?queue=true", Some(("two.mkv", &bytes)), fields);
        assert_eq!(answer.status, 202, "{answer:?}");
        service.finished(answer.json()["id"].as_str().unwrap())
    };
    let job = finished(&[("track", "eng"), ("start_secs", "4.4"), ("end_secs", "7.8"), ("language", "en")]);
    assert_eq!(job["result"]["text"], IN_THE_MIDDLE);
    let segments = job["result"]["segments"].as_array().unwrap();
    let time = |at: usize, name: &str| segments[at][name].as_f64().unwrap();
    let (start, end) = (time(0, "start"), time(segments.len() - 1, "end"));
    assert!((start - 4.94).abs() < 0.3 && (end - 7.55).abs() < 0.3, "{start} to {end}");
    let options = &job["options"];
    assert_eq!(
        (&options["track"], &options["start_secs"], &options["end_secs"]),
        (&json!("eng"), &json!(4.4), &json!(7.8))
    );
    assert_eq!((&job["audio"]["duration_secs"], &job["progress"]["percent"]), (&json!(7.8), &json!(100.0)));
    assert_eq!(job["warnings"], json!(null));
    let whole = finished(&[("language", "en")]);
    let warning = whole["warnings"][0].as_str().unwrap();
    assert!(warning.contains("2 audio tracks, 1 (ger), 2 (eng): number 1 was transcribed"), "{warning}");
}

#[test]
fn a_track_or_range_that_is_not_there_is_refused_by_its_name() {
    let service = Service::start();
    let bytes = fs::read(fixtures::audio("en_short.wav")).unwrap();
    let sent =
        |fields: &[(&str, &str)]| service.post_form("/jobs?queue=true", Some(("a.wav", &bytes)), fields);
    for (fields, param, named) in [
        (&[("track", "0")][..], "track", "use a number from 1"),
        (&[("track", "2")], "track", "no audio track \"2\": use one of 1"),
        (&[("track", "fra")], "track", "no audio track \"fra\": use one of 1"),
        (&[("start_secs", "-1")], "start_secs", "\"-1\" is not a time"),
        (&[("end_secs", "nan")], "end_secs", "\"nan\" is not a time"),
        (&[("end_secs", "1"), ("start_secs", "1")], "end_secs", "use an end_secs greater than start_secs"),
    ] {
        let answer = sent(fields);
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_option"), "{answer:?}");
        let error = &answer.json()["error"];
        assert_eq!(error["param"], param);
        assert!(error["message"].as_str().unwrap().contains(named), "{error}");
    }
    service.has_taken_nothing_in();
    let job = service.finished(sent(&[("start_secs", "9")]).json()["id"].as_str().unwrap());
    assert_eq!((&job["status"], &job["error"]["code"]), (&json!("failed"), &json!("invalid_option")));
    assert_eq!(
        job["error"]["message"],
        "start_secs is 9, but the recording ends after 1.925 s: use a smaller start_secs"
    );
}

#[test]
fn the_command_line_takes_a_track_and_a_range() {
    let dir = tempfile::tempdir().unwrap();
    let file = two_tracks(dir.path());
    let service = Service::start();
    let run = |args: &[&str]| {
        command(dir.path()).args(["transcribe", "--language", "en"]).args(args).arg(&file).output().unwrap()
    };
    let part = ["--track", "2", "--start-secs", "4.4", "--end-secs", "7.8"];
    for server in [&[][..], &["--server", &service.base]] {
        let printed = run(&[server, &part].concat());
        assert_eq!(String::from_utf8_lossy(&printed.stdout).trim_end(), IN_THE_MIDDLE, "{printed:?}");
    }
    for (args, named) in [
        (["--start-secs", "-1"].as_slice(), "\"-1\" is not a time"),
        (&["--start-secs", "5", "--end-secs", "3"], "use an end_secs greater than start_secs"),
    ] {
        let refused = run(args);
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(named), "{refused:?}");
    }
    let missing = run(&["--track", "fra"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("use one of 1 (ger), 2 (eng)"), "{missing:?}");
}
