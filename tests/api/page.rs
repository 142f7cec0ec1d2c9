//! The web page: how its files are served, and what a person does with it in a browser. The latter is in `tests/web`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;

use super::clients::{browser_test, node, output};
use super::hub::Hub;
use super::pulls;
use super::service::{SLOW, Service, free_port};

const KEY: &str = "a-key-of-many-letters-for-the-page";
const KEYS: [(&str, &str); 2] = [("VERBATIM__AUTH__MODE", "keys"), ("VERBATIM__AUTH__KEYS", KEY)];
/// The test's own server of recordings is on this machine.
const LOOPBACK: (&str, &str) = ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true");

/// Runs a test of `tests/web` against a service, where there is a browser.
fn in_browser(script: &str, service: &Service) {
    let Some(mut command) = browser_test(script) else { return };
    output(command.arg(&service.base).env("KEY", KEY));
}

#[test]
fn the_page_is_served_without_a_key_and_may_load_nothing_else() {
    let service = Service::start_with(&KEYS);
    let page = service.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(service.get("/jobs").status, 401, "what it shows is not served without a key");
    for (accept, status) in [("application/json", 404), ("text/html,*/*;q=0.8", 200), ("*/*", 200)] {
        assert_eq!(service.get_with("/", &[("accept", accept)]).status, status, "{accept}");
    }
    assert_eq!(service.post("/").status, 401);
}

#[test]
fn files_of_the_page_are_compressed_and_cached() {
    let service = Service::start();
    let page = service.get("/");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let tag = page.header("etag").unwrap();
    let again = service.get_with("/", &[("if-none-match", tag)]);
    assert_eq!((again.status, again.text.as_str()), (304, ""));

    let script = page.text.split('"').find(|part| part.ends_with("/app.js")).unwrap();
    let answer = service.get(&format!("/{script}"));
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert!(answer.header("cache-control").unwrap().contains("immutable"), "{answer:?}");
    let (_, compressed) = service.get_bytes(&format!("/{script}"), &[("accept-encoding", "gzip")]);
    let mut text = String::new();
    GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, answer.text);
    assert!(compressed.len() < text.len());

    // A page from before an update gets the present files, and does not keep them.
    let older = service.get("/web/0123456789abcdef/app.js");
    assert_eq!((older.status, older.header("cache-control")), (200, Some("no-cache")));
    assert_eq!(service.get("/web/1/none.js").error(), "route_not_found");
}

#[test]
fn recordings_come_in_by_file_drop_and_address() {
    in_browser("upload.mjs", &Service::start_with(&[LOOPBACK]));
}

#[test]
fn the_page_records_from_the_microphone() {
    in_browser("microphone.mjs", &Service::start());
}

#[test]
fn the_page_shows_and_steers_the_queue() {
    in_browser("queue.mjs", &Service::start_with(&SLOW));
}

#[test]
fn a_long_list_of_jobs_comes_page_by_page() {
    in_browser("paging.mjs", &Service::start());
}

#[test]
fn the_page_is_usable_by_keyboard_on_phones_and_in_german() {
    in_browser("access.mjs", &Service::start());
}

#[test]
fn a_transcript_is_read_beside_its_player() {
    in_browser("transcript.mjs", &Service::start());
}

#[test]
fn text_and_speakers_are_edited_and_the_original_stays() {
    in_browser("edit.mjs", &Service::start());
}

#[test]
fn words_keep_their_times_and_changes_can_be_undone() {
    output(&mut node("../web/draft.mjs"));
}

#[test]
fn the_page_shows_and_steers_the_model() {
    in_browser("model.mjs", &Service::start());
}

#[test]
fn the_page_says_why_the_model_waits() {
    let limit = [("VERBATIM__ENGINE__MEMORY_LIMIT_BYTES", "25000000"), ("VERBATIM__ENGINE__THREADS", "1")];
    in_browser("waiting.mjs", &Service::start_with(&limit));
}

#[test]
fn the_page_asks_for_a_key_and_works_with_it() {
    in_browser("sign_in.mjs", &Service::start_with(&KEYS));
}

#[test]
fn a_model_is_downloaded_from_the_page() {
    let Some(mut command) = browser_test("pull.mjs") else { return };
    let hub = Hub::start(pulls::files());
    hub.hold_at(1000);
    let service = pulls::service(&hub, &[]);
    converse(command.arg(&service.base).env("MODEL", pulls::NAME), |asked| match asked {
        "send the rest" => hub.let_go(),
        other => panic!("asked for {other:?}"),
    });
}

#[test]
fn the_page_goes_on_after_the_service_was_killed() {
    let Some(mut command) = browser_test("outage.mjs") else { return };
    // A port that is free now: the page finds the service where it was.
    let port = free_port().to_string();
    let mut service = Service::start_with(&[("VERBATIM__SERVER__PORT", &port)]);
    converse(command.arg(&service.base), |asked| match asked {
        "kill" => service.kill(),
        "start" => service.restart(),
        other => panic!("asked for {other:?}"),
    });
}

/// Runs a test that asks for something, a line each time, and waits until it is done.
fn converse(command: &mut Command, mut act: impl FnMut(&str)) {
    let mut test = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut answers = test.stdin.take().unwrap();
    for line in BufReader::new(test.stdout.take().unwrap()).lines() {
        act(&line.unwrap());
        writeln!(answers, "done").unwrap();
    }
    assert!(test.wait().unwrap().success());
}
