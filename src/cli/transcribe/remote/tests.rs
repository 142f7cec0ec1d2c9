//! Against a small server that does what the real one may do.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actors::domain::jobs::options::Task;

use super::*;
use crate::cli::progress::ProgressMode;
use crate::transcript::Format;

/// How often each route was called, and what with.
#[derive(Default)]
struct Calls {
    submitted: AtomicUsize,
    body: Mutex<String>,
    last_ids: Mutex<Vec<String>>,
    authorization: Mutex<Option<String>>,
    deleted: AtomicUsize,
    /// How the job ends.
    status: Mutex<&'static str>,
}

fn header(request: &HttpRequest, name: &str) -> Option<String> {
    request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

fn job(status: &str) -> serde_json::Value {
    let error =
        (status == "failed").then(|| serde_json::json!({"code": "corrupt_audio", "message": "it is noise"}));
    serde_json::json!({"id": "j1", "status": status, "error": error, "progress": null})
}

/// Too busy at first.
async fn submit(calls: web::Data<Calls>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    if calls.submitted.fetch_add(1, Ordering::SeqCst) == 0 {
        let error = serde_json::json!({"error": {"message": "the queue is full", "code": "queue_full"}});
        return HttpResponse::TooManyRequests().insert_header(("retry-after", "0")).json(error);
    }
    assert_eq!(request.query_string(), "queue=true");
    *calls.body.lock().unwrap() = String::from_utf8(body.to_vec()).unwrap();
    *calls.authorization.lock().unwrap() = header(&request, "authorization");
    HttpResponse::Accepted().json(job("queued"))
}

/// The first connection breaks off after the second event.
async fn events(calls: web::Data<Calls>, request: HttpRequest) -> HttpResponse {
    let last_id = header(&request, "last-event-id").unwrap_or_default();
    calls.last_ids.lock().unwrap().push(last_id.clone());
    let text = match last_id.as_str() {
        "" => {
            "retry: 0\nid: 1\nevent: queued\ndata: {}\n\n: comment\n\nid: 2\nevent: started\ndata: {}\n\nid: 3\nev"
        }
        _ => {
            *calls.status.lock().unwrap() =
                if calls.body.lock().unwrap().contains("noise") { "failed" } else { "completed" };
            "id: 3\nevent: progress\ndata: {\"percent\":50,\"chunk\":1,\"chunks_total\":1,\"eta_secs\":null}\n\nid: 4\nevent: completed\ndata: {}\n\n"
        }
    };
    HttpResponse::Ok().content_type("text/event-stream").body(text)
}

async fn show(calls: web::Data<Calls>) -> HttpResponse {
    HttpResponse::Ok().json(job(*calls.status.lock().unwrap()))
}

async fn delete(calls: web::Data<Calls>) -> HttpResponse {
    calls.deleted.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().json(job("cancelled"))
}

async fn transcript(request: HttpRequest) -> HttpResponse {
    HttpResponse::Ok().body(format!("One two three. ({})", request.query_string()))
}

fn start() -> (String, web::Data<Calls>) {
    let calls = web::Data::new(Calls::default());
    *calls.status.lock().unwrap() = "running";
    let data = calls.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .route("/jobs", web::post().to(submit))
            .route("/jobs/j1", web::get().to(show))
            .route("/jobs/j1", web::delete().to(delete))
            .route("/jobs/j1/events", web::get().to(events))
            .route("/jobs/j1/transcript", web::get().to(transcript))
    })
    .workers(1)
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_rt::spawn(server.run());
    (url, calls)
}

fn wanted() -> Wanted {
    Wanted {
        formats: vec![Format::Srt, Format::Text],
        language: None,
        languages: vec![],
        task: Task::Transcribe,
        model: Default::default(),
        prompt: None,
        word_timestamps: false,
        part: Default::default(),
        subtitles: Default::default(),
    }
}

fn recording(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("talk.wav");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

async fn transcribe(url: &str, file: &Path) -> Result<Vec<String>, Stop> {
    let server = Server::new(url.parse().unwrap(), Some("secret-key")).unwrap();
    let (wanted, meter) = (wanted(), Meter::new(ProgressMode::None));
    let source = Sent::File(file.to_owned());
    let job = RemoteJob { server: &server, wanted: &wanted, meter: &meter, id: Cell::default() };
    job.transcribe(&source).await
}

#[actix_rt::test]
async fn a_full_queue_and_a_broken_stream_are_retried() {
    let (url, calls) = start();
    let (_dir, file) = recording("speech");
    let documents = transcribe(&url, &file).await.unwrap();
    assert_eq!(documents, ["One two three. (format=srt)", "One two three. (format=text)"]);
    assert_eq!(calls.submitted.load(Ordering::SeqCst), 2);
    assert!(calls.body.lock().unwrap().contains("filename=\"talk.wav\""));
    assert!(calls.body.lock().unwrap().contains("\r\n\r\nspeech\r\n--verbatim-"));
    assert_eq!(*calls.last_ids.lock().unwrap(), ["", "2"]);
    assert_eq!(calls.authorization.lock().unwrap().as_deref(), Some("Bearer secret-key"));
}

#[actix_rt::test]
async fn a_failed_job_is_reported_with_the_servers_reason() {
    let (url, _calls) = start();
    let (_dir, file) = recording("noise");
    let Err(Stop::File(reason)) = transcribe(&url, &file).await else { panic!("it failed") };
    assert_eq!(reason, "it is noise (corrupt_audio)");
}

#[actix_rt::test]
async fn a_job_without_callers_is_cancelled_once() {
    let (url, calls) = start();
    let server = Server::new(url.parse().unwrap(), None).unwrap();
    let (wanted, meter) = (wanted(), Meter::new(ProgressMode::None));
    let task =
        RemoteJob { server: &server, wanted: &wanted, meter: &meter, id: Cell::new(Some("j1".into())) };
    task.cancel().await;
    task.cancel().await;
    assert_eq!(calls.deleted.load(Ordering::SeqCst), 1);
}

#[actix_rt::test]
async fn a_server_that_is_not_there_stops_everything() {
    let (_dir, file) = recording("speech");
    // Bound and closed again: the port is free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let Err(Stop::All(Failure::Server(message))) = transcribe(&url, &file).await else {
        panic!("no server listens there")
    };
    assert!(message.starts_with(&format!("{url} cannot be reached")), "{message}");
}

#[actix_rt::test]
async fn something_else_than_the_service_is_recognised() {
    let server = HttpServer::new(|| App::new().default_service(web::to(|| async { "hello" })))
        .workers(1)
        .bind("127.0.0.1:0")
        .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_rt::spawn(server.run());
    let (_dir, file) = recording("speech");
    let Err(Stop::Later(message)) = transcribe(&url, &file).await else { panic!("not Verbatim") };
    assert!(message.contains("check the address"), "{message}");
}

#[test]
fn only_a_refused_recording_is_to_blame_for_its_failure() {
    let refused = |status| of_submission(Fault::Refused { status, reason: "no".into() });
    for status in [408, 500, 502, 504] {
        assert!(matches!(refused(status), Stop::Later(_)), "{status}");
    }
    for status in [400, 413, 415] {
        assert!(matches!(refused(status), Stop::File(_)), "{status}");
    }
    let broken = of_submission(Fault::Broken { url: "http://a".into(), detail: "reset".into() });
    assert!(matches!(broken, Stop::Later(_)));
    assert!(is_passing(Some("model_failed")) && !is_passing(Some("corrupt_audio")));
}
