//! The program under test, running on a free port with a storage folder of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::fixtures;

/// No answer takes this long: a test that hangs should say where.
pub const HANG_GUARD: Duration = Duration::from_secs(120);

/// Waits until something is so. After [`HANG_GUARD`] the test fails with `otherwise`.
pub fn wait_until(otherwise: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(otherwise, || is_so().then_some(()));
}

/// Waits until something is found, and gives it. After [`HANG_GUARD`] the test fails with `otherwise`.
pub fn wait_for<T>(otherwise: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + HANG_GUARD;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < give_up, "{otherwise}");
        thread::yield_now();
    }
}

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_verbatim");

/// Of the environment of a service under test: where its log goes, instead of the test's own.
pub const LOG_FILE: &str = "TEST_LOG_FILE";

/// Settings under which a chunk full of speech takes a while: a broad beam, and no text is likely enough.
pub const SLOW: [(&str, &str); 3] = [
    ("VERBATIM__ENGINE__BACKEND", "whisper_cpp"),
    ("VERBATIM__DECODE__LOGPROB_THOLD", "0"),
    ("VERBATIM__DECODE__BEAM_SIZE", "8"),
];

pub struct Service {
    child: Child,
    pub base: String,
    agent: Agent,
    pub dir: TempDir,
    env: Vec<(String, String)>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The error's code, once its body has the one shape that all errors have.
    pub fn error(&self) -> String {
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {self:?}"));
        let mut keys: Vec<_> = error.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "message", "param", "type"]);
        assert!(self.header("x-request-id").is_some(), "{self:?}");
        body["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: u64,
    pub name: String,
    pub data: Value,
}

/// Events as they arrive; ends with the stream.
pub struct Events(BufReader<ureq::BodyReader<'static>>);

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let (mut id, mut name, mut data) = (None, None, None);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end_matches('\n');
            match line.split_once(": ") {
                Some(("id", value)) => id = Some(value.parse().unwrap()),
                Some(("event", value)) => name = Some(value.to_owned()),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                Some(_) => {}
                None if line.is_empty() => {
                    if let (Some(id), Some(name), Some(data)) = (id.take(), name.take(), data.take()) {
                        return Some(Event { id, name, data });
                    }
                }
                None => {}
            }
        }
    }
}

impl Service {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With environment variables beside the usual ones.
    pub fn start_with(env: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), env)
    }

    /// On a storage folder that may have been used before.
    pub fn start_in(dir: TempDir, env: &[(&str, &str)]) -> Self {
        let env: Vec<_> = env.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let (child, base) = spawn(dir.path(), &env);
        Self { child, base, agent: agent(None), dir, env }
    }

    pub fn get(&self, path: &str) -> Answer {
        read(self.agent.get(self.url(path)).call().unwrap())
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.agent.get(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        read(request.call().unwrap())
    }

    /// An answer, and the bytes of its body as they are sent.
    pub fn get_bytes(&self, path: &str, headers: &[(&str, &str)]) -> (Answer, Vec<u8>) {
        let request = self.agent.get(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (parts, body) = request.call().unwrap().into_parts();
        let mut bytes = vec![];
        body.into_reader().read_to_end(&mut bytes).unwrap();
        (Answer { status: parts.status.as_u16(), headers: parts.headers, text: String::new() }, bytes)
    }

    pub fn head(&self, path: &str) -> Answer {
        read(self.agent.head(self.url(path)).call().unwrap())
    }

    pub fn options(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.agent.options(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        read(request.call().unwrap())
    }

    /// The status of an answer that may never end.
    pub fn status_of(&self, path: &str) -> u16 {
        self.agent.get(self.url(path)).call().unwrap().status().as_u16()
    }

    pub fn post(&self, path: &str) -> Answer {
        read(self.agent.post(self.url(path)).send_empty().unwrap())
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(self.url(path)).header("content-type", "application/json");
        read(request.send(body.to_string()).unwrap())
    }

    /// The same with headers.
    pub fn post_json_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let request = self.agent.post(self.url(path)).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        read(request.send(body.to_string()).unwrap())
    }

    pub fn delete(&self, path: &str) -> Answer {
        read(self.agent.delete(self.url(path)).call().unwrap())
    }

    /// Posts a form with a file and fields to a path under `/jobs`.
    pub fn post_form(&self, path: &str, file: Option<(&str, &[u8])>, fields: &[(&str, &str)]) -> Answer {
        self.post_form_with(path, &[], file, fields)
    }

    /// The same with headers.
    pub fn post_form_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        file: Option<(&str, &[u8])>,
        fields: &[(&str, &str)],
    ) -> Answer {
        let (kind, body) = form(file, fields);
        let request = self.agent.post(self.url(path)).header("content-type", kind);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        read(request.send(&body[..]).unwrap())
    }

    /// Posts a file as the form's part of that name.
    pub fn post_part(&self, path: &str, part: &str, file: (&str, &[u8])) -> Answer {
        let (kind, body) = form_with(part, Some(file), &[]);
        read(self.agent.post(self.url(path)).header("content-type", kind).send(&body[..]).unwrap())
    }

    pub fn put(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        read(self.agent.put(self.url(path)).header("content-type", kind).send(body).unwrap())
    }

    pub fn put_json(&self, path: &str, body: &Value) -> Answer {
        self.put(path, "application/json", body.to_string().as_bytes())
    }

    /// Sends every request with this key from now on.
    pub fn with_key(mut self, key: &str) -> Self {
        self.agent = agent(Some(key));
        self
    }

    /// Queues a bundled recording and gives the job's id.
    pub fn queue(&self, recording: &str, fields: &[(&str, &str)]) -> String {
        let bytes = fs::read(fixtures::audio(recording)).unwrap();
        let answer = self.post_form("/jobs?queue=true", Some((recording, &bytes)), fields);
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub fn job(&self, id: &str) -> Value {
        self.get(&format!("/jobs/{id}")).json()
    }

    /// Follows a job to its end and gives it.
    pub fn finished(&self, id: &str) -> Value {
        self.finished_within(HANG_GUARD, id)
    }

    /// A stream may be followed for less long than its job takes.
    pub fn finished_within(&self, limit: Duration, id: &str) -> Value {
        let give_up = Instant::now() + limit;
        loop {
            self.events(&format!("/jobs/{id}/events"), None).last();
            let job = self.job(id);
            if job["finished_at"].is_string() {
                return job;
            }
            assert!(Instant::now() < give_up, "never over: {job}");
        }
    }

    pub fn events(&self, path: &str, last_event_id: Option<u64>) -> Events {
        let mut request = self.agent.get(self.url(path));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        Self::follow(request.call().unwrap())
    }

    /// The events of downloads.
    pub fn pull_events(&self) -> Events {
        let request = self.agent.get(self.url("/models/pulls")).header("accept", "text/event-stream");
        Self::follow(request.call().unwrap())
    }

    fn follow(response: Response<Body>) -> Events {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Events(BufReader::new(response.into_body().into_reader()))
    }

    /// The lines of a stream as they come.
    pub fn lines(&self, path: &str) -> impl Iterator<Item = String> + use<> {
        let response = self.agent.get(self.url(path)).call().unwrap();
        BufReader::new(response.into_body().into_reader()).lines().map_while(Result::ok)
    }

    /// Waits until the model is in a state, by its events.
    pub fn until_model(&self, state: &str) {
        let arrived = |event: &Event| match event.name.as_str() {
            "model_status" => event.data["state"] == state,
            name => name.strip_prefix("model_") == Some(state),
        };
        assert!(self.events("/model/events", None).any(|event| arrived(&event)), "never {state}");
    }

    /// Checks that there is no job, and waits until no recording is left: files of those who left, or were turned away, go
    /// a moment later.
    pub fn has_taken_nothing_in(&self) {
        assert_eq!(self.get("/jobs").json()["jobs"], Value::Array(vec![]), "something is a job");
        let blobs = self.dir.path().join("data/blobs");
        wait_until("a recording is left", || fs::read_dir(&blobs).unwrap().count() == 0);
    }

    /// Waits until the loaded model has nothing to do: a job's end is published a moment before.
    pub fn until_idle(&self) {
        wait_until("never idle", || !self.get("/model/status").json()["idle"]["for_secs"].is_null());
    }

    pub fn load(&self) {
        let answer = self.post("/model/load?wait=true");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The engine's processes: one while the model is there. The service may look for other programs beside them.
    pub fn children(&self) -> Vec<u32> {
        children_of(self.pid()).into_iter().filter(|pid| is_engine(*pid)).collect()
    }

    /// Waits until the service has started a process, and gives it.
    pub fn until_child(&self) -> u32 {
        wait_for("no process was started", || self.children().first().copied())
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> (ExitStatus, TempDir) {
        signal("TERM", self.pid());
        let status = self.child.wait().unwrap();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        (status, dir)
    }

    /// Kills it without notice and starts it again on the same storage.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// Kills it without notice.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts one that ended again on the same storage.
    pub fn restart(&mut self) {
        (self.child, self.base) = spawn(self.dir.path(), &self.env);
    }

    /// A JSON answer of a service that may have exited, or fail.
    pub fn try_get(&self, path: &str) -> Option<Value> {
        let mut answer = self.agent.get(self.url(path)).call().ok()?;
        let is_well = answer.status() == 200;
        is_well.then(|| serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()).flatten()
    }

    /// The events of a stream that is over, of a service that may have exited.
    pub fn try_events(&self, path: &str) -> Option<Vec<Event>> {
        let answer = self.agent.get(self.url(path)).call().ok()?;
        let is_well = answer.status() == 200;
        is_well.then(|| Events(BufReader::new(answer.into_body().into_reader())).collect())
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Starts an ended one again, without a variable of its environment.
    pub fn restart_without(&mut self, variable: &str) {
        self.env.retain(|(name, _)| name != variable);
        self.kill_and_restart();
    }

    /// Stops it in order and starts it again on the same storage.
    pub fn stop_and_restart(&mut self) {
        signal("TERM", self.pid());
        assert!(self.child.wait().unwrap().success());
        (self.child, self.base) = spawn(self.dir.path(), &self.env);
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn children_of(pid: u32) -> Vec<u32> {
    // A process that ended meanwhile has none.
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return vec![] };
    let children = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    children
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

fn is_engine(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("engine-worker"))
}

/// A process and all that came of it.
pub fn with_children(pid: u32) -> Vec<u32> {
    let mut tree = vec![pid];
    tree.extend(children_of(pid).into_iter().flat_map(with_children));
    tree
}

pub fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Not a port that the system assigns for port 0: the service itself asks for that.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let mut ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// The program with the bundled model and a storage folder, nothing else of the environment.
pub fn command(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .env_clear()
        .env("VERBATIM__SERVER__PORT", "0")
        .env("VERBATIM__STORAGE__DIR", dir.join("data"))
        .env("VERBATIM__MODEL__PATH", fixtures::model())
        .env("VERBATIM__MODEL__DIR", dir.join("models"))
        // In int8 a CPU with AVX2 and no VNNI saturates sums, which costs the bundled model two words of `long.ogg`.
        .env("VERBATIM__ENGINE__COMPUTE_TYPE", "float32")
        .env("VERBATIM__LOG__LEVEL", "warn")
        .current_dir(dir);
    command
}

fn spawn(dir: &Path, env: &[(String, String)]) -> (Child, String) {
    let mut service = command(dir);
    // `TEST_LOG=1` shows the logs of the service, `TEST_LOG=FILTER` those that the filter names.
    if let Ok(filter) = std::env::var("TEST_LOG") {
        service.env("VERBATIM__LOG__LEVEL", if filter == "1" { "debug" } else { &filter });
    }
    if let Some((_, path)) = env.iter().find(|(name, _)| name == LOG_FILE) {
        // The settings' own level applies.
        service.env_remove("VERBATIM__LOG__LEVEL").stderr(fs::File::create(path).unwrap());
    }
    let mut child = service.envs(env.iter().cloned()).arg("serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("said {line:?}"));
    (child, base.to_owned())
}

fn agent(key: Option<&str>) -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(HANG_GUARD));
    let Some(key) = key else { return config.build().into() };
    let bearer = format!("Bearer {key}");
    let with_key = move |mut request: ureq::http::Request<ureq::SendBody<'_>>,
                         next: ureq::middleware::MiddlewareNext<'_>| {
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        next.handle(request)
    };
    config.middleware(with_key).build().into()
}

fn read(response: Response<Body>) -> Answer {
    let (parts, mut body) = response.into_parts();
    let mut text = String::new();
    body.as_reader().read_to_string(&mut text).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

const BOUNDARY: &str = "----verbatim-test";

pub fn form(file: Option<(&str, &[u8])>, fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    form_with("file", file, fields)
}

/// With the file as the part of that name.
pub fn form_with(part: &str, file: Option<(&str, &[u8])>, fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(head.as_bytes());
    }
    if let Some((name, bytes)) = file {
        let head = "Content-Type: application/octet-stream\r\n\r\n";
        let part = format!("form-data; name=\"{part}\"; filename=\"{name}\"");
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: {part}\r\n{head}").as_bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}
