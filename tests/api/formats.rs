//! Recordings of every kind that people have, made by ffmpeg and sox: each is right or refused, never wrong and silent.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use actors::domain::jobs::selection::Selection;
use actors::ports::{AudioError, CancelToken};
use serde_json::Value;
use verbatim::audio::{AudioSettings, plan_file, probe_file};

use super::clients::output;
use super::fixtures;
use super::service::Service;

/// What everything here is made from: the beginning of the bundled phrases, up to a pause.
const SOURCE: &str = "en_phrases.wav";
const SECS: f64 = 4.4;
const SAID: &str = "three down seven nine eight two right";

/// Who can decode a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    BuiltIn,
    Ffmpeg,
    /// No decoder: headerless data, and AMR with its pauses left out.
    Unsupported,
}

/// How a file is made of the source.
#[derive(Debug, Clone, Copy)]
enum Made {
    Ffmpeg,
    /// Into a pipe: nothing of the file is written afterwards.
    Piped,
    /// With moving pictures of this codec.
    Video(&'static str),
    Sox,
}

use Known::{BuiltIn, Unsupported};
use Made::{Piped, Sox, Video};

/// The file's name, how it is made, the arguments for that, what decodes it.
#[rustfmt::skip]
const KINDS: &[(&str, Made, &str, Known)] = &[
    ("8k.wav", Made::Ffmpeg, "-ar 8000", BuiltIn),
    ("11k_u8.wav", Made::Ffmpeg, "-ar 11025 -c:a pcm_u8", BuiltIn),
    ("22k.wav", Made::Ffmpeg, "-ar 22050", BuiltIn),
    ("stereo44k_s24.wav", Made::Ffmpeg, "-ar 44100 -ac 2 -c:a pcm_s24le", BuiltIn),
    ("96k_s32.wav", Made::Ffmpeg, "-ar 96000 -c:a pcm_s32le", BuiltIn),
    ("176k.wav", Made::Ffmpeg, "-ar 176400", BuiltIn),
    ("192k_f32.wav", Made::Ffmpeg, "-ar 192000 -c:a pcm_f32le", BuiltIn),
    ("f64.wav", Made::Ffmpeg, "-ar 48000 -c:a pcm_f64le", BuiltIn),
    ("mulaw.wav", Made::Ffmpeg, "-ar 8000 -c:a pcm_mulaw", BuiltIn),
    ("alaw.wav", Made::Ffmpeg, "-ar 8000 -c:a pcm_alaw", BuiltIn),
    ("adpcm_ms.wav", Made::Ffmpeg, "-ar 22050 -c:a adpcm_ms", BuiltIn),
    ("adpcm_ima.wav", Made::Ffmpeg, "-ar 22050 -c:a adpcm_ima_wav", BuiltIn),
    ("gsm.wav", Made::Ffmpeg, "-ar 8000 -c:a libgsm_ms", Known::Ffmpeg),
    ("6ch.wav", Made::Ffmpeg, "-ar 48000 -ac 6", BuiltIn),
    ("8ch.wav", Made::Ffmpeg, "-ar 44100 -ac 8", BuiltIn),
    ("streamed.wav", Piped, "-f wav", BuiltIn),
    ("44k.aiff", Made::Ffmpeg, "-ar 44100 -ac 2", BuiltIn),
    ("compressed.aifc", Sox, "-r 22050", BuiltIn),
    ("pcm.caf", Made::Ffmpeg, "-ar 44100", BuiltIn),
    ("alac.caf", Made::Ffmpeg, "-ar 44100 -c:a alac", BuiltIn),
    ("44k.flac", Made::Ffmpeg, "-ar 44100 -ac 2", BuiltIn),
    ("96k_s32.flac", Made::Ffmpeg, "-ar 96000 -sample_fmt s32", BuiltIn),
    ("6ch.flac", Made::Ffmpeg, "-ar 48000 -ac 6", BuiltIn),
    ("flac.oga", Made::Ffmpeg, "-c:a flac -f ogg", BuiltIn),
    ("cbr.mp3", Made::Ffmpeg, "-ar 44100 -b:a 128k", BuiltIn),
    ("8k.mp3", Made::Ffmpeg, "-ar 8000 -b:a 16k", BuiltIn),
    ("32k_vbr.mp3", Made::Ffmpeg, "-ar 32000 -ac 2 -q:a 4", BuiltIn),
    ("vbr_without_tag.mp3", Made::Ffmpeg, "-ar 44100 -q:a 5 -write_xing 0", BuiltIn),
    ("48k.mp2", Made::Ffmpeg, "-ar 48000 -b:a 128k", BuiltIn),
    ("vorbis.ogg", Made::Ffmpeg, "-ar 44100 -ac 2 -c:a libvorbis", BuiltIn),
    ("vorbis_6ch.ogg", Made::Ffmpeg, "-ar 48000 -ac 6 -c:a libvorbis", BuiltIn),
    ("opus.opus", Made::Ffmpeg, "-c:a libopus -b:a 24k", BuiltIn),
    ("opus_6ch.opus", Made::Ffmpeg, "-ac 6 -c:a libopus", Known::Ffmpeg),
    ("speex.spx", Made::Ffmpeg, "-ar 16000 -c:a libspeex", Known::Ffmpeg),
    ("opus.webm", Made::Ffmpeg, "-c:a libopus", BuiltIn),
    ("live.webm", Piped, "-c:a libopus -f webm", BuiltIn),
    ("video.webm", Video("libvpx"), "-c:a libvorbis", BuiltIn),
    ("video.mkv", Video("mpeg4"), "-c:a aac", BuiltIn),
    ("pcm.mka", Made::Ffmpeg, "-c:a pcm_s16le", BuiltIn),
    ("ac3.mkv", Made::Ffmpeg, "-ar 48000 -c:a ac3", Known::Ffmpeg),
    ("aac.m4a", Made::Ffmpeg, "-ar 44100 -c:a aac", BuiltIn),
    ("aac_6ch.m4a", Made::Ffmpeg, "-ar 48000 -ac 6 -c:a aac", Known::Ffmpeg),
    ("alac.m4a", Made::Ffmpeg, "-ar 44100 -c:a alac", BuiltIn),
    ("video.mp4", Video("mpeg4"), "-c:a aac", BuiltIn),
    ("faststart.mp4", Video("mpeg4"), "-c:a aac -movflags +faststart", BuiltIn),
    ("fragmented.mp4", Made::Ffmpeg, "-c:a aac -movflags frag_keyframe+empty_moov", BuiltIn),
    ("opus.mp4", Made::Ffmpeg, "-c:a libopus", BuiltIn),
    ("mp3.mp4", Made::Ffmpeg, "-ar 44100 -c:a libmp3lame", BuiltIn),
    ("pcm.mov", Video("mpeg4"), "-c:a pcm_s16le", BuiltIn),
    ("phone.3gp", Made::Ffmpeg, "-ar 16000 -c:a aac", BuiltIn),
    ("adts.aac", Made::Ffmpeg, "-ar 24000 -c:a aac", BuiltIn),
    ("old.wma", Made::Ffmpeg, "-ar 44100 -c:a wmav1", Known::Ffmpeg),
    ("new.wma", Made::Ffmpeg, "-ar 22050 -c:a wmav2", Known::Ffmpeg),
    ("video.wmv", Video("wmv2"), "-c:a wmav2", Known::Ffmpeg),
    ("mp3.avi", Video("mpeg4"), "-ar 44100 -c:a libmp3lame", Known::Ffmpeg),
    ("pcm.avi", Video("mpeg4"), "-c:a pcm_s16le", Known::Ffmpeg),
    ("video.flv", Video("flv"), "-ar 44100 -c:a libmp3lame", Known::Ffmpeg),
    ("video.ts", Video("mpeg2video"), "-ar 48000 -c:a aac", Known::Ffmpeg),
    ("mp2.ts", Made::Ffmpeg, "-ar 48000 -c:a mp2 -f mpegts", Known::Ffmpeg),
    ("video.mpg", Video("mpeg2video"), "-ar 48000 -c:a mp2", Known::Ffmpeg),
    ("stereo.ac3", Made::Ffmpeg, "-ar 48000 -ac 2", Known::Ffmpeg),
    ("6ch.eac3", Made::Ffmpeg, "-ar 48000 -ac 6", Known::Ffmpeg),
    ("stereo.dts", Made::Ffmpeg, "-ar 48000 -ac 2 -c:a dca -strict -2", Known::Ffmpeg),
    ("wave64.w64", Made::Ffmpeg, "-ar 44100", Known::Ffmpeg),
    ("rf64.wav", Made::Ffmpeg, "-ar 44100 -rf64 always", Known::Ffmpeg),
    ("mulaw.au", Made::Ffmpeg, "-ar 8000 -c:a pcm_mulaw", Known::Ffmpeg),
    ("narrow.amr", Sox, "-r 8000 -t amr-nb", Unsupported),
    ("lossless.tta", Made::Ffmpeg, "", Known::Ffmpeg),
    ("lossless.wv", Made::Ffmpeg, "", Known::Ffmpeg),
    ("cinema.thd", Made::Ffmpeg, "-ar 48000 -ac 2 -c:a truehd -strict -2 -f truehd", Known::Ffmpeg),
    ("modem.rm", Made::Ffmpeg, "-ar 8000 -c:a real_144", Known::Ffmpeg),
    ("container.nut", Made::Ffmpeg, "-c:a pcm_s16le", Known::Ffmpeg),
    ("broadcast.mxf", Video("mpeg2video"), "-ar 48000 -c:a pcm_s16le", Known::Ffmpeg),
    ("speech.sph", Sox, "-t sph", Known::Ffmpeg),
    ("blaster.voc", Sox, "-r 22050 -t voc", Known::Ffmpeg),
    ("native.sox", Sox, "-t sox", Known::Ffmpeg),
    ("raw.gsm", Sox, "-r 8000 -t gsm", Unsupported),
    ("raw.s16", Sox, "-t s16", Unsupported),
];

/// Of what telephones and eight bits leave, the small model understands some words only.
const HARD_TO_HEAR: [&str; 8] =
    ["8k.wav", "11k_u8.wav", "mulaw.wav", "alaw.wav", "gsm.wav", "8k.mp3", "mulaw.au", "modem.rm"];

fn make(dir: &Path, name: &str, made: Made, args: &str) -> PathBuf {
    let file = dir.join(name);
    let source = fixtures::audio(SOURCE);
    let args = args.split_whitespace();
    let mut ffmpeg = Command::new("ffmpeg");
    let secs = SECS.to_string();
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-t", &secs, "-i"]).arg(&source);
    match made {
        Made::Ffmpeg => output(ffmpeg.args(args).arg(&file)),
        Piped => {
            let status = ffmpeg.args(args).arg("pipe:1").stdout(File::create(&file).unwrap()).status();
            assert!(status.unwrap().success(), "{name}");
            String::new()
        }
        Video(codec) => {
            let pictures = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=25", "-shortest", "-c:v", codec];
            output(ffmpeg.args(pictures).args(args).arg(&file))
        }
        Sox => output(Command::new("sox").arg(&source).args(args).arg(&file).args(["trim", "0", &secs])),
    };
    file
}

/// Sends a file and gives its job once that has ended, or the code of its refusal.
fn sent(service: &Service, file: &Path) -> Result<String, (u16, String)> {
    // The name says nothing of what is in it; noise alone would say little of its language.
    let bytes = fs::read(file).unwrap();
    let answer = service.post_form("/jobs?queue=true", Some(("talk.wav", &bytes)), &[("language", "en")]);
    match answer.status {
        202 => Ok(answer.json()["id"].as_str().unwrap().to_owned()),
        status => Err((status, answer.error())),
    }
}

/// The share of the spoken words in the text, 0 to 1: the longest common sequence of words.
fn word_recall(text: &str) -> f64 {
    let words = |text: &str| -> Vec<_> {
        text.to_lowercase().replace('.', "").split(' ').map(str::to_owned).collect()
    };
    let (truth, text) = (words(SAID), words(text));
    let mut common = vec![vec![0_u32; text.len() + 1]; truth.len() + 1];
    for (i, said) in truth.iter().enumerate() {
        for (j, word) in text.iter().enumerate() {
            common[i + 1][j + 1] =
                if said == word { common[i][j] + 1 } else { common[i][j + 1].max(common[i + 1][j]) };
        }
    }
    f64::from(common[truth.len()][text.len()]) / truth.len() as f64
}

/// What is wrong with an accepted recording's job.
fn fault(name: &str, known: Known, job: &Value) -> Option<String> {
    let refused = job["status"] == "failed" && job["error"]["code"] == "unsupported_media";
    if known == Unsupported || job["status"] != "completed" {
        return (known != Unsupported || !refused)
            .then(|| format!("{name}: {} {}", job["status"], job["error"]));
    }
    let duration = job["audio"]["duration_secs"].as_f64().unwrap();
    let least = if HARD_TO_HEAR.contains(&name) { 0.1 } else { 0.7 };
    let (text, warnings) = (job["result"]["text"].as_str().unwrap(), &job["warnings"]);
    let is_right = (duration - SECS).abs() < 0.1 && word_recall(text) >= least && warnings.is_null();
    (!is_right).then(|| format!("{name}: {duration} s, {text:?}, warnings {warnings}"))
}

/// What is wrong with how the built-in decoders alone take a recording.
fn fault_without_ffmpeg(name: &str, file: &Path, known: Known) -> Option<String> {
    let settings = AudioSettings::default();
    let plan = probe_file(file, &Selection::default(), &settings).and_then(|()| {
        plan_file(file, &Selection::default(), &settings, &CancelToken::default(), &mut |_| {})
    });
    let is_right = match &plan {
        Ok(plan) => known == BuiltIn && (plan.duration_secs() - SECS).abs() < 0.1 && plan.warnings.is_empty(),
        Err(AudioError::Unsupported(_) | AudioError::Corrupt(_)) => known != BuiltIn,
        Err(_) => false,
    };
    let found = plan.map(|plan| (plan.duration_secs(), plan.warnings));
    (!is_right).then(|| format!("off: {name}, known to {known:?}: {found:?}"))
}

#[test]
fn every_format_is_right_or_refused_with_and_without_ffmpeg() {
    let dir = tempfile::tempdir().unwrap();
    let files: Vec<_> = KINDS
        .iter()
        .map(|(name, made, args, known)| (*name, make(dir.path(), name, *made, args), *known))
        .collect();
    assert!(files.len() >= 40);
    let service = Service::start_with(&[("VERBATIM__AUDIO__FFMPEG", "auto")]);
    let answers: Vec<_> = files.iter().map(|(_, file, _)| sent(&service, file)).collect();
    let (first, second) = files.split_at(files.len() / 2);
    let faults = |files: &[(&str, PathBuf, Known)]| -> Vec<String> {
        files.iter().filter_map(|(name, file, known)| fault_without_ffmpeg(name, file, *known)).collect()
    };
    let mut wrong = thread::scope(|scope| {
        let others = scope.spawn(|| faults(second));
        [faults(first), others.join().unwrap()].concat()
    });
    for ((name, _, known), answer) in files.iter().zip(answers) {
        match answer {
            Ok(id) => wrong.extend(fault(name, *known, &service.finished(&id))),
            Err((415, code)) if code == "unsupported_media" && *known == Unsupported => {}
            Err(refused) => wrong.push(format!("{name}, known to {known:?}: {refused:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_only_ffmpeg_decodes_is_refused_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = make(dir.path(), "new.wma", Made::Ffmpeg, "-c:a wmav2");
    let service = Service::start_with(&[("VERBATIM__AUDIO__FFMPEG", "off")]);
    assert_eq!(sent(&service, &file), Err((415, "unsupported_media".to_owned())));
}

/// Kinds that show when something is missing from the file, and whether what comes behind a hole is found, and
/// found at its time.
const TELLING: &[(&str, &str, bool)] = &[
    ("a.flac", "", true),
    ("a.ogg", "-c:a libvorbis", true),
    ("a.opus", "-c:a libopus", true),
    ("a.webm", "-c:a libopus", false),
    ("a.mka", "-c:a libmp3lame", false),
    ("a.m4a", "-c:a aac -movflags +faststart", true),
    ("a.mp3", "-b:a 64k", false),
];

#[test]
fn a_damaged_recording_keeps_its_times_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let settings = AudioSettings::default();
    let plan = |bytes: &[u8]| {
        let file = dir.path().join("damaged");
        fs::write(&file, bytes).unwrap();
        plan_file(&file, &Selection::default(), &settings, &CancelToken::default(), &mut |_| {})
    };
    let mut rng = fastrand::Rng::with_seed(1);
    let mut wrong = Vec::new();
    for (name, args, has_times) in TELLING {
        let whole = fs::read(make(dir.path(), name, Made::Ffmpeg, args)).unwrap();
        let cut = plan(&whole[..whole.len() * 6 / 10]);
        let is_reported =
            cut.as_ref().is_ok_and(|plan| plan.duration_secs() < SECS && !plan.warnings.is_empty());
        if !is_reported {
            wrong.push(format!("{name}, cut: {cut:?}"));
        }
        let mut holed = whole.clone();
        let hole = whole.len() / 2..whole.len() / 2 + whole.len() / 8;
        holed[hole].fill_with(|| rng.u8(..));
        let holed = plan(&holed);
        let is_reported = holed.as_ref().is_ok_and(|plan| {
            !plan.warnings.is_empty() && (!has_times || (plan.duration_secs() - SECS).abs() < 0.3)
        });
        if !is_reported {
            wrong.push(format!("{name}, with a hole: {holed:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
