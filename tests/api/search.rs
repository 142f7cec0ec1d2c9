//! Jobs found by what is known of them.

use serde_json::{Value, json};

use super::service::Service;

fn ids(service: &Service, query: &str) -> Vec<Value> {
    let page = service.get(&format!("/jobs?{query}"));
    assert_eq!(page.status, 200, "{query}: {page:?}");
    page.json()["jobs"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect()
}

#[test]
fn jobs_are_found_by_text_state_and_model() {
    let service = Service::start();
    let english = service.queue("en_phrases.wav", &[("metadata", r#"{"case":"Gr\u00f6\u00dfe 4711"}"#)]);
    let german = service.queue("de_phrases.wav", &[]);
    for id in [&english, &german] {
        service.finished(id);
    }
    let cancelled = service.queue("long.ogg", &[]);
    service.delete(&format!("/jobs/{cancelled}"));
    let (english, german, cancelled) = (json!(english), json!(german), json!(cancelled));
    let all = [cancelled.clone(), german.clone(), english.clone()];
    let table: [(&str, &[&Value]); 17] = [
        ("q=", &[&all[0], &all[1], &all[2]]),
        ("q=SEVEN+three", &[&english]),
        ("q=phrases.wav", &[&german, &english]),
        ("q=phrases&limit=1", &[&german]),
        ("q=gr%C3%B6%C3%9Fe+case", &[&english]),
        ("q=GR%C3%96%C3%9FE", &[&english]),
        ("q=%25", &[]),
        ("q=never+said+this", &[]),
        ("status=completed", &[&german, &english]),
        ("status=cancelled,completed", &[&all[0], &all[1], &all[2]]),
        ("status=failed,queued", &[]),
        ("status=cancelled&q=long", &[&cancelled]),
        ("status=failed&q=long", &[]),
        ("model=words-q8_0&status=cancelled", &[&cancelled]),
        ("model=whisper-1&q=phrases", &[&german, &english]),
        ("model=large", &[]),
        ("model=large&q=phrases", &[]),
    ];
    for (query, expected) in table {
        assert_eq!(
            ids(&service, query),
            expected.iter().map(|id| (*id).clone()).collect::<Vec<_>>(),
            "{query}"
        );
    }
    for id in &all {
        assert_eq!(ids(&service, &format!("q={}", id.as_str().unwrap())), std::slice::from_ref(id));
    }
    let path = format!("/jobs/{}/transcript", german.as_str().unwrap());
    let edit = json!({ "base_revision": 0, "segments": [{ "start": 0, "end": 1, "text": "Corrected.", "speaker": "Zoe" }] });
    assert_eq!(service.put_json(&path, &edit).status, 200);
    assert_eq!(ids(&service, "q=zoe+CORRECTED"), [german]);
}

#[test]
fn what_cannot_be_listed_is_refused_with_its_parameter() {
    let service = Service::start();
    let long = "x".repeat(201);
    let table = [
        ("status=done", "status"),
        ("status=", "status"),
        ("status=queued,", "status"),
        ("status=queued,Failed", "status"),
        (&format!("q={long}"), "q"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("cursor=last", "cursor"),
        ("order=oldest", "order"),
    ];
    for (query, param) in table {
        let refused = service.get(&format!("/jobs?{query}"));
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_query"), "{query}");
        assert!(param == "order" || refused.json()["error"]["param"] == param, "{refused:?}");
    }
    for query in ["q=%00%ff%27%22--;drop+table+jobs", "q=*+%3F+%5B+a%5D", "model=%00&q=a"] {
        assert_eq!(ids(&service, query), Vec::<Value>::new());
    }
}

#[test]
fn a_search_finds_jobs_again_after_a_restart() {
    let mut service = Service::start();
    let id = service.queue("en_phrases.wav", &[]);
    service.finished(&id);
    service.kill_and_restart();
    assert_eq!(ids(&service, "q=seven+nine"), [json!(id)]);
    assert_eq!(service.delete(&format!("/jobs/{id}")).status, 204);
    assert_eq!(ids(&service, "q=seven+nine"), Vec::<Value>::new());
}
