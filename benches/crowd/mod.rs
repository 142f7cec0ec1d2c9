//! What the benchmarks of many have in common: followers, jobs, figures.

use std::sync::Arc;
use std::time::Instant;

use actors::domain::jobs::job::{Audio, BlobKey, JobId, NewJob};
use actors::domain::jobs::options::{Options, Priority};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub const FOLLOWERS: usize = 10_000;
pub const OWNERS: usize = 10;

/// As many as the system allows.
pub fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

pub type Follower = BufReader<TcpStream>;

/// Connected to the events of the service's model at `base`, and the present status read.
pub async fn followers(base: &str, many: usize) -> Vec<Follower> {
    let address = base.strip_prefix("http://").unwrap().to_owned();
    let at_a_time = Arc::new(Semaphore::new(100));
    let mut connecting = JoinSet::new();
    for _ in 0..many {
        let (address, at_a_time) = (address.clone(), at_a_time.clone());
        connecting.spawn(async move {
            let _turn = at_a_time.acquire_owned().await.unwrap();
            follow(&address).await
        });
    }
    connecting.join_all().await
}

async fn follow(address: &str) -> Follower {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /model/events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut reader = BufReader::with_capacity(2048, socket);
    until(&mut reader, "model_status").await;
    reader
}

/// Has `trigger` load the model, and prints when the first and the last follower have word of it.
pub async fn print_reach(followers: Vec<Follower>, trigger: impl Future<Output = ()>) {
    let mut reading: JoinSet<_> = followers.into_iter().map(until_loading).collect();
    let began = Instant::now();
    trigger.await;
    let (mut first, mut last) = (f64::MAX, 0_f64);
    while let Some(received) = reading.join_next().await {
        let secs = received.unwrap().duration_since(began).as_secs_f64();
        (first, last) = (first.min(secs), last.max(secs));
    }
    println!("an event reached the first after {first:.3} s and the last after {last:.3} s");
}

/// The follower stays connected until all have the event.
async fn until_loading(mut follower: Follower) -> Instant {
    until(&mut follower, "event: model_loading").await;
    let received = Instant::now();
    // The rest is read as well: no client here is slow.
    tokio::spawn(async move {
        let mut rest = [0; 1024];
        while follower.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    });
    received
}

async fn until(reader: &mut Follower, wanted: &str) {
    let mut line = String::new();
    while !line.contains(wanted) {
        line.clear();
        assert!(reader.read_line(&mut line).await.unwrap() > 0, "the stream ended before {wanted}");
    }
}

/// The n-th job: owners take turns.
pub fn job(n: usize, priority: Priority) -> NewJob {
    NewJob {
        id: JobId::new(),
        owner: format!("owner {}", n % OWNERS),
        once: None,
        origin: Default::default(),
        audio: Audio {
            filename: Some("a.wav".into()),
            bytes: 1,
            sha256: "00".into(),
            duration_secs: Some(60.0),
            blob: BlobKey(n.to_string()),
        },
        options: Options { priority, ..Options::default() },
        metadata: None,
        webhook_url: None,
        retry_of: None,
    }
}

/// Milliseconds, as people read them.
pub fn spread(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    format!("median {:.2} ms, p99 {:.2} ms, most {:.2} ms", at(0.5), at(0.99), at(1.0))
}
