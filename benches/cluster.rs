//! Several services on one PostgreSQL database: claims out of a long queue, submissions, many workers, many followers.
//! `make bench-cluster`; arguments pick some of `claims`, `submissions`, `workers` and `followers`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../src/store/tests/cluster.rs"]
#[allow(dead_code)]
mod cluster;
mod crowd;
#[path = "../tests/api/fixtures.rs"]
#[allow(dead_code)]
mod fixtures;
#[path = "../tests/api/service.rs"]
#[allow(dead_code)]
mod service;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::domain::audio::{Plan, Span};
use actors::domain::event::JobEvent;
use actors::domain::jobs::options::{Options, Priority};
use actors::domain::jobs::progress::Progress;
use actors::ports::{Checkpoint, Claim, Ending, JobStore, Terms};
use tokio::task::JoinSet;
use verbatim::store::{Sharing, SqlStore};

use cluster::Cluster;
use crowd::{FOLLOWERS, OWNERS, job, spread};
use service::Service;

const QUEUED: usize = 1_000_000;
const CLAIMANTS: usize = 64;
/// Of all claimants together, a second.
const RATES: [f64; 3] = [10.0, 50.0, 100.0];
const SPAN: Duration = Duration::from_secs(20);
const WORKERS: [usize; 5] = [1, 4, 16, 32, 64];
/// A job of a simulated worker, and how long each of its chunks takes: a GPU at a hundred times real time.
const CHUNKS: u32 = 20;
const CHUNK: Duration = Duration::from_millis(280);

fn main() {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    crowd::raise_file_limit();
    let Some(cluster) = Cluster::start_with("-c max_connections=1000 -c shared_buffers=1GB") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if is_wanted("claims") {
        runtime.block_on(claims(&cluster));
    }
    if is_wanted("submissions") {
        runtime.block_on(submissions(&cluster));
    }
    if is_wanted("workers") {
        runtime.block_on(workers(&cluster));
    }
    if is_wanted("followers") {
        runtime.block_on(followers(&cluster));
    }
}

/// A service's store, with a folder of its own.
struct Node {
    store: SqlStore,
    _dir: tempfile::TempDir,
}

impl Node {
    async fn open(url: &str) -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        Arc::new(Self {
            store: SqlStore::open_postgres(dir.path(), url, Sharing::Shared).await.unwrap(),
            _dir: dir,
        })
    }

    async fn open_many(url: &str, many: usize) -> Vec<Arc<Self>> {
        let mut nodes = vec![];
        for _ in 0..many {
            nodes.push(Self::open(url).await);
        }
        nodes
    }
}

/// How long a claim takes while a million jobs wait, each claimant on a service of its own.
async fn claims(cluster: &Cluster) {
    let url = cluster.create_database();
    let nodes = Node::open_many(&url, CLAIMANTS).await;
    fill(cluster, &url);
    for rate in RATES {
        let mut claiming = JoinSet::new();
        for node in &nodes {
            let (node, pause) = (node.clone(), CLAIMANTS as f64 / rate);
            claiming.spawn(async move {
                let (mut took, end) = (vec![], Instant::now() + SPAN);
                while Instant::now() < end {
                    // Claims at random moments, so many of each a second.
                    let pause = -pause * fastrand::f64().max(1e-9).ln();
                    tokio::time::sleep(Duration::from_secs_f64(pause.min(2.0 * SPAN.as_secs_f64()))).await;
                    let began = Instant::now();
                    let claimed = node.store.claim(Priority::Batch, None).await.unwrap().unwrap();
                    took.push(began.elapsed().as_secs_f64() * 1000.0);
                    node.store.end(claimed.0.fence, Ending::Completed).await.unwrap();
                }
                took
            });
        }
        let mut took: Vec<f64> = claiming.join_all().await.into_iter().flatten().collect();
        println!(
            "{CLAIMANTS} claimants, {rate} claims a second, {QUEUED} jobs queued: {}",
            spread(&mut took)
        );
    }
    let (claimed, secs) =
        at_once(
            &nodes,
            |node| async move { node.store.claim(Priority::Batch, None).await.unwrap().is_some() },
        )
        .await;
    println!("{CLAIMANTS} claimants without a pause: {:.0} claims a second", claimed as f64 / secs);
}

/// By SQL: a million submissions take an hour.
fn fill(cluster: &Cluster, url: &str) {
    let database = Cluster::name_of(url);
    let began = Instant::now();
    let options = serde_json::to_string(&Options::default()).unwrap();
    cluster.run_in(
        database,
        &format!(
            "INSERT INTO jobs (id, owner, state, priority, params, model, blob_key, blob_sha256, bytes, created_at, updated_at, \
             duration_samples) SELECT gen_random_uuid()::TEXT, 'owner ' || n % {OWNERS}, 'queued', 10, '{options}', '', n::TEXT, \
             '00', 1, n, n, 960000 FROM generate_series(1, {QUEUED}) AS n"
        ),
    );
    cluster.run_in(database, "ANALYZE");
    println!("{QUEUED} jobs written in {:.0} s", began.elapsed().as_secs_f64());
}

/// How many jobs are taken in a second.
async fn submissions(cluster: &Cluster) {
    let nodes = Node::open_many(&cluster.create_database(), 4).await;
    let several: Vec<_> = nodes.iter().flat_map(|node| [node.clone(), node.clone()]).collect();
    let (taken, secs) = at_once(&several, |node| async move {
        let terms = Terms { max_queued: u64::MAX, reuse: None };
        node.store.submit(job(fastrand::usize(..OWNERS), Priority::Batch), terms).await.is_ok()
    })
    .await;
    println!("8 clients of 4 services submit {:.0} jobs a second", taken as f64 / secs);
}

/// How often something succeeds while each does it again and again, and for how long that was.
async fn at_once<F: Future<Output = bool> + Send>(
    nodes: &[Arc<Node>],
    what: impl Fn(Arc<Node>) -> F + Clone + Send + Sync + 'static,
) -> (usize, f64) {
    let (began, mut doing) = (Instant::now(), JoinSet::new());
    for node in nodes {
        let (node, what) = (node.clone(), what.clone());
        doing.spawn(async move {
            let mut done = 0;
            while began.elapsed() < SPAN {
                done += usize::from(what(node.clone()).await);
            }
            done
        });
    }
    (doing.join_all().await.into_iter().sum(), began.elapsed().as_secs_f64())
}

/// Chunks a second of simulated workers: each claims, plans, writes what it has done, and sleeps where it would decode.
async fn workers(cluster: &Cluster) {
    let mut of_one = 0.0;
    for many in WORKERS {
        let url = cluster.create_database();
        let nodes = Node::open_many(&url, many).await;
        for _ in 0..many * 8 {
            let terms = Terms { max_queued: u64::MAX, reuse: None };
            nodes[0].store.submit(job(fastrand::usize(..OWNERS), Priority::Batch), terms).await.unwrap();
        }
        let (began, mut working) = (Instant::now(), JoinSet::new());
        for node in &nodes {
            let node = node.clone();
            working.spawn(async move {
                let mut chunks = 0;
                while began.elapsed() < SPAN
                    && let Some((claim, _)) = node.store.claim(Priority::Batch, None).await.unwrap()
                {
                    chunks += run(&node.store, claim, began).await;
                }
                chunks
            });
        }
        let chunks: u32 = working.join_all().await.into_iter().sum();
        let rate = f64::from(chunks) / began.elapsed().as_secs_f64();
        if many == 1 {
            of_one = rate;
        }
        println!("{many} workers: {rate:.1} chunks a second, {:.2} of linear", rate / of_one / many as f64);
    }
}

async fn run(store: &SqlStore, claim: Claim, began: Instant) -> u32 {
    let samples = 28 * 16_000;
    let chunks =
        (0..CHUNKS).map(|at| Span { start: u64::from(at) * samples, end: u64::from(at + 1) * samples });
    let plan = Plan { samples: u64::from(CHUNKS) * samples, chunks: chunks.collect(), ..Plan::default() };
    let progress =
        |done: u32| Progress::new(done, CHUNKS, f64::from(done) * 28.0, plan.duration_secs(), None);
    store.planned(claim.fence, &plan, progress(0)).await.unwrap();
    for chunk in 0..CHUNKS {
        let note =
            JobEvent::Progress { percent: 0.0, chunk: chunk + 1, chunks_total: CHUNKS, eta_secs: None };
        store.note(claim.fence, note).await.unwrap();
        tokio::time::sleep(CHUNK).await;
        let done = Checkpoint {
            chunk,
            segments: vec![],
            language: None,
            language_probability: None,
            progress: progress(chunk + 1),
        };
        store.checkpoint(claim.fence, done).await.unwrap();
        if began.elapsed() > SPAN {
            return chunk + 1;
        }
    }
    store.end(claim.fence, Ending::Completed).await.unwrap();
    CHUNKS
}

/// How long an event of one service takes to reach followers of two.
async fn followers(cluster: &Cluster) {
    let (url, recordings) = (cluster.create_database(), tempfile::tempdir().unwrap());
    let blobs = format!("file://{}", recordings.path().display());
    let start =
        || Service::start_with(&[("VERBATIM__STORAGE__URL", &url), ("VERBATIM__STORAGE__BLOBS", &blobs)]);
    let services = [start(), start()];
    let mut followers = vec![];
    for service in &services {
        followers.extend(crowd::followers(&service.base, FOLLOWERS / services.len()).await);
    }
    println!("{} followers of two services", followers.len());
    crowd::print_reach(followers, async { drop(services[0].post("/model/load")) }).await;
}
