//! A server of S3, of the clients that `make setup-tests` installs. It keeps what it has in memory.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

/// The one bucket.
pub const BUCKET: &str = "recordings";

pub struct S3Server {
    child: Child,
    pub port: u16,
}

impl S3Server {
    /// With an empty bucket. `None`, and a line in the log, where the server is not installed.
    pub fn start() -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/s3/bin/moto_server");
        if !program.is_file() {
            eprintln!("skipped: there is no {}; `make setup-tests` installs it", program.display());
            return None;
        }
        let mut server = Command::new(program);
        server.args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = server.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("Running on http://")).unwrap();
        let port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
        // Else it would wait for a reader of its log.
        thread::spawn(move || lines.count());
        let server = Self { child, port };
        ureq::put(server.url(BUCKET)).send_empty().unwrap();
        Some(server)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The names of all blobs.
    pub fn names(&self) -> Vec<String> {
        self.all("?list-type=2", "Key")
    }

    /// The names of the uploads in parts that are not over.
    pub fn uploads(&self) -> Vec<String> {
        self.all("?uploads", "Key")
    }

    fn all(&self, query: &str, tag: &str) -> Vec<String> {
        let mut answer = ureq::get(self.url(&format!("{BUCKET}{query}"))).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let tag = format!("<{tag}>");
        text.split(&tag).skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
