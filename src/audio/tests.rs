//! The room as a whole, on the bundled recordings and on files written here byte by byte.

use std::fs;
use std::path::PathBuf;

use actors::domain::jobs::job::BlobKey;
use actors::ports::BlobFile;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/audio/");
const SPOKEN: [&str; 8] = [
    "en_short.wav",
    "en_phrases.wav",
    "de_phrases.wav",
    "es_phrases.wav",
    "fr_phrases.wav",
    "en_dense.wav",
    "en_stereo44k.mp3",
    "long.ogg",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

/// Each fixture is a blob under its name.
#[derive(Debug)]
struct Fixtures;

impl BlobFiles for Fixtures {
    fn file(&self, blob: &StoredBlob, _: WhileAway<'_>) -> Result<BlobFile, AudioError> {
        Ok(Arc::new(fixture(&blob.key.0)))
    }
}

fn blob(name: &str) -> StoredBlob {
    StoredBlob { key: BlobKey(name.into()), bytes: 0, sha256: String::new() }
}

fn plan(path: &Path) -> Result<Plan, AudioError> {
    plan_file(path, &Selection::default(), &AudioSettings::default(), &CancelToken::default(), &mut |_| {})
}

fn plan_bytes(bytes: &[u8]) -> Result<Plan, AudioError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let probed = probe_file(file.path(), &Selection::default(), &AudioSettings::default());
    let planned = plan(file.path());
    if planned.is_ok() {
        probed.expect("what can be planned can be probed");
    }
    planned
}

fn all_chunks(path: &Path, plan: &Plan, first: usize) -> Vec<std::sync::Arc<[f32]>> {
    chunks_of_file(path, &AudioSettings::default(), plan, first, &CancelToken::default())
        .map(|chunk| chunk.unwrap())
        .collect()
}

/// A wave file of 16 bits with the given samples, interleaved.
fn wave(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data = samples.len() as u32 * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(channels) * 2).to_le_bytes());
    bytes.extend((channels * 2).to_le_bytes());
    bytes.extend(16u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// Noise that is the same everywhere.
fn noise(count: usize) -> Vec<i16> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 18) as i16 - 8_192
    };
    (0..count).map(|_| next()).collect()
}

fn true_segments(name: &str) -> Vec<(f64, f64)> {
    let truth: serde_json::Value = serde_json::from_slice(&fs::read(fixture("truth.json")).unwrap()).unwrap();
    let segments = truth[name]["segments"].as_array().unwrap();
    segments.iter().map(|s| (s["start"].as_f64().unwrap(), s["end"].as_f64().unwrap())).collect()
}

#[test]
fn every_true_segment_lies_within_one_chunk() {
    for name in SPOKEN {
        let plan = plan(&fixture(name)).unwrap();
        assert_eq!(plan.warnings, Vec::<String>::new(), "{name}");
        for (start, end) in true_segments(name) {
            let held = plan.chunks.iter().any(|c| c.start_secs() <= start && end <= c.end_secs());
            assert!(held, "{name}: {start} to {end} is in no chunk of {:?}", plan.chunks);
        }
    }
}

#[test]
fn the_length_is_the_recordings() {
    for (name, secs) in [("long.ogg", 218.86), ("en_dense.wav", 20.17), ("en_stereo44k.mp3", 3.84)] {
        let found = plan(&fixture(name)).unwrap().duration_secs();
        assert!((found - secs).abs() < 0.05, "{name}: {found} s");
    }
}

#[test]
fn silence_has_no_chunk() {
    let plan = plan(&fixture("silence.wav")).unwrap();
    assert_eq!((plan.chunks, plan.speech, plan.language_windows), (vec![], vec![], vec![]));
}

#[test]
fn noise_without_speech_is_in_a_chunk_all_the_same() {
    let faint = plan(&fixture("noise.wav")).unwrap();
    let loud = plan_bytes(&wave(16_000, 1, &noise(80_000))).unwrap();
    for plan in [faint, loud] {
        let whole = Span { start: 0, end: plan.samples };
        assert_eq!((plan.chunks, plan.speech), (vec![whole], vec![]));
    }
}

#[test]
fn speech_at_a_tenth_of_its_level_is_planned_all_the_same() {
    let path = fixture("en_phrases.wav");
    let bytes = fs::read(&path).unwrap();
    let samples = bytes[bytes.len() - 2 * 163_072..].chunks_exact(2);
    let quiet: Vec<i16> = samples.map(|b| i16::from_le_bytes([b[0], b[1]]) / 10).collect();
    let plan = plan_bytes(&wave(16_000, 1, &quiet)).unwrap();
    for (start, end) in true_segments("en_phrases.wav") {
        assert!(plan.chunks.iter().any(|c| c.start_secs() <= start && end <= c.end_secs()));
    }
}

#[test]
fn a_chunks_samples_are_the_same_whichever_chunk_comes_first() {
    let path = fixture("long.ogg");
    let plan = plan(&path).unwrap();
    let all = all_chunks(&path, &plan, 0);
    assert_eq!(all.len(), plan.chunks.len());
    for (chunk, span) in all.iter().zip(&plan.chunks) {
        assert_eq!(chunk.len() as u64, span.samples());
        assert!(chunk.iter().all(|s| s.is_finite() && s.abs() <= 1.0));
    }
    for first in [1, 4, plan.chunks.len() - 1] {
        assert_eq!(all_chunks(&path, &plan, first), all[first..]);
    }
    assert!(all_chunks(&path, &plan, plan.chunks.len()).is_empty());
}

#[test]
fn overlapping_chunks_share_their_samples() {
    let path = fixture("long.ogg");
    let second = |n: u64| n * 16_000;
    let chunks = [(10, 38), (35, 63), (60, 88), (88, 100)]
        .map(|(start, end)| Span { start: second(start), end: second(end) });
    let plan = Plan { samples: second(218), chunks: chunks.to_vec(), ..Plan::default() };
    let all = all_chunks(&path, &plan, 0);
    for pair in [(0, 1), (1, 2)] {
        assert_eq!(all[pair.0][second(25) as usize..], all[pair.1][..second(3) as usize]);
    }
    for first in 1..4 {
        assert_eq!(all_chunks(&path, &plan, first), all[first..]);
    }
}

#[test]
fn language_windows_are_read_like_chunks_in_the_plans_order() {
    let files = AudioFiles::new(Arc::new(Fixtures), AudioSettings::default());
    let (blob, cancel) = (blob("long.ogg"), CancelToken::default());
    let mut plan = files.plan(&blob, &Selection::default(), &cancel, &mut |_| {}).unwrap();
    let windows = plan.language_windows.clone();
    assert_eq!(windows.len(), 6);
    let read = files.spans(&blob, &plan, &windows, &cancel).unwrap();
    for (window, read) in windows.into_iter().zip(read) {
        plan.chunks = vec![window];
        assert_eq!(read, all_chunks(&fixture("long.ogg"), &plan, 0)[0]);
    }
}

#[test]
fn a_span_holds_exactly_its_samples() {
    let samples: Vec<i16> = (0..32_000).map(|n| (n % 30_000) as i16).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), wave(16_000, 1, &samples)).unwrap();
    let chunks = vec![
        Span { start: 100, end: 5_000 },
        Span { start: 5_000, end: 20_001 },
        Span { start: 17_000, end: 30_000 },
    ];
    let plan = Plan { samples: 32_000, chunks, ..Plan::default() };
    let read = all_chunks(file.path(), &plan, 0);
    let wanted = |range: std::ops::Range<usize>| -> Vec<f32> {
        samples[range].iter().map(|s| f32::from(*s) / 32_768.0).collect()
    };
    assert_eq!(&read[0][..], wanted(100..5_000));
    assert_eq!(&read[1][..], wanted(5_000..20_001));
    assert_eq!(&read[2][..], wanted(17_000..30_000), "it overlaps the one before");
}

#[test]
fn channels_are_mixed_to_their_mean() {
    let stereo: Vec<i16> = (0..1_000).flat_map(|_| [8_192, -4_096]).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), wave(16_000, 2, &stereo)).unwrap();
    let chunks = vec![Span { start: 0, end: 1_000 }];
    let plan = Plan { samples: 1_000, chunks, ..Plan::default() };
    assert!(all_chunks(file.path(), &plan, 0)[0].iter().all(|s| *s == 0.0625));
}

#[test]
fn a_truncated_recording_is_planned_to_the_cut_with_a_warning() {
    let whole = fs::read(fixture("en_dense.wav")).unwrap();
    let plan = plan_bytes(&whole[..whole.len() / 2]).unwrap();
    assert!((plan.duration_secs() - 10.08).abs() < 0.05);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    let whole = fs::read(fixture("long.ogg")).unwrap();
    let plan = plan_bytes(&whole[..whole.len() / 2]).unwrap();
    assert!(plan.duration_secs() > 90.0 && plan.duration_secs() < 130.0);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
}

#[test]
fn a_wave_file_written_into_a_pipe_is_not_taken_for_truncated() {
    let mut bytes = wave(16_000, 1, &[100; 20_000]);
    bytes[4..8].fill(0xff);
    bytes[40..44].fill(0xff);
    let plan = plan_bytes(&bytes).unwrap();
    assert_eq!((plan.samples, plan.warnings), (20_000, vec![]));
}

#[test]
fn both_links_of_a_chained_stream_are_decoded() {
    let link = fs::read(fixture("long.ogg")).unwrap();
    let plan = plan_bytes(&[&link[..], &link[..]].concat()).unwrap();
    assert!((plan.duration_secs() - 2.0 * 218.86).abs() < 0.1, "{}", plan.duration_secs());
    assert_eq!(plan.warnings, Vec::<String>::new());
}

#[test]
fn what_is_no_recording_is_refused_with_a_sentence() {
    let random: Vec<u8> = noise(100_000).iter().flat_map(|s| s.to_le_bytes()).collect();
    for bytes in
        [&b"x"[..], &b"hello, world. ".repeat(50), &random, &[0; 5_000], b"RIFF\x24\0\0\0AVI LIST", b"RIFF"]
    {
        match plan_bytes(bytes) {
            Err(AudioError::Unsupported(message)) => {
                assert!(message.starts_with("not a recording that can be decoded: "), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn emptiness_has_its_own_errors() {
    assert_eq!(plan_bytes(b""), Err(AudioError::EmptyFile));
    assert_eq!(plan_bytes(&wave(16_000, 1, &[])), Err(AudioError::NoSamples));
    assert!(matches!(plan(Path::new("/no/such/file")), Err(AudioError::Io(_))));
    assert!(matches!(plan(Path::new("/")), Err(AudioError::Io(_))));
}

#[test]
fn rates_and_channels_outside_the_limits_are_named() {
    for (rate, channels) in [(3_000, 1), (400_000, 1), (16_000, 9)] {
        let Err(AudioError::Unsupported(message)) = plan_bytes(&wave(rate, channels, &[1; 9_000])) else {
            panic!("{rate} Hz, {channels} channels were taken");
        };
        assert!(message.contains("send one with"), "{message}");
    }
}

#[test]
fn a_recording_over_the_limit_is_refused_by_what_was_decoded() {
    let settings = AudioSettings { max_secs: 10, ..AudioSettings::default() };
    let refused = plan_file(
        &fixture("en_dense.wav"),
        &Selection::default(),
        &settings,
        &CancelToken::default(),
        &mut |_| {},
    );
    assert!(matches!(refused, Err(error @ AudioError::TooLong { .. }) if error.to_string().contains("10 s")));
}

#[test]
fn a_cancelled_plan_is_given_up() {
    let cancel = CancelToken::default();
    cancel.cancel();
    let given_up = plan_file(
        &fixture("long.ogg"),
        &Selection::default(),
        &AudioSettings::default(),
        &cancel,
        &mut |_| {},
    );
    assert_eq!(given_up, Err(AudioError::Cancelled));
}

#[test]
fn a_file_that_shrank_since_its_plan_is_an_error() {
    let path = fixture("en_short.wav");
    let mut plan = plan(&path).unwrap();
    plan.chunks[0].end = plan.samples + 1;
    let mut chunks = chunks_of_file(&path, &AudioSettings::default(), &plan, 0, &CancelToken::default());
    assert!(matches!(chunks.next(), Some(Err(AudioError::Corrupt(_)))));
    assert!(chunks.next().is_none());
}

#[test]
fn every_prefix_of_a_recording_ends_in_a_plan_or_an_error() {
    for name in ["en_short.wav", "en_stereo44k.mp3"] {
        let whole = fs::read(fixture(name)).unwrap();
        for length in (0..200).chain((200..whole.len()).step_by(whole.len() / 40)) {
            let _ = plan_bytes(&whole[..length]);
        }
    }
}

#[test]
fn the_port_reads_the_file_that_the_key_names() {
    let files = AudioFiles::new(Arc::new(Fixtures), AudioSettings::default());
    let blob = blob("en_short.wav");
    files.probe(&blob, &Selection::default()).unwrap();
    let plan = files.plan(&blob, &Selection::default(), &CancelToken::default(), &mut |_| {}).unwrap();
    assert_eq!(files.chunks(&blob, &plan, 0, &CancelToken::default()).unwrap().count(), plan.chunks.len());
}

#[test]
fn built_in_decoding_does_not_depend_on_ffmpeg() {
    let files =
        |ffmpeg| AudioFiles::new(Arc::new(Fixtures), AudioSettings { ffmpeg, ..AudioSettings::default() });
    let (with, without) = (files(Some(Ffmpeg::look(60))), files(None));
    assert_eq!(with.version(Decoder::BuiltIn), without.version(Decoder::BuiltIn));
    assert_ne!(with.version(Decoder::BuiltIn), with.version(Decoder::Ffmpeg));
}

#[test]
fn the_first_chunk_in_advance_is_the_plan_s() {
    let mut begun = vec![];
    let plan = plan_file(
        &fixture("long.ogg"),
        &Selection::default(),
        &AudioSettings::default(),
        &CancelToken::default(),
        &mut |first| {
            begun.push(first);
        },
    );
    let [begun] = &begun[..] else { panic!("{} plans of a beginning", begun.len()) };
    let plan = plan.unwrap();
    assert_eq!((&begun.chunks[..], begun.decoder), (&plan.chunks[..1], plan.decoder));
    assert!(plan.chunks.len() > 5);
}

#[test]
fn a_recording_at_full_scale_stays_within_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("square.wav");
    // A square wave of 8 kHz samples, on which every filter overshoots.
    let square: Vec<u8> =
        (0..8000).flat_map(|n| (if n / 9 % 2 == 0 { i16::MAX } else { i16::MIN }).to_le_bytes()).collect();
    let mut wav =
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data"
            .to_vec();
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(square);
    std::fs::write(&path, wav).unwrap();
    let mut pcm = super::source::open(
        &path,
        Default::default(),
        super::mix::Downmix::Mean,
        &Selection::default(),
        None,
        &CancelToken::default(),
    )
    .unwrap();
    let samples = pcm.read(Span { start: 0, end: 16_000 }).unwrap();
    assert_eq!(samples.len(), 16_000);
    assert!(samples.iter().all(|sample| sample.abs() <= 1.0));
    assert!(samples.contains(&1.0), "it is at full scale");
}

#[test]
fn channels_are_planned_and_read_each_by_itself() {
    let settings = AudioSettings { channels: Channels::Split, ..AudioSettings::default() };
    let samples = |name: &str| -> Vec<i16> {
        let bytes = fs::read(fixture(name)).unwrap();
        bytes[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
    };
    // A long one on the left, silence in the middle, a short one that begins later on the right.
    let (left, short) = (samples("en_dense.wav"), samples("en_short.wav"));
    let right: Vec<i16> = vec![0; 80_000].into_iter().chain(short).collect();
    let woven =
        (0..left.len()).flat_map(|n| [left[n], 0, right.get(n).copied().unwrap_or(0)]).collect::<Vec<_>>();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), wave(16_000, 3, &woven)).unwrap();
    let plan = plan_file(file.path(), &Selection::default(), &settings, &CancelToken::default(), &mut |_| {})
        .unwrap();
    assert_eq!((plan.samples, plan.passes()), (left.len() as u64, 2), "{plan:?}");
    assert_eq!(plan.channels.len(), plan.chunks.len());
    assert!(plan.channels.contains(&0) && !plan.channels.contains(&1) && plan.channels.contains(&2));
    assert!(!plan.language_windows.is_empty());
    assert!(plan.chunks.is_sorted_by_key(|chunk| chunk.end));
    for first in 0..plan.chunks.len() {
        let read = chunks_of_file(file.path(), &settings, &plan, first, &CancelToken::default());
        for (n, chunk) in (first..).zip(read) {
            let (span, of) = (plan.chunks[n], if plan.channel(n) == Some(0) { &left } else { &right });
            let wanted = (span.start..span.end).map(|at| of.get(at as usize).copied().unwrap_or(0));
            assert_eq!(&chunk.unwrap()[..], wanted.map(|s| f32::from(s) / 32_768.0).collect::<Vec<_>>());
        }
    }
    let mono = plan_file(
        &fixture("en_short.wav"),
        &Selection::default(),
        &settings,
        &CancelToken::default(),
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(mono.channels, [0], "the only channel is the first");
}

#[test]
fn another_way_to_decode_is_another_version() {
    let with = |change: &dyn Fn(&mut AudioSettings)| {
        let mut settings = AudioSettings::default();
        change(&mut settings);
        AudioFiles::new(Arc::new(Fixtures), settings).version(Decoder::BuiltIn)
    };
    let versions = [
        with(&|_| {}),
        with(&|settings| settings.channels = Channels::Split),
        with(&|settings| settings.plan.most = 20.0),
    ];
    let different: std::collections::BTreeSet<_> = versions.iter().collect();
    assert_eq!(different.len(), versions.len(), "{versions:?}");
}

/// From `start` to `end` in seconds.
fn range(start: u64, end: Option<u64>) -> Selection {
    Selection { start: start * 16_000, end: end.map(|end| end * 16_000), ..Selection::default() }
}

fn plan_range(path: &Path, selection: &Selection) -> Result<Plan, AudioError> {
    plan_file(path, selection, &AudioSettings::default(), &CancelToken::default(), &mut |_| {})
}

#[test]
fn a_range_has_the_recordings_times_and_samples() {
    for (name, start, end) in [("en_phrases.wav", 3, 8), ("en_stereo44k.mp3", 1, 3), ("long.ogg", 40, 150)] {
        let path = fixture(name);
        let (whole, selection) = (plan(&path).unwrap(), range(start, Some(end)));
        let part = plan_range(&path, &selection).unwrap();
        assert_eq!((part.samples, &part.selection), (end * 16_000, &selection), "{name}");
        assert_eq!(part.warnings, Vec::<String>::new(), "{name}: what is behind the end is not missing");
        let spans = [&part.chunks[..], &part.speech, &part.language_windows].concat();
        assert!(!part.chunks.is_empty() && !part.speech.is_empty() && !part.language_windows.is_empty());
        assert!(
            spans.iter().all(|s| s.start >= start * 16_000 && s.end <= end * 16_000),
            "{name}: {spans:?}"
        );
        for (from, to) in true_segments(name) {
            let is_held = part.chunks.iter().any(|c| c.start_secs() <= from && to <= c.end_secs());
            assert!(is_held || from < start as f64 || to > end as f64, "{name}: {from} to {to}");
        }
        let all = all_chunks(&path, &part, 0);
        let of_whole = Plan { chunks: part.chunks.clone(), ..whole };
        assert_eq!(all, all_chunks(&path, &of_whole, 0), "{name}");
        for first in 1..all.len() {
            assert_eq!(all_chunks(&path, &part, first), all[first..], "{name}");
        }
    }
}

#[test]
fn the_first_chunk_of_a_range_is_planned_in_advance() {
    let mut begun = vec![];
    let (settings, cancel) = (AudioSettings::default(), CancelToken::default());
    let plan = plan_file(&fixture("long.ogg"), &range(60, None), &settings, &cancel, &mut |first| {
        begun.push(first);
    });
    let [begun] = &begun[..] else { panic!("{} plans of a beginning", begun.len()) };
    let plan = plan.unwrap();
    assert_eq!((&begun.chunks[..], &begun.selection), (&plan.chunks[..1], &plan.selection));
    assert!(begun.chunks[0].start >= 60 * 16_000);
}

#[test]
fn a_range_ends_with_the_recording_and_does_not_start_behind_it() {
    let path = fixture("en_phrases.wav");
    assert_eq!(plan_range(&path, &range(3, Some(1_000))).unwrap().samples, 163_072);
    let late = plan_range(&path, &range(11, None));
    assert_eq!(late, Err(AudioError::StartsPastEnd { start: 176_000, end: 163_072 }));
}

#[test]
fn single_channels_have_the_same_range() {
    let settings = AudioSettings { channels: Channels::Split, ..AudioSettings::default() };
    let woven: Vec<i16> = noise(160_000).into_iter().flat_map(|sample| [sample, -sample]).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), wave(16_000, 2, &woven)).unwrap();
    let cancel = CancelToken::default();
    let plan = plan_file(file.path(), &range(2, Some(5)), &settings, &cancel, &mut |_| {}).unwrap();
    let span = Span { start: 32_000, end: 80_000 };
    assert_eq!((&plan.chunks[..], &plan.channels[..]), (&[span, span][..], &[0, 1][..]));
    let chunks: Vec<_> =
        chunks_of_file(file.path(), &settings, &plan, 0, &cancel).map(Result::unwrap).collect();
    let sample = f32::from(woven[64_000]) / 32_768.0;
    assert_eq!((chunks[0][0], chunks[1][0]), (sample, -sample));
}

#[test]
fn a_missing_track_is_an_error_before_a_plan() {
    let chosen = |track: &str| Selection { track: track.parse().ok(), ..Selection::default() };
    for name in ["en_short.wav", "long.ogg"] {
        let path = fixture(name);
        for missing in ["2", "eng"] {
            let refused = probe_file(&path, &chosen(missing), &AudioSettings::default());
            assert!(
                matches!(&refused, Err(AudioError::NoSuchTrack(why)) if why.contains("use one of 1")),
                "{refused:?}"
            );
            assert_eq!(plan_range(&path, &chosen(missing)).map(drop), refused);
        }
        let first = plan_range(&path, &chosen("1")).unwrap();
        assert_eq!(first, Plan { selection: chosen("1"), ..plan(&path).unwrap() });
    }
}

#[test]
fn peaks_are_those_of_the_whole_recording_whatever_is_selected() {
    let second = |level: i16| vec![level; 16_000];
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), wave(16_000, 1, &[second(0), second(i16::MAX / 2), second(0)].concat())).unwrap();
    let selection = Selection { start: 16_000, end: Some(32_000), ..Selection::default() };
    let measure = |cancel| peaks_of_file(file.path(), &selection, &AudioSettings::default(), &cancel);
    let peaks = measure(CancelToken::default()).unwrap();
    assert_eq!(peaks.samples, 48_000);
    let points = peaks.points(3);
    assert!(points[0] < 0.01 && (points[1] - 0.5).abs() < 0.01 && points[2] < 0.01, "{points:?}");
    let cancelled = CancelToken::default();
    cancelled.cancel();
    assert_eq!(measure(cancelled), Err(AudioError::Cancelled));
}
