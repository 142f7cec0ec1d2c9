//! ffmpeg as it is installed, and programs in its place that do what it never should.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Instant;

use actors::domain::audio::{Decoder, Plan};
use rustix::process::{Pid, test_kill_process_group};
use tempfile::TempDir;

use super::*;
use crate::audio::source::sample_stream::SampleStream;
use crate::audio::{AudioSettings, chunks_of_file, plan_file, probe_file};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/audio/en_phrases.wav");
const PATIENT: Duration = Duration::from_secs(60);

fn real() -> Ffmpeg {
    let ffmpeg = Ffmpeg::look_in(USUAL_PATH.into(), Limits::for_recordings_of(3600), PATIENT);
    ffmpeg.installed().expect("run `make setup-tests`");
    ffmpeg
}

/// The same where there is no bubblewrap.
fn real_without_sandbox(dir: &TempDir) -> Ffmpeg {
    symlink(&real().installed().unwrap().program, dir.path().join("ffmpeg")).unwrap();
    Ffmpeg::look_in(dir.path().into(), Limits::for_recordings_of(3600), PATIENT)
}

/// A shell script in its place.
fn fake(dir: &TempDir, script: &str, idle_limit: Duration, limits: Limits) -> Ffmpeg {
    let program = dir.path().join("ffmpeg");
    let version = "if [ \"$1\" = -version ]; then echo ffmpeg version fake; exit; fi";
    install_script(&format!("#!/bin/sh\n{version}\n{script}\n"), &program);
    Ffmpeg::look_in(dir.path().into(), limits, idle_limit)
}

/// Written by another process: whatever another test starts meanwhile would have it open for writing for a moment, and
/// nothing that is can be executed.
fn install_script(script: &str, program: &Path) {
    let plain = program.with_extension("sh");
    fs::write(&plain, script).unwrap();
    assert!(Command::new("install").args(["-m", "755"]).args([&plain, program]).status().unwrap().success());
}

fn limits() -> Limits {
    Limits::for_recordings_of(3600)
}

/// The beginning of an AU stream of one channel at 16 kHz.
const AU: &str =
    r"printf '.snd\000\000\000\030\377\377\377\377\000\000\000\006\000\000\076\200\000\000\000\001'";

/// Decodes all of it.
fn decode(ffmpeg: &Ffmpeg, path: &Path) -> Result<u64, AudioError> {
    let mut stream = ffmpeg.installed().unwrap().open(
        path,
        Downmix::Mean,
        &Selection::default(),
        &CancelToken::default(),
    )?;
    let (mut mono, mut samples) = (Vec::new(), 0);
    while stream.next_block(&mut mono)?.is_some() {
        samples += mono.len() as u64;
    }
    Ok(samples)
}

fn settings(ffmpeg: Ffmpeg) -> AudioSettings {
    AudioSettings { ffmpeg: Some(ffmpeg), ..AudioSettings::default() }
}

fn convert(args: &[&str], to: &Path) {
    let mut command = Command::new(&real().installed().unwrap().program);
    command.args(["-v", "error", "-nostdin", "-y", "-i", RECORDING]).args(args).arg(to);
    assert!(command.status().unwrap().success(), "{command:?}");
}

#[test]
fn it_decodes_what_it_is_given_with_and_without_a_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    for ffmpeg in [real(), real_without_sandbox(&dir)] {
        assert_eq!(decode(&ffmpeg, Path::new(RECORDING)), Ok(163_072));
    }
}

#[test]
fn a_playlist_is_refused_whatever_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let playlists = [
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\n{RECORDING}\n#EXT-X-ENDLIST\n"),
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\nfile://{RECORDING}\n#EXT-X-ENDLIST\n"),
        "#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\nhttp://127.0.0.1:9/a.wav\n#EXT-X-ENDLIST\n".into(),
        format!("ffconcat version 1.0\nfile {RECORDING}\n"),
        format!("ffconcat version 1.0\nfile 'file:{RECORDING}'\n"),
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n".into(),
    ];
    let evil = dir.path().join("evil.wav");
    for ffmpeg in [real(), real_without_sandbox(&dir)] {
        for playlist in &playlists {
            fs::write(&evil, playlist).unwrap();
            // By ffmpeg itself …
            let refused = decode(&ffmpeg, &evil);
            assert!(matches!(refused, Err(AudioError::Unsupported(_))), "{playlist}: {refused:?}");
            // … and by name, before it comes to it.
            let refused = probe_file(&evil, &Selection::default(), &settings(ffmpeg.clone()));
            assert!(matches!(refused, Err(AudioError::Unsupported(_))), "{playlist}: {refused:?}");
        }
    }
}

#[test]
fn the_sandbox_shows_nothing_but_programs_and_the_recording() {
    let dir = tempfile::tempdir().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    let hidden = format!("/etc/passwd /root /home /proc/1 /dev/sda {}", secret.path().display());
    let looks = format!("for hidden in {hidden}; do [ -e $hidden ] && exit 1; done");
    let ffmpeg = fake(&dir, &format!("{looks}; {AU}; head -c 400 /recording"), PATIENT, limits());
    let path = env::join_paths([dir.path(), Path::new("/usr/bin")]).unwrap();
    let ffmpeg = Ffmpeg::look_in(path, ffmpeg.0.limits.clone(), PATIENT);
    if ffmpeg.installed().unwrap().sandbox.is_none() {
        eprintln!("bwrap does not work here: there is no sandbox to look at");
        return;
    }
    assert_eq!(decode(&ffmpeg, Path::new(RECORDING)), Ok(100));
}

#[test]
fn what_hangs_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let ffmpeg = fake(&dir, "sleep 1000 & wait", Duration::from_millis(300), limits());
    let mut stream = ffmpeg
        .installed()
        .unwrap()
        .open(Path::new(RECORDING), Downmix::Mean, &Selection::default(), &CancelToken::default())
        .unwrap();
    let group = Pid::from_raw(stream.process_id() as i32).unwrap();
    let hung = stream.next_block(&mut Vec::new());
    assert!(matches!(&hung, Err(AudioError::Corrupt(why)) if why.contains("too long")), "{hung:?}");
    drop(stream);
    until_group_exited(group);
}

#[test]
fn a_cancelled_one_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let ffmpeg = fake(&dir, "sleep 1000", PATIENT, limits());
    let cancel = CancelToken::default();
    cancel.cancel();
    let planned = plan_file(
        &dir.path().join("a"),
        &Selection::default(),
        &settings(ffmpeg.clone()),
        &cancel,
        &mut |_| {},
    );
    assert!(matches!(planned, Err(AudioError::Io(_))), "no file, no process");
    let mut stream = ffmpeg
        .installed()
        .unwrap()
        .open(Path::new(RECORDING), Downmix::Mean, &Selection::default(), &cancel)
        .unwrap();
    let group = Pid::from_raw(stream.process_id() as i32).unwrap();
    assert_eq!(stream.next_block(&mut Vec::new()), Err(AudioError::Cancelled));
    drop(stream);
    until_group_exited(group);
}

#[test]
fn what_never_ends_is_ended_at_the_longest_length() {
    let dir = tempfile::tempdir().unwrap();
    let ffmpeg = fake(&dir, &format!("{AU}; cat /dev/zero"), PATIENT, limits());
    let settings = AudioSettings { max_secs: 100, ..settings(ffmpeg) };
    let file = dir.path().join("a.wma");
    fs::write(&file, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11 and so on").unwrap();
    let planned = plan_file(&file, &Selection::default(), &settings, &CancelToken::default(), &mut |_| {});
    assert_eq!(planned, Err(AudioError::TooLong { max_secs: 100 }));
}

#[test]
fn it_can_write_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let written = dir.path().join("written");
    let script = format!("(echo x > {}) 2>&-; {AU}; head -c 400 /dev/zero", written.display());
    assert_eq!(decode(&fake(&dir, &script, PATIENT, limits()), Path::new(RECORDING)), Ok(100));
    assert!(fs::read(written).unwrap_or_default().is_empty());
}

#[test]
fn what_uses_up_its_time_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { cpu_secs: 1, ..limits() };
    let ffmpeg = fake(&dir, &format!("{AU}; while :; do :; done"), PATIENT, limits);
    let ended = decode(&ffmpeg, Path::new(RECORDING));
    assert!(matches!(&ended, Err(AudioError::Corrupt(why)) if why.contains("time")), "{ended:?}");
}

#[test]
fn contradictory_and_empty_calls_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let said = |script: &str| decode(&fake(&dir, script, PATIENT, limits()), Path::new(RECORDING));
    assert!(matches!(said("head -c 1000 /dev/zero"), Err(AudioError::Corrupt(_))));
    assert!(matches!(said("exit 1"), Err(AudioError::Unsupported(_))));
    assert_eq!(said("exit 0"), Err(AudioError::NoSamples));
    assert_eq!(said(AU), Err(AudioError::NoSamples));
}

#[test]
fn a_machine_without_it_and_one_whose_does_not_work_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let none = Ffmpeg::look_in(dir.path().into(), limits(), PATIENT);
    assert_eq!(none.installed().err(), Some(&NoFfmpeg::NotFound));
    install_script("#!/bin/sh\necho no such library >&2; exit 127\n", &dir.path().join("ffmpeg"));
    let broken = Ffmpeg::look_in(dir.path().into(), limits(), PATIENT);
    let Err(why @ NoFfmpeg::Unusable { .. }) = broken.installed() else { panic!("it works") };
    assert!(why.to_string().contains("no such library"), "{why}");
}

#[test]
fn plan_and_chunks_come_from_the_same_decoder() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.wma");
    convert(&["-ar", "44100", "-c:a", "wmav2"], &file);
    let settings = settings(real());
    probe_file(&file, &Selection::default(), &settings).unwrap();
    let plan =
        plan_file(&file, &Selection::default(), &settings, &CancelToken::default(), &mut |_| {}).unwrap();
    assert_eq!((plan.decoder, &plan.warnings[..]), (Decoder::Ffmpeg, &[][..]));
    assert!((plan.duration_secs() - 10.19).abs() < 0.1, "{}", plan.duration_secs());
    let chunks = |first| -> Vec<_> {
        chunks_of_file(&file, &settings, &plan, first, &CancelToken::default()).map(Result::unwrap).collect()
    };
    let all = chunks(0);
    assert_eq!(all.len(), plan.chunks.len());
    assert!(all.iter().zip(&plan.chunks).all(|(chunk, span)| chunk.len() as u64 == span.samples()));
    assert_eq!(chunks(all.len() - 1), all[all.len() - 1..]);
}

#[test]
fn what_the_built_in_decoders_support_does_not_use_it() {
    let dir = tempfile::tempdir().unwrap();
    let ffmpeg = fake(&dir, "exit 1", PATIENT, limits());
    let plan = plan_file(
        Path::new(RECORDING),
        &Selection::default(),
        &settings(ffmpeg),
        &CancelToken::default(),
        &mut |_| {},
    );
    assert_eq!(plan.unwrap().decoder, Decoder::BuiltIn);
}

/// The processes are ended when this returns, but the kernel may keep their last traces for a moment.
fn until_group_exited(group: Pid) {
    let give_up = Instant::now() + PATIENT;
    while test_kill_process_group(group).is_ok() {
        assert!(Instant::now() < give_up, "a process outlived its owner");
        thread::yield_now();
    }
}

/// A plan of the recording, by the built-in decoders alone or by ffmpeg where they fail.
fn planned(path: &Path, settings: &AudioSettings) -> Plan {
    plan_file(path, &Selection::default(), settings, &CancelToken::default(), &mut |_| {}).unwrap()
}

#[test]
fn sound_that_starts_after_the_pictures_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let length = planned(Path::new(RECORDING), &AudioSettings::default()).duration_secs();
    for (name, video, audio, built_in) in [
        ("late.mkv", "mpeg4", "aac", true),
        ("late.mp4", "mpeg4", "aac", true),
        ("late.mov", "mpeg4", "aac", true),
        ("late.webm", "libvpx", "libopus", true),
        ("late.ts", "mpeg2video", "aac", false),
    ] {
        let late = dir.path().join(name);
        let pictures = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=12"];
        let sound = ["-itsoffset", "4.9", "-i", RECORDING, "-map", "1:v", "-map", "2:a"];
        let codecs = ["-c:v", video, "-c:a", audio];
        convert(&[&pictures[..], &sound, &codecs].concat(), &late);
        let mut ways = vec![settings(real())];
        if built_in {
            ways.push(AudioSettings::default());
        }
        for settings in ways {
            let plan = planned(&late, &settings);
            let start = plan.chunks[0].start_secs();
            assert!((4.4..5.5).contains(&start), "{name} starts at {start}");
            assert!((plan.duration_secs() - length - 4.9).abs() < 0.15, "{name}: {} s", plan.duration_secs());
            let range = Selection { start: 48_000, end: Some(192_000), ..Selection::default() };
            let part = plan_file(&late, &range, &settings, &CancelToken::default(), &mut |_| {}).unwrap();
            assert_eq!(part.samples, 192_000, "{name}");
            assert!((part.chunks[0].start_secs() - start).abs() < 0.3, "{name}: {:?}", part.chunks);
        }
    }
}

#[test]
fn packets_that_are_missing_are_silence_of_the_same_length() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, torn) = (dir.path().join("whole.ts"), dir.path().join("torn.ts"));
    let sources = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=40", "-f", "lavfi", "-i"];
    convert(
        &[
            &sources[..],
            &["sine=duration=40", "-map", "1:v", "-map", "2:a", "-c:v", "mpeg2video", "-c:a", "aac"],
        ]
        .concat(),
        &whole,
    );
    let bytes = fs::read(&whole).unwrap();
    let packets: Vec<&[u8]> = bytes.chunks(188).collect();
    let hole = packets.len() * 30 / 100..packets.len() * 52 / 100;
    let left: Vec<u8> = packets
        .iter()
        .enumerate()
        .filter(|(at, _)| !hole.contains(at))
        .flat_map(|(_, packet)| *packet)
        .copied()
        .collect();
    fs::write(&torn, left).unwrap();
    let plan = planned(&torn, &settings(real()));
    assert!((plan.duration_secs() - 40.0).abs() < 0.5, "{} s", plan.duration_secs());
}

#[test]
fn what_an_edit_list_hides_is_not_transcribed() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, trimmed) = (dir.path().join("whole.m4a"), dir.path().join("trimmed.m4a"));
    convert(
        &["-f", "lavfi", "-i", "sine=duration=11:sample_rate=16000", "-map", "1:a", "-c:a", "aac"],
        &whole,
    );
    let mut bytes = fs::read(&whole).unwrap();
    let list = bytes.windows(4).position(|name| name == b"elst").unwrap();
    // The only edit: its length in milliseconds, and its start in samples, after the encoder's own lead.
    let lead = u32::from_be_bytes(bytes[list + 16..list + 20].try_into().unwrap());
    bytes[list + 12..list + 16].copy_from_slice(&4_000u32.to_be_bytes());
    bytes[list + 16..list + 20].copy_from_slice(&(lead + 5 * 16_000).to_be_bytes());
    fs::write(&trimmed, bytes).unwrap();
    let whole = planned(&whole, &AudioSettings::default());
    assert!((whole.duration_secs() - 11.0).abs() < 0.1, "{} s", whole.duration_secs());
    for settings in [settings(real()), AudioSettings::default()] {
        let plan = planned(&trimmed, &settings);
        assert!((plan.duration_secs() - 4.0).abs() < 0.01, "{} s", plan.duration_secs());
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    }
}

#[test]
fn of_several_tracks_the_default_one_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    for (name, first, second) in [
        ("built_in.mkv", "aac", "aac"),
        ("others.mkv", "aac", "ac3"),
        ("enabled.mp4", "aac", "aac"),
        ("others.mp4", "aac", "ac3"),
    ] {
        let both = dir.path().join(name);
        let tone = ["-f", "lavfi", "-i", "sine=duration=3"];
        let codecs = ["-map", "1:a", "-map", "0:a", "-c:a:0", first, "-c:a:1", second];
        let flags = ["-disposition:a:0", "0", "-disposition:a:1", "default"];
        convert(&[&tone[..], &codecs, &flags].concat(), &both);
        let plan = planned(&both, &settings(real()));
        assert!(plan.duration_secs() > 9.0, "{name}: {} s of the tone", plan.duration_secs());
    }
    let plan = planned(&dir.path().join("built_in.mkv"), &AudioSettings::default());
    assert!(plan.warnings.iter().any(|warning| warning.contains("2 audio tracks")), "{:?}", plan.warnings);
    let refused =
        probe_file(&dir.path().join("others.mkv"), &Selection::default(), &AudioSettings::default());
    assert!(matches!(refused, Err(AudioError::Unsupported(_))), "{refused:?}");
}

#[test]
fn recordings_that_follow_each_other_are_all_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let one = planned(Path::new(RECORDING), &AudioSettings::default()).duration_secs();
    let joined = |name: &str, parts: &[&[&str]]| {
        let mut bytes = Vec::new();
        for (at, args) in parts.iter().enumerate() {
            let part = dir.path().join(format!("{at}-{name}"));
            convert(args, &part);
            bytes.extend(fs::read(part).unwrap());
        }
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        planned(&path, &AudioSettings::default())
    };
    let stereo = ["-ar", "44100", "-ac", "2"];
    let mono = ["-ar", "22050", "-ac", "1"];
    for (name, parts) in [
        ("a.mp3", [&stereo[..], &mono]),
        ("b.mp3", [&mono[..], &stereo]),
        ("a.wav", [&stereo[..], &mono]),
        ("a.flac", [&mono[..], &stereo]),
        ("a.m4a", [&stereo[..], &stereo]),
        ("a.webm", [&["-c:a", "libopus"][..], &["-c:a", "libvorbis"]]),
        ("a.ogg", [&["-c:a", "libopus"][..], &["-c:a", "libopus"]]),
    ] {
        let plan = joined(name, &parts);
        assert!((plan.duration_secs() - 2.0 * one).abs() < 0.2, "{name}: {} s", plan.duration_secs());
        assert!(plan.warnings.is_empty(), "{name}: {:?}", plan.warnings);
    }
}

/// A tone of 9.5 s in German, and the recording in English.
fn in_two_languages(to: &Path, codecs: [&str; 2]) {
    let tone = ["-f", "lavfi", "-i", "sine=duration=9.5", "-map", "1:a", "-map", "0:a"];
    let codecs = ["-c:a:0", codecs[0], "-c:a:1", codecs[1]];
    let languages = ["-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng"];
    convert(&[&tone[..], &codecs, &languages].concat(), to);
}

#[test]
fn a_track_is_selected_by_its_number_and_by_its_language() {
    let dir = tempfile::tempdir().unwrap();
    let by = |track: &str| Selection { track: track.parse().ok(), ..Selection::default() };
    for (name, codecs, is_built_in) in [
        ("a.mkv", ["aac", "aac"], true),
        ("a.mp4", ["aac", "aac"], true),
        ("others.mkv", ["aac", "ac3"], false),
        ("others.mp4", ["ac3", "ac3"], false),
        ("a.ts", ["mp2", "aac"], false),
        ("a.mov", ["pcm_s16le", "aac"], true),
    ] {
        let both = dir.path().join(name);
        in_two_languages(&both, codecs);
        let mut ways = vec![settings(real())];
        if is_built_in {
            ways.push(AudioSettings::default());
        }
        for settings in ways {
            let planned = |selection: &Selection| {
                probe_file(&both, selection, &settings)?;
                plan_file(&both, selection, &settings, &CancelToken::default(), &mut |_| {})
            };
            for (track, length) in [("1", 9.5), ("ger", 9.5), ("2", 10.19), ("ENG", 10.19)] {
                let plan = planned(&by(track)).unwrap();
                let secs = plan.duration_secs();
                assert!((secs - length).abs() < 0.2, "{name}, track {track}: {secs} s");
                assert_eq!(plan.warnings, Vec::<String>::new(), "{name}, track {track}");
                let mut chunks = chunks_of_file(&both, &settings, &plan, 0, &CancelToken::default());
                assert!(chunks.all(|chunk| chunk.is_ok()), "{name}, track {track}");
            }
            for missing in ["3", "fra"] {
                let Err(AudioError::NoSuchTrack(why)) = planned(&by(missing)) else {
                    panic!("{name}: {missing}")
                };
                assert!(why.ends_with("use one of 1 (ger), 2 (eng)"), "{name}: {why}");
            }
            let plan = planned(&Selection::default()).unwrap();
            let [warning] = &plan.warnings[..] else { panic!("{name}: {:?}", plan.warnings) };
            assert!(warning.contains("2 audio tracks, 1 (ger), 2 (eng): number 1 was"), "{name}: {warning}");
        }
    }
}

#[test]
fn a_range_decoded_by_ffmpeg_has_the_recordings_times() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.wma");
    convert(&["-ar", "44100", "-c:a", "wmav2"], &file);
    let settings = settings(real());
    let selection = Selection { start: 48_000, end: Some(128_000), ..Selection::default() };
    let part = plan_file(&file, &selection, &settings, &CancelToken::default(), &mut |_| {}).unwrap();
    assert_eq!((part.decoder, part.samples, &part.warnings[..]), (Decoder::Ffmpeg, 128_000, &[][..]));
    assert!(!part.chunks.is_empty() && part.chunks.iter().all(|c| c.start >= 48_000 && c.end <= 128_000));
    let samples = |plan: &Plan| -> Vec<_> {
        chunks_of_file(&file, &settings, plan, 0, &CancelToken::default()).map(Result::unwrap).collect()
    };
    let of_whole = Plan { chunks: part.chunks.clone(), ..planned(&file, &settings) };
    assert_eq!(samples(&part), samples(&of_whole));
    let late = Selection { start: 176_000, ..Selection::default() };
    let late = plan_file(&file, &late, &settings, &CancelToken::default(), &mut |_| {});
    assert!(matches!(late, Err(AudioError::StartsPastEnd { start: 176_000, .. })), "{late:?}");
}

#[test]
fn clusters_of_unknown_size_are_decoded_to_their_end() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("live.webm");
    convert(&["-c:a", "libopus", "-cluster_time_limit", "1000"], &file);
    let mut bytes = fs::read(&file).unwrap();
    let mut clusters = 0;
    // The segment and its clusters, as a program writes them before their lengths are known.
    for id in [[0x18, 0x53, 0x80, 0x67], [0x1F, 0x43, 0xB6, 0x75]] {
        let places: Vec<usize> =
            bytes.windows(4).enumerate().filter(|(_, name)| *name == id).map(|(at, _)| at + 4).collect();
        for place in places {
            let length = bytes[place].leading_zeros() as usize + 1;
            bytes[place] |= (0xff_u16 >> length) as u8;
            bytes[place + 1..place + length].fill(0xff);
            clusters += 1;
        }
    }
    assert!(clusters > 5, "{clusters}");
    fs::write(&file, bytes).unwrap();
    for settings in [settings(real()), AudioSettings::default()] {
        let plan = planned(&file, &settings);
        assert!((plan.duration_secs() - 10.19).abs() < 0.05, "{} s", plan.duration_secs());
        assert_eq!(plan.warnings, Vec::<String>::new());
    }
    let twice = fs::read(&file).unwrap().repeat(2);
    fs::write(&file, twice).unwrap();
    let plan = planned(&file, &AudioSettings::default());
    assert!((plan.duration_secs() - 20.38).abs() < 0.1, "joined: {} s", plan.duration_secs());
}

#[test]
fn a_wrong_frame_count_does_not_change_an_mp3s_length() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mp3");
    convert(&["-ar", "44100", "-q:a", "5"], &file);
    let whole = fs::read(&file).unwrap();
    let tag = whole.windows(4).position(|name| name == b"Xing").unwrap();
    let frames = u32::from_be_bytes(whole[tag + 8..tag + 12].try_into().unwrap());
    let length = planned(&file, &AudioSettings::default()).duration_secs();
    for (declared, warnings) in [(frames / 4, 0), (frames * 6, 1), (0, 0), (u32::MAX, 1)] {
        let mut bytes = whole.clone();
        bytes[tag + 8..tag + 12].copy_from_slice(&declared.to_be_bytes());
        fs::write(&file, bytes).unwrap();
        for settings in [settings(real()), AudioSettings::default()] {
            let plan = planned(&file, &settings);
            let secs = plan.duration_secs();
            assert!((secs - length).abs() < 0.1, "{declared} of {frames} frames: {secs} of {length} s");
            assert_eq!(plan.warnings.len(), warnings, "{declared} of {frames} frames: {:?}", plan.warnings);
        }
    }
}

#[test]
fn he_aac_keeps_its_length_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("he.m4a");
    convert(&["-ar", "22050", "-c:a", "aac"], &file);
    let mut bytes = fs::read(&file).unwrap();
    // The decoder's configuration: AAC LC at 22,050 Hz, and what makes it HE-AAC at 44,100 Hz.
    let (low, high) = ([0x13, 0x88, 0x56, 0xe5, 0x00], [0x2b, 0x8a, 0x08, 0x00, 0x00]);
    let place = bytes.windows(5).position(|config| config == low).unwrap();
    bytes[place..place + 5].copy_from_slice(&high);
    fs::write(&file, bytes).unwrap();
    let plan = planned(&file, &settings(real()));
    assert_eq!((plan.decoder, &plan.warnings[..]), (Decoder::Ffmpeg, &[][..]));
    assert!((plan.duration_secs() - 10.19).abs() < 0.1, "{} s", plan.duration_secs());
    let refused = probe_file(&file, &Selection::default(), &AudioSettings::default());
    assert!(matches!(refused, Err(AudioError::Unsupported(_))), "{refused:?}");
}
