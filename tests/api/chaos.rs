//! Several services on one database and one bucket, and everything between them fails at random: services are killed and stand still,
//! PostgreSQL crashes, connections to it and to the bucket hang, clocks are set. What was acknowledged comes to its end, once, with the text
//! that it would have had anyway. `make chaos` does it a thousand times.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use fastrand::Rng;
use rustix::net::{Shutdown, shutdown};

use super::bucket::environment;
use super::postgres::cluster::Cluster;
use super::s3_server::S3Server;
use super::service::{Service, signal};
use super::sink::{Sink, status};
use super::torture::{Sample, submit, uninterrupted};

/// With `make test`.
const FEW_CYCLES: u64 = 8;
const CYCLES_BETWEEN_LOOKS: u64 = 8;
const MOST_WAITING: usize = 6;

/// The way of one service to the database or to the bucket, which can be interrupted.
struct Way {
    port: u16,
    is_blocked: Arc<AtomicBool>,
}

impl Way {
    fn to<Server: Into<OwnedFd>>(connect: impl Fn() -> io::Result<Server> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_blocked = Arc::new(AtomicBool::new(false));
        let blocked = is_blocked.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // The server may be down.
                let Ok(server) = connect() else { continue };
                client.set_nodelay(true).unwrap();
                let (client, server) = (File::from(OwnedFd::from(client)), File::from(server.into()));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let blocked = blocked.clone();
                    thread::spawn(move || carry(from, to, &blocked));
                }
            }
        });
        Self { port, is_blocked }
    }

    fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::SeqCst)
    }

    /// For so long nothing is carried either way, and no connection ends.
    fn block_for(&self, span: Duration) {
        self.is_blocked.store(true, Ordering::SeqCst);
        let blocked = self.is_blocked.clone();
        thread::spawn(move || {
            thread::sleep(span);
            blocked.store(false, Ordering::SeqCst);
        });
    }
}

/// Carries what comes, to its end; with it the other connection ends as well.
fn carry(mut from: File, mut to: File, is_blocked: &AtomicBool) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        while is_blocked.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // It may have ended already.
    let _ = shutdown(&to, Shutdown::Both);
}

/// How far a service's clock may be wrong.
const MOST_WRONG_SECS: u64 = 86_400;

/// The clock on the wall of one service, which libfaketime reads from a file. Without the library it is right.
struct WallClock(PathBuf);

impl WallClock {
    fn in_dir(dir: &Path, number: usize) -> Self {
        let clock = Self(dir.join(number.to_string()));
        clock.set(0);
        clock
    }

    fn set(&self, ahead_secs: i64) {
        // A service reads the old text or the new one.
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{ahead_secs:+}s")).unwrap();
        fs::rename(new, &self.0).unwrap();
    }

    fn env(&self) -> Vec<(String, String)> {
        let Some(library) = Self::library() else { return vec![] };
        let library = library.display().to_string();
        let file = self.0.display().to_string();
        let variables = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    fn library() -> Option<PathBuf> {
        let architectures = fs::read_dir("/usr/lib").ok()?.flatten();
        architectures.map(|dir| dir.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file())
    }
}

struct Node {
    service: Service,
    clock: WallClock,
    role: &'static str,
    /// To the database, and to the bucket where there is one.
    ways: Vec<Way>,
}

impl Node {
    fn is_cut_off(&self) -> bool {
        self.ways.iter().any(Way::is_blocked)
    }
}

struct Chaos {
    dice: Rng,
    cluster: Cluster,
    _bucket: Option<S3Server>,
    samples: Vec<Sample>,
    sink: Sink,
    nodes: Vec<Node>,
    /// How long the longest interruption is.
    most: Duration,
    _recordings: tempfile::TempDir,
    _clocks: tempfile::TempDir,
    /// Sent, and not acknowledged yet: by key.
    unanswered: BTreeMap<String, usize>,
    /// Acknowledged, and not looked at yet: by id.
    acknowledged: BTreeMap<String, usize>,
    sent: usize,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    crashes_of_postgres: usize,
    hung_connections: usize,
    pauses: usize,
    set_clocks: usize,
    jobs: usize,
    attempts: u64,
}

impl Chaos {
    fn start(roles: &[&'static str], most: Duration, seed: u64) -> Option<Self> {
        let cluster = Cluster::start()?;
        let url = cluster.create_database();
        let database = Cluster::name_of(&url);
        let bucket = S3Server::start();
        let recordings = tempfile::tempdir().unwrap();
        let folder = format!("file://{}", recordings.path().display());
        let clocks = tempfile::tempdir().unwrap();
        let start = |(number, role): (usize, &&'static str)| {
            let clock = WallClock::in_dir(clocks.path(), number);
            let socket = cluster.socket();
            let mut ways = vec![Way::to(move || UnixStream::connect(&socket))];
            let url =
                format!("postgres://verbatim:hush@127.0.0.1:{}/{database}?sslmode=disable", ways[0].port);
            let of_blobs = match &bucket {
                Some(bucket) => {
                    let port = bucket.port;
                    ways.push(Way::to(move || TcpStream::connect(("127.0.0.1", port))));
                    environment(ways[1].port)
                }
                None => vec![("VERBATIM__STORAGE__BLOBS".into(), folder.clone())],
            };
            let env = [
                ("VERBATIM__STORAGE__URL", url.as_str()),
                ("VERBATIM__NODE__ROLE", role),
                ("VERBATIM__WEBHOOKS__ALLOW_PRIVATE", "true"),
                ("GPU_POLL_INTERVAL_SECS", "1"),
                ("VERBATIM__LOG__LEVEL", "off"),
            ];
            let more = [of_blobs, clock.env()].concat();
            let more = more.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let env: Vec<_> = env.into_iter().chain(more).collect();
            Node { service: Service::start_with(&env), clock, role, ways }
        };
        let nodes = roles.iter().enumerate().map(start).collect();
        Some(Self {
            dice: Rng::with_seed(seed),
            samples: uninterrupted("auto"),
            sink: Sink::start(|_, _| status(204)),
            cluster,
            _bucket: bucket,
            nodes,
            most,
            _recordings: recordings,
            _clocks: clocks,
            unanswered: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            sent: 0,
            tally: Tally::default(),
        })
    }

    fn api(&mut self) -> &Service {
        let apis: Vec<_> = (0..self.nodes.len()).filter(|at| self.nodes[*at].role == "api").collect();
        &self.nodes[apis[self.dice.usize(..apis.len())]].service
    }

    /// Sends what was not answered, over any of the services that take requests.
    fn send_all(&mut self) -> thread::JoinHandle<Vec<(String, Option<String>)>> {
        let hook = self.sink.url("/hook");
        let url = format!("{}/jobs?queue=true", self.api().base);
        let forms: Vec<_> = self
            .unanswered
            .iter()
            .map(|(key, sample)| (key.clone(), self.samples[*sample].form(&hook)))
            .collect();
        thread::spawn(move || {
            let sent = forms.into_iter().map(|(key, (kind, body))| {
                let id = submit(&url, &key, &kind, &body);
                (key, id)
            });
            sent.collect()
        })
    }

    fn collect(&mut self, sending: thread::JoinHandle<Vec<(String, Option<String>)>>) {
        for (key, id) in sending.join().unwrap() {
            if let Some(id) = id {
                let sample = self.unanswered.remove(&key).unwrap();
                let before = self.acknowledged.insert(id, sample);
                assert!(before.is_none(), "two requests are one job");
            }
        }
    }

    fn cycle(&mut self) {
        if self.unanswered.len() + self.acknowledged.len() < MOST_WAITING {
            self.sent += 1;
            let sample = self.dice.usize(..self.samples.len());
            self.unanswered.insert(format!("request {}", self.sent), sample);
        }
        let sending = self.send_all();
        // Random instants are the point here.
        thread::sleep(Duration::from_millis(self.dice.u64(..600)));
        let at = self.dice.usize(..self.nodes.len());
        let span = self.most.mul_f64(self.dice.f64());
        match self.dice.u8(..20) {
            0 => {
                self.tally.crashes_of_postgres += 1;
                self.cluster.stop();
                thread::sleep(span / 4);
                self.cluster.start_again();
            }
            1..=3 => {
                self.tally.hung_connections += 1;
                let ways = &self.nodes[at].ways;
                ways[self.dice.usize(..ways.len())].block_for(span);
            }
            4 | 5 => {
                self.tally.pauses += 1;
                let pid = self.nodes[at].service.pid();
                signal("STOP", pid);
                thread::sleep(span);
                signal("CONT", pid);
            }
            6 | 7 => {
                self.tally.set_clocks += 1;
                let wrong = i64::try_from(self.dice.u64(..2 * MOST_WRONG_SECS)).unwrap();
                self.nodes[at].clock.set(wrong - MOST_WRONG_SECS.cast_signed());
            }
            _ => {
                self.tally.kills += 1;
                while self.nodes[at].is_cut_off() {
                    thread::yield_now();
                }
                self.nodes[at].service.kill_and_restart();
            }
        }
        self.collect(sending);
    }

    /// Waits until all jobs have ended, and checks them.
    fn look(&mut self) {
        while !self.unanswered.is_empty() {
            let sending = self.send_all();
            self.collect(sending);
        }
        for (id, sample) in std::mem::take(&mut self.acknowledged) {
            while self.nodes.iter().any(Node::is_cut_off) {
                thread::yield_now();
            }
            let api = self.nodes.iter().find(|node| node.role == "api").unwrap();
            self.tally.attempts += self.samples[sample].is_whole(&api.service, &self.sink, &id);
            self.tally.jobs += 1;
            assert_eq!(api.service.delete(&format!("/jobs/{id}")).status, 204);
        }
        let left = self.api().get("/jobs").json();
        assert_eq!(left["jobs"].as_array().unwrap().len(), 0, "a job that was not sent: {left}");
    }
}

#[test]
fn failures_between_services_lose_and_repeat_no_job() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let long = number("VERBATIM_CHAOS_CYCLES");
    let cycles = long.unwrap_or(FEW_CYCLES);
    let seed = number("VERBATIM_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("VERBATIM_CHAOS_SEED={seed}");
    let (roles, most): (&[_], _) = match long {
        Some(_) => {
            (&["api", "api", "worker", "worker", "worker", "worker", "notifier"], Duration::from_secs(30))
        }
        None => (&["api", "worker", "worker", "notifier"], Duration::from_secs(2)),
    };
    let Some(mut chaos) = Chaos::start(roles, most, seed) else { return };
    for cycle in 1..=cycles {
        chaos.cycle();
        if cycle.is_multiple_of(CYCLES_BETWEEN_LOOKS) || cycle == cycles {
            chaos.look();
            println!("after {cycle} cycles: {:?}", chaos.tally);
        }
    }
}
