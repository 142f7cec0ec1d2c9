//! The engine on the bundled model, through both adapters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use actors::domain::jobs::options::Task;
use actors::domain::transcript::{ChunkTranscript, text};
use actors::ports::{
    Batch, CancelToken, ChunkAudio, Engine, EngineExit, EngineFault, LoadFailure, LoadedModel, MemoryProbe,
};
use serde_json::Value;
use verbatim::engine::{BackendChoice, EngineConfig, ProcessEngine, ThreadEngine};
use verbatim::memory::SystemMemory;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

fn config() -> EngineConfig {
    EngineConfig::new(Path::new(FIXTURES).join("ggml-words-q8_0.bin"), "words")
}

fn process_engine(config: EngineConfig) -> ProcessEngine {
    let memory = memory(&config);
    ProcessEngine::with_program(config, memory, PathBuf::from(env!("CARGO_BIN_EXE_verbatim")))
}

fn thread_engine(config: EngineConfig) -> ThreadEngine {
    let memory = memory(&config);
    ThreadEngine::new(config, memory)
}

fn memory(config: &EngineConfig) -> Arc<dyn MemoryProbe> {
    Arc::new(SystemMemory { limit_bytes: config.memory_limit_bytes })
}

/// Both adapters of the port with both backends: what holds for one must hold for the others.
fn engines(config: &EngineConfig) -> [Box<dyn Engine>; 4] {
    let of = |backend| EngineConfig { backend, ..config.clone() };
    let (ours, theirs) = (of(BackendChoice::Ctranslate2), of(BackendChoice::WhisperCpp));
    [
        Box::new(process_engine(ours.clone())),
        Box::new(thread_engine(ours)),
        Box::new(process_engine(theirs.clone())),
        Box::new(thread_engine(theirs)),
    ]
}

/// The process that the engine has for itself.
fn owner(model: &dyn LoadedModel) -> Option<u32> {
    model.facts().holder.map(|holder| holder.process).filter(|process| *process != std::process::id())
}

fn load(engine: &dyn Engine) -> Arc<dyn LoadedModel> {
    engine.load(&|| true, Box::new(|_| {})).unwrap()
}

/// 16 kHz mono samples of a recording with a plain 44-byte header.
fn recording(name: &str) -> Arc<[f32]> {
    let bytes = fs::read(Path::new(FIXTURES).join("audio").join(name)).unwrap();
    let data = bytes.windows(4).position(|window| window == b"data").unwrap() + 8;
    bytes[data..].chunks_exact(2).map(|s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32768.0).collect()
}

fn truth() -> Value {
    serde_json::from_slice(&fs::read(Path::new(FIXTURES).join("audio/truth.json")).unwrap()).unwrap()
}

fn work(name: &str) -> Batch {
    Batch::of([ChunkAudio::new(recording(name))])
}

fn transcribe(model: &dyn LoadedModel, work: &Batch) -> Result<ChunkTranscript, EngineFault> {
    let mut transcripts = model.transcribe(work, &CancelToken::default(), &mut |_| {})?;
    assert_eq!(transcripts.len(), 1);
    Ok(transcripts.remove(0))
}

/// Children of this process, running or not yet reaped.
fn alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn kill(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn recordings_are_transcribed_as_spoken() {
    let truth = truth();
    for engine in engines(&config()) {
        let model = load(&*engine);
        for name in ["en_short", "en_phrases", "en_dense", "de_phrases", "es_phrases", "fr_phrases"] {
            let file = format!("{name}.wav");
            let transcript = transcribe(&*model, &work(&file)).unwrap();
            assert_eq!(text(&transcript.segments), truth[&file]["text"].as_str().unwrap(), "{name}");
            assert_eq!(transcript.language.unwrap().code(), truth[&file]["language"].as_str().unwrap());
        }
        for name in ["silence.wav", "noise.wav"] {
            assert_eq!(text(&transcribe(&*model, &work(name)).unwrap().segments), "");
        }
        model.unload();
    }
}

#[test]
fn segments_begin_and_end_where_they_were_spoken() {
    let model = load(&thread_engine(config()));
    let truth = truth();
    for name in ["en_phrases.wav", "en_dense.wav", "de_phrases.wav"] {
        let transcript = transcribe(&*model, &work(name)).unwrap();
        let spoken = truth[name]["segments"].as_array().unwrap();
        assert_eq!(transcript.segments.len(), spoken.len(), "{name}");
        for (segment, spoken) in transcript.segments.iter().zip(spoken) {
            let off = |at: f64, key: &str| (at - spoken[key].as_f64().unwrap()).abs();
            assert!(off(segment.start, "start") < 0.2, "{name}: {segment:?} for {spoken}");
            assert!(off(segment.end, "end") < 0.2, "{name}: {segment:?} for {spoken}");
        }
    }
}

#[test]
fn speech_is_translated_into_english() {
    let truth = truth();
    for engine in engines(&config()) {
        let model = load(&*engine);
        for name in ["de_phrases.wav", "es_phrases.wav", "fr_phrases.wav"] {
            let asked = Batch { task: Task::Translate, ..work(name) };
            let transcript = transcribe(&*model, &asked).unwrap();
            assert_eq!(text(&transcript.segments), truth[name]["english"].as_str().unwrap(), "{name}");
        }
        model.unload();
    }
}

#[test]
fn the_same_work_gives_the_same_transcript_from_either_adapter() {
    let asked = Batch { word_timestamps: true, language: "en".parse().ok(), ..work("en_phrases.wav") };
    let [a, b, c, d] = engines(&config()).map(|engine| {
        let model = load(&*engine);
        let first = transcribe(&*model, &asked).unwrap();
        assert_eq!(first, transcribe(&*model, &asked).unwrap());
        first
    });
    assert_eq!((a, c), (b, d), "process and thread");
}

#[test]
fn words_have_times_inside_their_segment() {
    let model = load(&thread_engine(config()));
    let asked = Batch { word_timestamps: true, ..work("de_phrases.wav") };
    let transcript = transcribe(&*model, &asked).unwrap();
    for segment in &transcript.segments {
        let words = segment.words.as_ref().unwrap();
        assert_eq!(words.iter().map(|word| word.word.as_str()).collect::<String>(), segment.text);
        let mut last = segment.start;
        for word in words {
            assert!(last <= word.start && word.start <= word.end && word.end <= segment.end, "{segment:?}");
            last = word.end;
        }
    }
    assert_eq!(transcript.segments[0].words.as_ref().unwrap()[0].word.trim(), "Fünf");
}

#[test]
fn several_chunks_run_at_the_same_time() {
    for engine in engines(&EngineConfig { threads: 1, concurrent_chunks: 3, ..config() }) {
        let model = load(&*engine);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let transcript = transcribe(&*model, &work("en_short.wav")).unwrap();
                    assert_eq!(text(&transcript.segments), "One two three.");
                });
            }
        });
        model.unload();
    }
}

#[test]
fn odd_chunks_are_answered_and_the_model_stays_usable() {
    for engine in engines(&config()) {
        let model = load(&*engine);
        let of = |samples: Vec<f32>| Batch::of([ChunkAudio::new(samples)]);
        for samples in [vec![], vec![0.5], vec![0.1; 150], vec![0.0; 480_000]] {
            transcribe(&*model, &of(samples)).unwrap();
        }
        let given = |code: &str| Batch { language: code.parse().ok(), ..work("en_short.wav") };
        let prompted = |prompt: String| Batch { prompt: Some(prompt), ..work("en_short.wav") };
        for refused in [
            of(vec![f32::NAN; 16_000]),
            of(vec![0.0; 480_001]),
            given("yue"),
            prompted("x".repeat(20_000)),
            Batch { temperature: Some(7.0), ..work("en_short.wav") },
        ] {
            assert!(matches!(transcribe(&*model, &refused), Err(EngineFault::Refused { .. })));
        }
        let transcript = transcribe(&*model, &prompted("one two ".repeat(900))).unwrap();
        assert!(transcript.segments.iter().all(|segment| !segment.text.is_empty()));
        let transcript = transcribe(&*model, &Batch { temperature: Some(0.2), ..given("en") }).unwrap();
        assert_eq!(transcript.language.unwrap().code(), "en");
        model.unload();
    }
}

#[test]
fn beams_of_any_width_give_the_same_text() {
    let mut config = config();
    for width in [1, 5] {
        config.decode.beam_size = width;
        for engine in engines(&config) {
            let transcript = transcribe(&*load(&*engine), &work("en_phrases.wav")).unwrap();
            assert_eq!(text(&transcript.segments), truth()["en_phrases.wav"]["text"].as_str().unwrap());
        }
    }
}

#[test]
fn progress_grows_from_nothing_to_at_most_all() {
    for engine in engines(&config()) {
        let mut fractions = Vec::new();
        let model = load(&*engine);
        model.transcribe(&work("en_dense.wav"), &CancelToken::default(), &mut |f| fractions.push(f)).unwrap();
        assert!(!fractions.is_empty());
        assert!(fractions.is_sorted() && fractions.iter().all(|f| (0.0..=1.0).contains(f)), "{fractions:?}");
    }
}

/// A batch that keeps the engine busy until it is stopped: every text of many is decoded again.
fn endless() -> (EngineConfig, Batch) {
    let mut config = config();
    config.threads = 1;
    config.decode.logprob_thold = 10.0;
    config.decode.no_speech_thold = 2.0;
    let chunk = ChunkAudio::new(recording("en_dense.wav"));
    (config, Batch { chunks: vec![chunk; 12], ..work("en_dense.wav") })
}

#[test]
fn a_running_chunk_is_cancelled_and_the_next_one_is_not() {
    let (config, long) = endless();
    for engine in engines(&config) {
        let model = load(&*engine);
        let cancel = CancelToken::default();
        // Progress comes from the middle of the chunk.
        let result = model.transcribe(&long, &cancel, &mut |_| cancel.cancel());
        assert_eq!(result, Err(EngineFault::Cancelled));
        assert_eq!(model.transcribe(&long, &cancel, &mut |_| {}), Err(EngineFault::Cancelled));
        // The next one gets somewhere before it is cancelled as well.
        let (other, mut done) = (CancelToken::default(), 0.0);
        let result = model.transcribe(&long, &other, &mut |fraction| {
            done = fraction;
            if done > 0.0 {
                other.cancel();
            }
        });
        assert_eq!(result, Err(EngineFault::Cancelled));
        assert!(done > 0.0);
        model.unload();
    }
}

#[test]
fn unloading_ends_running_chunks_and_later_ones() {
    let (config, long) = endless();
    for engine in engines(&config) {
        let exits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&exits);
        let model =
            engine.load(&|| true, Box::new(move |_| _ = counted.fetch_add(1, Ordering::SeqCst))).unwrap();
        let pid = owner(&*model);
        std::thread::scope(|scope| {
            let (running, wait) = mpsc::channel();
            let chunk = scope.spawn({
                let (model, long) = (&model, &long);
                move || model.transcribe(long, &CancelToken::default(), &mut |_| _ = running.send(()))
            });
            wait.recv().unwrap();
            model.unload();
            assert!(pid.is_none_or(|pid| !alive(pid)), "the process outlived its unload");
            assert_eq!(chunk.join().unwrap(), Err(EngineFault::Unloaded));
        });
        assert_eq!(transcribe(&*model, &long), Err(EngineFault::Unloaded));
        model.unload();
        assert_eq!(exits.load(Ordering::SeqCst), 0, "an unload is not reported as an exit");
        assert_eq!(owner(&*model), None);
    }
}

#[test]
fn a_killed_process_is_one_exit_and_an_error_for_each_chunk() {
    let (config, long) = endless();
    let (on_exit, exits) = mpsc::channel();
    let engine = process_engine(config);
    let model = engine.load(&|| true, Box::new(move |exit| on_exit.send(exit).unwrap())).unwrap();
    let pid = owner(&*model).unwrap();
    std::thread::scope(|scope| {
        let (chunks, running): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| {
                let (running, wait) = mpsc::channel();
                let (model, long) = (&model, &long);
                let chunk = scope.spawn(move || {
                    model.transcribe(long, &CancelToken::default(), &mut |_| _ = running.send(()))
                });
                (chunk, wait)
            })
            .unzip();
        running.iter().for_each(|wait| wait.recv().unwrap());
        kill(pid, "-KILL");
        for chunk in chunks {
            assert_eq!(chunk.join().unwrap(), Err(EngineFault::Killed));
        }
    });
    assert_eq!(exits.recv().unwrap(), EngineExit::Crashed);
    assert!(exits.recv().is_err(), "a second exit");
    assert!(!alive(pid), "a zombie is left");
    assert_eq!(owner(&*model), None);
    assert_eq!(
        transcribe(&*model, &long),
        Err(EngineFault::Unloaded),
        "a chunk that was not begun was not killed"
    );
    model.unload();
    // The same engine loads again.
    let model = load(&engine);
    assert_ne!(owner(&*model), Some(pid));
}

#[test]
fn an_idle_process_that_exits_is_noticed() {
    let (on_exit, exits) = mpsc::channel();
    let model =
        process_engine(config()).load(&|| true, Box::new(move |exit| on_exit.send(exit).unwrap())).unwrap();
    kill(owner(&*model).unwrap(), "-ABRT");
    exits.recv().unwrap();
    assert_eq!(transcribe(&*model, &work("en_short.wav")), Err(EngineFault::Unloaded));
}

#[test]
fn a_process_that_is_stopped_can_still_be_unloaded() {
    let model = load(&process_engine(config()));
    let pid = owner(&*model).unwrap();
    kill(pid, "-STOP");
    model.unload();
    assert!(!alive(pid));
}

#[test]
fn a_process_that_says_nothing_of_a_chunk_is_killed() {
    let config = EngineConfig { longest_silence: Duration::from_secs(10), ..config() };
    let model = load(&process_engine(config));
    let pid = owner(&*model).unwrap();
    kill(pid, "-STOP");
    let fault = transcribe(&*model, &work("en_short.wav")).unwrap_err();
    assert!(fault.to_string().contains("hung"), "{fault}");
    assert!(!alive(pid));
}

#[test]
fn a_process_that_says_nothing_of_a_load_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (program, its_pid) = (folder.path().join("hangs"), folder.path().join("pid"));
    let script = format!("#!/bin/sh\necho $$ >{}\nexec sleep 3600\n", its_pid.display());
    // Nothing may have it open for writing when it is executed, no child of another test either.
    fs::write(folder.path().join("plain"), script).unwrap();
    let installed =
        Command::new("install").args(["-m", "755", "plain", "hangs"]).current_dir(&folder).status();
    assert!(installed.unwrap().success());
    let config = EngineConfig { longest_silence: Duration::from_secs(1), ..config() };
    let memory = memory(&config);
    let engine = ProcessEngine::with_program(config, memory, program);
    let Err(LoadFailure::Broken { code, message }) = engine.load(&|| true, Box::new(|_| panic!("exited")))
    else {
        panic!("it loaded a model");
    };
    assert_eq!(code, "engine_crashed");
    assert!(message.contains("hang_secs"), "{message}");
    assert!(!alive(fs::read_to_string(its_pid).unwrap().trim().parse().unwrap()));
}

#[test]
fn the_process_ends_with_its_parents_end_of_the_pipe() {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_verbatim"))
        .arg("engine-worker")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(worker.stdin.take());
    assert!(worker.wait().unwrap().success());
}

#[test]
fn a_damaged_or_missing_file_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    let bytes = fs::read(&config().model_path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    for (path, expected) in [(path, "model_corrupt"), (folder.path().join("none.bin"), "model_not_found")] {
        for engine in engines(&EngineConfig::new(&path, "damaged")) {
            let Err(LoadFailure::Broken { code, message }) = engine.load(&|| true, Box::new(|_| {})) else {
                panic!("{} was loaded", path.display());
            };
            assert_eq!(code, expected);
            assert!(message.contains(&path.display().to_string()), "{message}");
            assert_eq!(engine.describe().multilingual, None);
        }
    }
}

#[test]
fn a_load_is_given_up_at_any_time() {
    for engine in engines(&config()) {
        for polls in [0, 1, 5, 12, 13, 14, 15] {
            let asked = AtomicUsize::new(0);
            let keep_going = || asked.fetch_add(1, Ordering::SeqCst) < polls;
            match engine.load(&keep_going, Box::new(|_| panic!("exited"))) {
                Err(failure) => assert_eq!(failure, LoadFailure::Cancelled),
                Ok(model) => model.unload(),
            }
        }
    }
}

#[test]
fn a_program_that_is_no_engine_is_broken() {
    for program in ["/no/such/program", "/bin/true", "/bin/echo"] {
        let engine = ProcessEngine::with_program(config(), memory(&config()), program.into());
        let Err(LoadFailure::Broken { code, .. }) = engine.load(&|| true, Box::new(|_| panic!("exited")))
        else {
            panic!("{program} loaded a model");
        };
        assert_eq!(code, "engine_crashed");
    }
}

#[test]
fn too_little_memory_differs_from_a_broken_model() {
    // At the first the kernel says no in the middle of the load, at the second the weights say it before.
    for limit in [25_000_000, 1_000_000] {
        let engine = process_engine(EngineConfig { memory_limit_bytes: Some(limit), ..config() });
        let Err(LoadFailure::OutOfMemory { needed_bytes, free_bytes }) =
            engine.load(&|| true, Box::new(|_| panic!("exited")))
        else {
            panic!("loaded with {limit} bytes");
        };
        assert!(needed_bytes > free_bytes && free_bytes <= limit);
    }
    let enough = EngineConfig { memory_limit_bytes: Some(200_000_000), ..config() };
    load(&process_engine(enough)).unload();
}

#[test]
fn facts_name_the_device_and_the_process() {
    let [process, thread, ..] = engines(&config());
    let (process, thread) = (load(&*process), load(&*thread));
    let facts = process.facts();
    assert!(alive(owner(&*process).unwrap()));
    assert_eq!(facts.device, thread.facts().device);
    assert_eq!((facts.multilingual, facts.id.as_str()), (Some(true), "words"));
    assert_eq!(thread.facts().holder.unwrap().process, std::process::id());
    #[cfg(not(feature = "cuda"))]
    assert_eq!(facts.device.backend, "cpu");
    assert!(!facts.device.name.is_empty());
}

#[test]
fn dropping_a_model_ends_its_process() {
    let model = load(&process_engine(config()));
    let pid = owner(&*model).unwrap();
    drop(model);
    assert!(!alive(pid));
}
