//! Recordings given back, and their loudness.

use std::fs;

use serde_json::json;

use super::fixtures;
use super::service::Service;

#[test]
fn a_recording_is_given_back_whole_and_in_ranges() {
    let service = Service::start();
    let all = fs::read(fixtures::audio("en_short.wav")).unwrap();
    let id = service.queue("en_short.wav", &[]);
    let path = format!("/jobs/{id}/audio");
    let (whole, bytes) = service.get_bytes(&path, &[]);
    assert_eq!(whole.status, 200);
    assert!(bytes == all);
    assert_eq!(whole.header("content-type"), Some("audio/wav"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-disposition"), Some("inline; filename=\"en_short.wav\""));
    let tag = format!("\"{}\"", service.job(&id)["audio"]["sha256"].as_str().unwrap());
    assert_eq!(whole.header("etag"), Some(tag.as_str()));

    let (part, bytes) = service.get_bytes(&path, &[("range", "bytes=100-199"), ("if-range", &tag)]);
    assert_eq!(part.status, 206);
    assert!(bytes == all[100..200]);
    let length = all.len();
    assert_eq!(part.header("content-range"), Some(format!("bytes 100-199/{length}").as_str()));
    let (part, bytes) = service.get_bytes(&path, &[("range", "bytes=-44")]);
    assert!(part.status == 206 && bytes == all[length - 44..]);
    let (other, bytes) = service.get_bytes(&path, &[("range", "bytes=0-9"), ("if-range", "\"other\"")]);
    assert!(other.status == 200 && bytes == all);
    let beyond = service.get_with(&path, &[("range", "bytes=999999999-")]);
    assert_eq!((beyond.status, beyond.error().as_str()), (416, "range_not_satisfiable"));
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{length}").as_str()));
    let (unchanged, bytes) = service.get_bytes(&path, &[("if-none-match", &tag)]);
    assert_eq!((unchanged.status, bytes.len(), unchanged.header("etag")), (304, 0, Some(tag.as_str())));
    let head = service.head(&path);
    assert_eq!((head.status, head.header("content-length")), (200, Some(length.to_string().as_str())));
}

#[test]
fn a_served_recording_cannot_act_as_a_page() {
    let service = Service::start();
    let mp3 = fs::read(fixtures::audio("en_stereo44k.mp3")).unwrap();
    for (name, bytes) in [("page.html", &mp3), ("\u{fc}\"a.svg", &mp3)] {
        let answer = service.post_form("/jobs?queue=true", Some((name, bytes)), &[]);
        assert_eq!(answer.status, 202, "{answer:?}");
        let path = format!("/jobs/{}/audio", answer.json()["id"].as_str().unwrap());
        let served = service.head(&path);
        assert_eq!(served.header("content-type"), Some("audio/mpeg"), "{name}");
        assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
        let policy = served.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.ends_with("; sandbox"), "{policy}");
        assert!(served.header("content-disposition").unwrap().starts_with("inline; filename="));
    }
}

#[test]
fn a_recording_that_is_gone_has_a_code_of_its_own() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[]);
    service.finished(&id);
    for blob in fs::read_dir(service.dir.path().join("data/blobs")).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
    for path in ["audio", "audio/peaks"] {
        let gone = service.get(&format!("/jobs/{id}/{path}"));
        assert_eq!((gone.status, gone.error().as_str()), (404, "recording_not_found"), "{path}");
        for unknown in ["00000000-0000-7000-8000-000000000000", "x"] {
            let unknown = service.get(&format!("/jobs/{unknown}/{path}"));
            assert_eq!((unknown.status, unknown.error().as_str()), (404, "job_not_found"), "{path}");
        }
    }
}

#[test]
fn peaks_are_measured_once_and_cut_as_asked() {
    let service = Service::start();
    let id = service.queue("en_phrases.wav", &[("start_secs", "2"), ("end_secs", "3")]);
    let path = format!("/jobs/{id}/audio/peaks");
    let answer = service.get(&path);
    assert_eq!(answer.status, 200, "{answer:?}");
    let duration = answer.json()["duration_secs"].as_f64().unwrap();
    let truth = fixtures::truth("en_phrases.wav")["duration_secs"].as_f64().unwrap();
    assert!((duration - truth).abs() < 0.1, "of the whole recording: {duration} s");
    assert_eq!(answer.json()["peaks"].as_array().unwrap().len(), 1000);
    let eight = service.get(&format!("{path}?points=8"));
    let peaks: Vec<f64> =
        eight.json()["peaks"].as_array().unwrap().iter().map(|peak| peak.as_f64().unwrap()).collect();
    assert!(peaks.len() == 8 && peaks.iter().all(|peak| (0.0..=1.0).contains(peak)), "{peaks:?}");
    assert!(peaks.iter().any(|peak| *peak > 0.05), "{peaks:?}");
    let tag = eight.header("etag").unwrap();
    assert_ne!(Some(tag), answer.header("etag"));
    let unchanged = service.get_with(&format!("{path}?points=8"), &[("if-none-match", tag)]);
    assert_eq!(unchanged.status, 304);
    for (query, param) in
        [("points=0", "points"), ("points=4001", "points"), ("points=x", "points"), ("n=1", "n")]
    {
        let refused = service.get(&format!("{path}?{query}"));
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_query"), "{query}");
        assert!(query == "n=1" || refused.json()["error"]["param"] == json!(param), "{refused:?}");
    }
}
