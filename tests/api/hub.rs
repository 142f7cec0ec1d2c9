//! A hub of models: repositories whose large files lie elsewhere, behind a redirect that has their checksum.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};
use verbatim::hex::hex;

/// A connection that is held for longer says where a test hangs.
const HANG_GUARD: Duration = Duration::from_secs(60);

pub struct Hub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// By their paths in small letters.
    files: HashMap<String, Vec<u8>>,
    /// Until when a file is sent, in bytes from its beginning; `None`: to its end.
    hold: (Mutex<Option<usize>>, Condvar),
    /// The checksums that it names are wrong.
    lies: bool,
    /// The heads of all requests, in small letters.
    requests: Mutex<Vec<String>>,
}

impl Hub {
    /// Serves files by their paths.
    pub fn start(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self::serve(files, false)
    }

    /// The same, with wrong checksums.
    pub fn start_lying(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self::serve(files, true)
    }

    fn serve(files: impl IntoIterator<Item = (String, Vec<u8>)>, lies: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            files: files.into_iter().map(|(path, file)| (path.to_lowercase(), file)).collect(),
            hold: Default::default(),
            lies,
            requests: Mutex::default(),
        });
        let all = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = all.clone();
                thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends no more than so many bytes of any file, until it is let go.
    pub fn hold_at(&self, bytes: usize) {
        *self.shared.hold.0.lock().unwrap() = Some(bytes);
    }

    pub fn let_go(&self) {
        *self.shared.hold.0.lock().unwrap() = None;
        self.shared.hold.1.notify_all();
    }

    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, shared: &Shared) {
    let Some(head) = read_head(&stream) else { return };
    shared.requests.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let (stored, is_far) = match path.strip_prefix("/cdn") {
        Some(stored) => (stored, true),
        None => (path.as_str(), false),
    };
    let mut reply = String::new();
    let Some(file) = shared.files.get(stored) else {
        // The client may have disconnected.
        let _ = stream.write_all(b"HTTP/1.1 404 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        return;
    };
    if !is_far && path.contains("/resolve/") && path.ends_with(".bin") {
        let sha256 = if shared.lies { "0".repeat(64) } else { hex(&Sha256::digest(file)) };
        write!(reply, "HTTP/1.1 302 X\r\nlocation: /cdn{path}\r\nx-linked-etag: \"{sha256}\"\r\n").unwrap();
        let _ = stream.write_all(format!("{reply}connection: close\r\ncontent-length: 0\r\n\r\n").as_bytes());
        return;
    }
    let start =
        head.split_once("range: bytes=").map(|(_, range)| range.split('-').next().unwrap().parse().unwrap());
    let (status, from) = start.map_or((200, 0), |from: usize| (206, from.min(file.len())));
    write!(reply, "HTTP/1.1 {status} X\r\nconnection: close\r\netag: \"v1\"\r\n").unwrap();
    if status == 206 {
        write!(reply, "content-range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len()).unwrap();
    }
    write!(reply, "content-length: {}\r\n\r\n", file.len() - from).unwrap();
    let _ = stream.write_all(reply.as_bytes());
    let (hold, changed) = &shared.hold;
    let until = hold.lock().unwrap().map_or(file.len(), |until| until.clamp(from, file.len()));
    let _ = stream.write_all(&file[from..until]).and_then(|()| stream.flush());
    if until < file.len() {
        let held = changed.wait_timeout_while(hold.lock().unwrap(), HANG_GUARD, |hold| hold.is_some());
        drop(held.unwrap());
        let _ = stream.write_all(&file[until..]);
    }
}

fn read_head(stream: &TcpStream) -> Option<String> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        head += &line.to_lowercase();
    }
    Some(head)
}
