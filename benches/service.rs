//! What the service costs beside the bare engine: `make bench`.
//!
//! Every timing is a ratio of two things measured in turn in one run, or a distribution of many small
//! ones. Arguments: models, each benchmarked in turn: files with whisper.cpp, folders with CTranslate2. After `--load-alone`
//! comes one model: the bare engine loads and warms it up, and its seconds are printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/api/fixtures.rs"]
#[allow(dead_code)]
mod fixtures;
#[path = "../tests/api/service.rs"]
#[allow(dead_code)]
mod service;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actors::domain::jobs::selection::Selection;
use actors::ports::CancelToken;
use ct2rs::sys;
use dsp::{HOP, LogMel};
use serde_json::Value;
use verbatim::audio::{AudioSettings, chunks_of_file, plan_file};
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters};

use service::Service;

const ROUNDS: usize = 9;
const HOUR_SECS: usize = 3600;

const LOAD_ALONE: &str = "--load-alone";

fn main() {
    let alone = std::env::args().any(|argument| argument == LOAD_ALONE);
    // Cargo passes `--bench` to every benchmark.
    let models: Vec<PathBuf> =
        std::env::args().skip(1).filter(|a| !a.starts_with('-')).map(Into::into).collect();
    let models = if models.is_empty() { vec![fixtures::model()] } else { models };
    whisper_rs::install_logging_hooks();
    if alone {
        println!("{}", timed(|| Bare::load(&models[0])).0);
        return;
    }
    for model in &models {
        println!("== {}", model.file_name().unwrap().to_string_lossy());
        loads(model);
        overhead(model);
    }
    status_latency(&models[models.len() - 1]);
    memory(&models[0]);
}

/// The service's environment for a model: English given, so that neither side detects it, one
/// thread, one window at a time, each decoded once, and no flash attention on both.
fn start(model: &Path) -> Service {
    let env = [
        ("VERBATIM__MODEL__PATH", model.to_str().unwrap()),
        ("VERBATIM__ENGINE__BACKEND", if model.is_dir() { "ctranslate2" } else { "whisper_cpp" }),
        ("VERBATIM__ENGINE__BATCH_SIZE", "1"),
        ("VERBATIM__DECODE__MAX_DECODES", "1"),
        ("VERBATIM__DECODE__BEAM_SIZE", "1"),
        ("VERBATIM__ENGINE__COMPUTE_TYPE", "int8"),
        ("VERBATIM__ENGINE__THREADS", "1"),
        ("VERBATIM__ENGINE__FLASH_ATTN", "false"),
        ("VERBATIM__MODEL__IDLE_TIMEOUT_SECS", "-1"),
    ];
    Service::start_with(&env)
}

/// From `POST /model/load` to `ready` against the bare engine's load and warm-up of the same file: in a new process, as
/// after an unload, and in a process that has had the model before, and with it the memory. The start of the
/// process does not count.
fn loads(model: &Path) {
    let service = start(model);
    let mut beside_new = vec![];
    let mut beside_old = vec![];
    for round in 0..=ROUNDS {
        let new_secs = load_alone(model);
        let (old_secs, bare) = timed(|| Bare::load(model));
        drop(bare);
        let (secs, ()) = timed(|| service.load());
        service.post("/model/unload?wait=true&hold_secs=0");
        if round > 0 {
            beside_new.push(secs / new_secs);
            beside_old.push(secs / old_secs);
        }
        println!("  round {round}: bare {new_secs:.3} s, again {old_secs:.3} s, asked to ready {secs:.3} s");
    }
    println!("load asked for to ready / bare load and warm-up in a new process: {}", spread(&mut beside_new));
    println!(
        "load asked for to ready / the same in a process that had it before: {}",
        spread(&mut beside_old)
    );
}

/// Seconds that the bare engine takes in a process of its own.
fn load_alone(model: &Path) -> f64 {
    let mut program = std::process::Command::new(std::env::current_exe().unwrap());
    let output = program.arg(LOAD_ALONE).arg(model).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// A job's wall time against the engine called directly on the same chunks.
fn overhead(model: &Path) {
    let chunks = chunks_of("long.ogg");
    let bare = Bare::load(model);
    let service = start(model);
    service.load();
    let mut whole = vec![];
    let mut running = vec![];
    let mut cpu = vec![];
    for round in 0..=ROUNDS {
        let begun = cpu_secs(std::process::id());
        let (bare_secs, bare_text) = timed(|| bare.transcribe(&chunks));
        let bare_cpu = cpu_secs(std::process::id()) - begun;
        let engine = service.children()[0];
        let begun = cpu_secs(engine);
        let (whole_secs, job) = timed(|| service.finished(&service.queue("long.ogg", &[("language", "en")])));
        // whisper.cpp by itself pads each window to 30 s.
        if model.is_dir() {
            assert_eq!(job["result"]["text"], bare_text.as_str(), "both say the same");
        }
        if round > 0 {
            whole.push(whole_secs / bare_secs);
            cpu.push((cpu_secs(engine) - begun) / bare_cpu);
            running.push(between(&job, "started_at", "finished_at") / bare_secs);
        }
        println!("  round {round}: bare {bare_secs:.3} s, upload to end {whole_secs:.3} s");
    }
    println!("job started to finished / bare engine: {}", spread(&mut running));
    println!("processor time, engine's process / bare engine: {}", spread(&mut cpu));
    println!("upload begun to result read / bare engine: {}", spread(&mut whole));
}

/// `GET /model/status` while the model loads, and while it transcribes.
fn status_latency(model: &Path) {
    let service = start(model);
    let socket = TcpStream::connect(service.base.strip_prefix("http://").unwrap()).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut socket = BufReader::new(socket);
    let mut loading = vec![];
    while loading.len() < 200 {
        service.post("/model/unload?wait=true");
        service.post("/model/load");
        while let ("loading", took) = status(&mut socket) {
            loading.push(took);
        }
    }
    service.load();
    let id = service.queue("long.ogg", &[]);
    let mut transcribing = vec![];
    while service.job(&id)["status"] != "completed" {
        transcribing.extend((0..50).map(|_| status(&mut socket).1));
    }
    println!("GET /model/status in ms, during loads: {}", spread(&mut loading));
    println!("GET /model/status in ms, during a transcription: {}", spread(&mut transcribing));
}

/// Asks over a connection that is open already; the state in one word, and milliseconds.
fn status(socket: &mut BufReader<TcpStream>) -> (&'static str, f64) {
    let begun = Instant::now();
    socket.get_mut().write_all(b"GET /model/status HTTP/1.1\r\nhost: bench\r\n\r\n").unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).unwrap();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).unwrap();
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    let body: Value = serde_json::from_slice(&body).unwrap();
    let state = if body["state"] == "loading" { "loading" } else { "other" };
    (state, took)
}

/// Resident memory of the service itself, the engine's process not counted.
fn memory(model: &Path) {
    let service = start(model);
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    println!("service resident, model never loaded: {:.1} MiB", mib(resident(service.pid())));
    service.finished(&service.queue("long.ogg", &[]));
    service.post("/model/unload?wait=true");
    println!("service resident, after a job and an unload: {:.1} MiB", mib(resident(service.pid())));

    let hour = service.dir.path().join("hour.wav");
    write_hour(&hour);
    let peak = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let watcher = watch(service.pid(), peak.clone(), over.clone());
    let (secs, job) = timed(|| {
        let id = upload(&service, &hour);
        service.finished_within(Duration::from_secs(HOUR_SECS as u64), &id)
    });
    over.store(true, Ordering::SeqCst);
    watcher.join().unwrap();
    let chunks = &job["progress"]["chunks_total"];
    println!("one hour: {} in {secs:.0} s, {chunks} chunks", job["status"]);
    println!("service resident at most during it: {:.1} MiB", mib(peak.load(Ordering::SeqCst)));
    service.post("/model/unload?wait=true");
    println!("service resident, after it and an unload: {:.1} MiB", mib(resident(service.pid())));
}

fn upload(service: &Service, file: &Path) -> String {
    let output = std::process::Command::new("curl")
        .args(["-s", "-F", "language=en", "-F"])
        .arg(format!("file=@{}", file.display()))
        .arg(format!("{}/jobs?queue=true", service.base))
        .output()
        .unwrap();
    let job: Value = serde_json::from_slice(&output.stdout).unwrap();
    job["id"].as_str().unwrap().to_owned()
}

fn watch(pid: u32, peak: Arc<AtomicU64>, over: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while !over.load(Ordering::SeqCst) {
            peak.fetch_max(resident(pid), Ordering::SeqCst);
            thread::sleep(Duration::from_millis(20));
        }
    })
}

/// The long recording over and over, as WAV.
fn write_hour(path: &Path) {
    let once: Vec<i16> = chunks_of("long.ogg")
        .iter()
        .flat_map(|chunk| chunk.iter().map(|s| (s * 32767.0) as i16).chain(std::iter::repeat_n(0, 8_000)))
        .collect();
    let samples = HOUR_SECS * 16_000;
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let mut header = fixtures::silent_wav(0);
    let bytes = u32::try_from(samples * 2).unwrap();
    header[4..8].copy_from_slice(&(36 + bytes).to_le_bytes());
    header[40..44].copy_from_slice(&bytes.to_le_bytes());
    file.write_all(&header).unwrap();
    for sample in once.iter().cycle().take(samples) {
        file.write_all(&sample.to_le_bytes()).unwrap();
    }
}

/// The engine with nothing round it: the parameters that the service uses.
enum Bare {
    WhisperCpp(WhisperContext),
    CTranslate2(sys::Whisper, LogMel),
}

/// Silence behind a window's sound, and the longest window, as the service has them, in frames.
const MARGIN_FRAMES: usize = 256;
const FULL_FRAMES: usize = 3_000;
/// What a decoder writes for one window at most.
const MAX_TOKENS: usize = 224;

impl Bare {
    fn load(model: &Path) -> Self {
        let bare = match model.is_dir() {
            true => {
                let settings = sys::Config {
                    compute_type: sys::ComputeType::INT8,
                    num_threads_per_replica: 1,
                    ..sys::Config::default()
                };
                let model = sys::Whisper::new(model, settings).unwrap();
                let features = LogMel::new(model.n_mels());
                Self::CTranslate2(model, features)
            }
            false => {
                let parameters = WhisperContextParameters::default();
                Self::WhisperCpp(WhisperContext::new_with_params(model, parameters).unwrap())
            }
        };
        // What the service does to warm up: a second of noise, eight tokens.
        bare.decode(&noise(16_000), 8);
        bare
    }

    fn decode(&self, samples: &[f32], max_tokens: usize) -> String {
        match self {
            Self::WhisperCpp(context) => whisper_cpp(context, samples, max_tokens),
            Self::CTranslate2(model, features) => ctranslate2(model, features, samples, max_tokens),
        }
    }

    fn transcribe(&self, chunks: &[Arc<[f32]>]) -> String {
        let texts = chunks.iter().map(|chunk| self.decode(chunk, MAX_TOKENS));
        texts.collect::<String>().trim().to_owned()
    }
}

/// Frames that the service encodes for these samples.
fn frames(samples: &[f32]) -> usize {
    (samples.len().div_ceil(HOP) + MARGIN_FRAMES).next_multiple_of(2).min(FULL_FRAMES)
}

fn whisper_cpp(context: &WhisperContext, samples: &[f32], max_tokens: usize) -> String {
    let mut state = context.create_state().unwrap();
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    params.set_audio_ctx((frames(samples) / 2) as i32);
    params.set_n_threads(1);
    params.set_language(Some("en"));
    params.set_n_max_text_ctx(0);
    params.set_max_tokens(i32::try_from(max_tokens).unwrap());
    params.set_temperature_inc(0.0);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    state.full(params, samples).unwrap();
    state.as_iter().map(|segment| segment.to_str_lossy().unwrap().into_owned()).collect()
}

fn ctranslate2(model: &sys::Whisper, features: &LogMel, samples: &[f32], max_tokens: usize) -> String {
    let frames = frames(samples);
    let mut window = vec![];
    features.append(samples, frames, &mut window);
    let shape = [1, model.n_mels(), frames];
    let window = sys::StorageView::new(&shape, &mut window, sys::Device::CPU).unwrap();
    let encoding = model.encode(&window, false).unwrap();
    let prompt = vec!["<|startoftranscript|>", "<|en|>", "<|transcribe|>"];
    // It allows half of this for the text.
    let max_length = 2 * max_tokens;
    let options = sys::WhisperOptions { beam_size: 1, max_length, ..sys::WhisperOptions::default() };
    let results = model.generate(&encoding, &[prompt], &options).unwrap();
    let tokens = results[0].sequences[0].iter().filter(|token| !token.starts_with("<|"));
    tokens.map(|token| token.replace('\u{120}', " ")).collect()
}

fn noise(samples: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state as f32 / u32::MAX as f32 - 0.5) * 1e-2
    };
    std::iter::repeat_with(next).take(samples).collect()
}

fn plan() -> actors::domain::audio::Plan {
    let file = fixtures::audio("long.ogg");
    plan_file(&file, &Selection::default(), &AudioSettings::default(), &CancelToken::default(), &mut |_| {})
        .unwrap()
}

fn chunks_of(name: &str) -> Vec<Arc<[f32]>> {
    chunks_of_file(&fixtures::audio(name), &AudioSettings::default(), &plan(), 0, &CancelToken::default())
        .map(Result::unwrap)
        .collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed().as_secs_f64(), done)
}

fn between(job: &Value, from: &str, to: &str) -> f64 {
    let at = |key: &str| job[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    at(to).duration_since(at(from)).as_secs_f64()
}

/// Processor time that a process has used, in hundredths of a second.
fn cpu_secs(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn spread(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values[((values.len() - 1) as f64 * part) as usize];
    format!("median {:.3}, min {:.3}, p99 {:.3}, n {}", at(0.5), at(0.0), at(0.99), values.len())
}
