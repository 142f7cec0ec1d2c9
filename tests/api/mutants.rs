//! Damaged recordings over HTTP: each is refused with its reason or becomes a job that ends, and the service
//! stays well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fastrand::Rng;

use super::clients::output;
use super::fixtures;
use super::service::Service;

/// The long form: this many of each kind, instead of a few.
const HOW_MANY: &str = "VERBATIM_MUTANTS";
const A_FEW: usize = 15;
/// Repeats a run's choices.
const SEED: &str = "VERBATIM_MUTANTS_SEED";

/// One of each family of containers and codecs, made by ffmpeg.
const KINDS: [(&str, &str); 16] = [
    ("pcm.wav", ""),
    ("adpcm.wav", "-c:a adpcm_ima_wav"),
    ("pcm.aiff", ""),
    ("alac.caf", "-c:a alac"),
    ("lossless.flac", ""),
    ("tagged.mp3", "-b:a 32k"),
    ("adts.aac", ""),
    ("aac.m4a", ""),
    ("fragmented.mp4", "-movflags frag_keyframe+empty_moov"),
    ("vorbis.ogg", "-c:a libvorbis"),
    ("opus.ogg", "-c:a libopus"),
    ("opus.webm", "-c:a libopus"),
    ("pcm.mka", "-c:a pcm_s16le"),
    // Only ffmpeg decodes these.
    ("windows.wma", ""),
    ("pcm.avi", ""),
    ("mp2.ts", "-c:a mp2"),
];

/// How the recordings of one kind ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ends {
    refused: usize,
    completed: usize,
    warned: usize,
    failed: usize,
}

fn make(dir: &Path, source: &str, name: &str, args: &str) -> Vec<u8> {
    let file: PathBuf = dir.join(name);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(fixtures::audio(source));
    output(ffmpeg.args(["-t", "3"]).args(args.split_whitespace()).arg(&file));
    fs::read(file).unwrap()
}

/// One to four of the things that happen to files.
fn damage(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.usize(1..=4) {
        if bytes.is_empty() {
            return bytes;
        }
        // Headers are short, and where most of what can go wrong stands.
        let end = if rng.bool() { bytes.len().min(512) } else { bytes.len() };
        let at = rng.usize(0..end);
        let length = rng.usize(1..=64).min(bytes.len() - at);
        match rng.u8(0..8) {
            0 => bytes[at] ^= 1 << rng.u8(0..8),
            1 => bytes[at..at + length].iter_mut().for_each(|byte| *byte = rng.u8(..)),
            2 => bytes[at..at + length].fill(0),
            3 => bytes[at..at + length].fill(0xff),
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..at + length)),
            6 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let odd = [0u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX][rng.usize(0..5)];
                let four = if rng.bool() { odd.to_be_bytes() } else { odd.to_le_bytes() };
                let length = bytes.len().min(at + 4) - at;
                bytes[at..at + length].copy_from_slice(&four[..length]);
            }
        }
    }
    bytes
}

#[test]
fn every_damaged_recording_is_refused_or_ends() {
    let of_each = std::env::var(HOW_MANY).map_or(A_FEW, |count| count.parse().expect("a number"));
    let seed = std::env::var(SEED).map_or(7, |seed| seed.parse().expect("a number"));
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start();
    for (name, args) in KINDS {
        let mut rng = Rng::with_seed(seed);
        // Most are silent: what is tried is how they are read. Some are speech, and transcribed.
        let [silent, spoken] =
            ["silence.wav", "en_short.wav"].map(|source| make(dir.path(), source, name, args));
        let mut taken = Vec::new();
        let mut ends = Ends::default();
        for n in 0..of_each {
            let mutant = damage(&mut rng, if n % 8 == 0 { spoken.clone() } else { silent.clone() });
            let answer = service.post_form("/jobs?queue=true", Some((name, &mutant)), &[]);
            match answer.status {
                202 => taken.push(answer.json()["id"].as_str().unwrap().to_owned()),
                400 | 415 => {
                    assert!(!answer.error().is_empty());
                    ends.refused += 1;
                }
                status => {
                    let kept = std::env::temp_dir().join(format!("verbatim-mutant-{name}"));
                    fs::write(&kept, &mutant).unwrap();
                    panic!(
                        "{status} for mutant {n} of {name}, seed {seed}, kept as {}: {answer:?}",
                        kept.display()
                    );
                }
            }
        }
        for id in taken {
            let job = service.finished(&id);
            match job["status"].as_str().unwrap() {
                "completed" => ends.completed += 1,
                "failed" => {
                    assert!(!job["error"]["message"].as_str().unwrap().is_empty(), "{job}");
                    // What the engine makes of it is never the recording's fault.
                    let code = job["error"]["code"].as_str().unwrap();
                    assert!(["unsupported_media", "corrupt_audio", "no_audio"].contains(&code), "{job}");
                    ends.failed += 1;
                }
                status => panic!("{name}: {status}"),
            }
            ends.warned += usize::from(!job["warnings"].is_null());
        }
        println!("{name}: {ends:?} of {of_each}");
        assert_eq!(ends.refused + ends.completed + ends.failed, of_each);
    }
    assert_eq!(service.get("/health").status, 200);
}
