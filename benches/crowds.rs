//! The service among many: ten thousand followers, a hundred thousand jobs in the queue, ten thousand transcripts that are
//! searched, one huge upload. `make bench-crowds`; arguments pick some of `followers`, `queue`, `lists` and `upload`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowd;
#[path = "../tests/api/fixtures.rs"]
#[allow(dead_code)]
mod fixtures;
#[path = "../tests/api/service.rs"]
#[allow(dead_code)]
mod service;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use actors::domain::audio::{Plan, Span};
use actors::domain::jobs::job::{Audio, BlobKey, JobId, NewJob};
use actors::domain::jobs::options::{Options, Priority};
use actors::domain::jobs::progress::Progress;
use actors::domain::transcript::Segment;
use actors::ports::{Checkpoint, Ending, JobStore, Terms};
use tokio::io::AsyncWriteExt;
use verbatim::store::SqlStore;

use crowd::{FOLLOWERS, job, spread};
use service::Service;

const QUEUED: usize = 100_000;
const CLAIMS: usize = 2_000;
const TRANSCRIPTS: usize = 10_000;
const UPLOAD_BYTES: u64 = 1 << 30;

fn main() {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if is_wanted("followers") {
        runtime.block_on(followers());
    }
    if is_wanted("queue") {
        runtime.block_on(queue());
    }
    if is_wanted("lists") {
        lists(&runtime);
    }
    if is_wanted("upload") {
        upload();
    }
}

/// Memory for each open event stream, and how long one event takes to reach all of them.
async fn followers() {
    crowd::raise_file_limit();
    let service = Service::start();
    let address = service.base.strip_prefix("http://").unwrap().to_owned();
    let before = memory_bytes(service.pid(), "VmRSS");
    let began = Instant::now();
    let followers = crowd::followers(&service.base, FOLLOWERS).await;
    println!("{FOLLOWERS} followers connected in {:.2} s", began.elapsed().as_secs_f64());
    let each =
        || memory_bytes(service.pid(), "VmRSS").saturating_sub(before) as f64 / FOLLOWERS as f64 / 1000.0;
    println!("memory of the service for each: {:.1} KB", each());
    crowd::print_reach(followers, async {
        let mut trigger = tokio::net::TcpStream::connect(&address).await.unwrap();
        trigger
            .write_all(b"POST /model/load HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
    })
    .await;
    println!("memory of the service for each, after it: {:.1} KB", each());
}

/// The time of a claim out of a long queue.
async fn queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open(dir.path()).await.unwrap();
    let began = Instant::now();
    let mut last = JobId::new();
    for n in 0..QUEUED {
        let terms = Terms { max_queued: u64::MAX, reuse: None };
        let priority = if n.is_multiple_of(4) { Priority::Interactive } else { Priority::Batch };
        last = store.submit(job(n, priority), terms).await.unwrap().0.id;
    }
    println!("{QUEUED} jobs taken in, in {:.0} s", began.elapsed().as_secs_f64());
    let mut claims = vec![];
    for n in 0..CLAIMS {
        let turn = if n % 5 == 4 { Priority::Batch } else { Priority::Interactive };
        let began = Instant::now();
        let head = store.head(turn, &[None]).await.unwrap().unwrap();
        store.claim(head.priority, head.model.as_deref()).await.unwrap().unwrap();
        claims.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    println!("a claim out of them: {}", spread(&mut claims));
    let mut places = vec![];
    for _ in 0..20 {
        let began = Instant::now();
        store.place(last).await.unwrap().unwrap();
        places.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    println!("the place of the last: {}", spread(&mut places));
}

/// What an upload takes of the service's memory at most.
fn upload() {
    let service = Service::start();
    let before = memory_bytes(service.pid(), "VmRSS");
    let head = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let (riff, end) = (wav_header(UPLOAD_BYTES as u32), "\r\n--b--\r\n");
    let length = (head.len() + riff.len() + end.len()) as u64 + UPLOAD_BYTES;
    let mut socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    let began = Instant::now();
    let request = format!(
        "POST /jobs?queue=true HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {length}\r\n\r\n{head}"
    );
    socket.write_all(request.as_bytes()).unwrap();
    socket.write_all(&riff).unwrap();
    let silence = vec![0; 1 << 20];
    for _ in 0..UPLOAD_BYTES >> 20 {
        socket.write_all(&silence).unwrap();
    }
    socket.write_all(end.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    println!("1 GiB uploaded in {:.1} s", began.elapsed().as_secs_f64());
    let peak = memory_bytes(service.pid(), "VmHWM");
    let mb = |bytes: u64| bytes as f64 / 1e6;
    println!("memory of the service at most: {:.1} MB, {:.1} MB before it", mb(peak), mb(before));
}

fn wav_header(data_bytes: u32) -> Vec<u8> {
    let (channels, rate, bits) = (2_u16, 48_000_u32, 16_u16);
    let frame = channels * bits / 8;
    let mut header = b"RIFF".to_vec();
    header.extend((data_bytes + 36).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend(1_u16.to_le_bytes());
    header.extend(channels.to_le_bytes());
    header.extend(rate.to_le_bytes());
    header.extend((rate * u32::from(frame)).to_le_bytes());
    header.extend(frame.to_le_bytes());
    header.extend(bits.to_le_bytes());
    header.extend(b"data");
    header.extend(data_bytes.to_le_bytes());
    header
}

/// How long a page of jobs takes, over HTTP, and a search in ten thousand transcripts of 1,500 words.
fn lists(runtime: &tokio::runtime::Runtime) {
    let dir = tempfile::tempdir().unwrap();
    let vocabulary = vocabulary();
    let data = dir.path().join("data");
    runtime.block_on(async {
        let store = SqlStore::open(&data).await.unwrap();
        let mut dice = fastrand::Rng::with_seed(2);
        let began = Instant::now();
        for _ in 0..TRANSCRIPTS {
            complete_job(&store, &vocabulary, &mut dice).await;
        }
        println!("{TRANSCRIPTS} jobs transcribed in {:.1} s", began.elapsed().as_secs_f64());
        store.close().await;
    });
    let bytes = fs::metadata(data.join("verbatim.db")).unwrap().len();
    println!("the database has {:.0} MB", bytes as f64 / 1e6);
    let service = Service::start_in(dir, &[]);
    let (common, rare) = (&vocabulary[7], &vocabulary[vocabulary.len() - 4]);
    let queries = [
        ("a page", "limit=50".to_owned()),
        ("a page of 500", "limit=500".to_owned()),
        ("a page of two states", "status=failed,completed".to_owned()),
        ("a page of no model", "model=large".to_owned()),
        ("a common word", format!("q={common}")),
        ("a rare word", format!("q={rare}")),
        ("two words", format!("q={rare}+{}", vocabulary[700])),
        ("a part of a filename", "q=meeting_77".to_owned()),
        ("a word in no transcript", "q=zzyzx".to_owned()),
        ("a common word in no state", format!("q={common}&status=failed")),
        ("two letters in no transcript", "q=%C3%BC%C3%B6".to_owned()),
    ];
    for (name, query) in queries {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..30 {
            let began = Instant::now();
            let page = service.get(&format!("/jobs?{query}"));
            times.push(began.elapsed().as_secs_f64() * 1e3);
            found = page.json()["jobs"].as_array().unwrap().len();
        }
        println!("{name}: {}, {found} jobs", spread(&mut times));
    }
}

/// Made-up words of the letters of English, as frequent as there; the most frequent words first.
fn vocabulary() -> Vec<String> {
    const LETTERS: &str = "eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvk";
    let mut dice = fastrand::Rng::with_seed(1);
    let mut letter = || char::from(LETTERS.as_bytes()[fastrand::Rng::usize(&mut dice, ..LETTERS.len())]);
    let lengths = [2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 11];
    (0..40_000).map(|n| (0..lengths[n % lengths.len()]).map(|_| letter()).collect()).collect()
}

async fn complete_job(store: &SqlStore, vocabulary: &[String], dice: &mut fastrand::Rng) {
    let words = 100 + dice.usize(..2_800);
    let segments: Vec<_> = (0..words / 12)
        .map(|n| {
            // As words of a language are: the n-th most frequent one is there 1/n as often.
            let word = |_| {
                vocabulary[((vocabulary.len() as f64).powf(dice.f64()) as usize).min(vocabulary.len() - 1)]
                    .as_str()
            };
            let text: Vec<_> = (0..12).map(word).collect();
            let start = n as f64 * 5.0;
            Segment { id: n as u32, ..Segment::new(start, start + 4.5, format!(" {}", text.join(" "))) }
        })
        .collect();
    let audio = Audio {
        filename: Some(format!("meeting_{}.mp3", dice.u32(..100_000))),
        bytes: 1,
        sha256: String::new(),
        duration_secs: None,
        blob: BlobKey(String::new()),
    };
    let new =
        NewJob { owner: String::new(), audio, options: Options::default(), ..job(0, Priority::Interactive) };
    store.submit(new, Terms { max_queued: u64::MAX, reuse: None }).await.unwrap();
    let (claim, _) = store.claim(Priority::Batch, None).await.unwrap().unwrap();
    let samples = segments.len() as u64 * 80_000;
    let plan = Plan { samples, chunks: vec![Span { start: 0, end: samples }], ..Plan::default() };
    let progress = Progress::new(1, 1, plan.duration_secs(), plan.duration_secs(), None);
    store.planned(claim.fence, &plan, progress).await.unwrap();
    let done = Checkpoint { chunk: 0, segments, language: None, language_probability: None, progress };
    store.checkpoint(claim.fence, done).await.unwrap();
    store.end(claim.fence, Ending::Completed).await.unwrap();
}

/// A line of the process's status, in bytes.
fn memory_bytes(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
