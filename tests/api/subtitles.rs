//! Transcripts as others read them: with the libraries of `tests/clients/requirements.txt`.

use std::fs;

use actors::domain::jobs::options::Task;
use actors::domain::transcript::Segment;
use serde_json::{Value, json};
use verbatim::transcript::{Format, Shape, Transcript, render, render_shaped};

use super::clients::{output, python};
use super::fixtures;
use super::service::Service;

/// What has broken writers and readers of subtitles, between spaces.
const PARTS: [&str; 34] = [
    "word",
    "-->",
    "--->",
    "->",
    "&",
    "&amp;",
    "&lt;b&gt;",
    "<",
    ">",
    "<b>",
    "</i>",
    "<v",
    "<font",
    "a<b",
    "{\\an8}",
    "{y:i}",
    "00:00:01,000",
    "<00:00:02.000>",
    "שלום",
    "\u{202e}abc\u{202c}",
    "مرحبا",
    "👩\u{200d}👩\u{200d}👧",
    "🎤",
    "e\u{301}",
    "吾輩は猫である。",
    "NOTE",
    "WEBVTT",
    "STYLE",
    "12",
    "7.",
    "\"said\"",
    "it's",
    "a\u{a0}b",
    "\\N",
];

/// What may stand between them.
const GAPS: [&str; 8] = [" ", " ", " ", "\n", "\r\n", "\n\n", "\t", "\u{2028}"];

struct Sample {
    segment: Segment,
    /// The text in one line.
    line: String,
    /// How many of its words are times.
    times: usize,
}

/// Three hundred cues, over more than a hundred hours; some have no text.
fn samples() -> Vec<Sample> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut at = 0_u64;
    (0..300)
        .map(|id| {
            let words: Vec<&str> =
                (0..random.usize(..12)).map(|_| PARTS[random.usize(..PARTS.len())]).collect();
            let mut text = String::from(" ");
            for word in &words {
                text += word;
                text += GAPS[random.usize(..GAPS.len())];
            }
            let start = at + random.u64(..2_500_000);
            let end = start + random.u64(1..30_000);
            at = end;
            let (start, end) = (start as f64 / 1000.0, end as f64 / 1000.0);
            let segment = Segment { id, ..Segment::new(start, end, text) };
            let times = words.iter().filter(|word| word.contains("00:00:")).count();
            Sample { segment, line: words.join(" "), times }
        })
        .collect()
}

fn expected(sample: &Sample) -> Value {
    let millis = |secs: f64| (secs * 1000.0).round() as u64;
    let Segment { start, end, text, .. } = &sample.segment;
    json!({ "start": millis(*start), "end": millis(*end), "text": text, "line": sample.line })
}

#[test]
fn public_readers_find_every_cue_as_it_was_written() {
    let samples = samples();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, document: &str| fs::write(dir.path().join(name), document).unwrap();
    let segments: Vec<_> = samples.iter().map(|sample| sample.segment.clone()).collect();
    let duration_secs = segments.last().unwrap().end;
    assert!(duration_secs > 360_000.0, "past 100 hours");
    let transcript = |segments| Transcript {
        language: None,
        language_probability: None,
        duration_secs,
        task: Task::Transcribe,
        segments,
        revision: None,
    };

    let all = transcript(&segments);
    for format in [Format::Srt, Format::Vtt, Format::Tsv, Format::Json, Format::VerboseJson] {
        write(&format!("all.{format}"), &render(&all, format));
    }
    let shape = Shape::new(Some(24), Some(2), Some(20.0)).unwrap();
    for format in [Format::Srt, Format::Vtt] {
        write(&format!("shaped.{format}"), &render_shaped(&all, format, shape.as_ref()));
        write(&format!("empty.{format}"), &render(&transcript(&[]), format));
    }

    // pysubs2 has no room for more than 99 hours, and takes every line with two times for the beginning of a cue.
    let few: Vec<_> = samples.iter().filter(|s| s.segment.end < 360_000.0 && s.times < 2).collect();
    let segments: Vec<_> = few.iter().map(|sample| sample.segment.clone()).collect();
    write("few.srt", &render(&transcript(&segments), Format::Srt));
    write("few.vtt", &render(&transcript(&segments), Format::Vtt));
    let expected = json!({
        "all": samples.iter().map(expected).collect::<Vec<_>>(),
        "few": few.into_iter().map(expected).collect::<Vec<_>>(),
    });
    write("expected.json", &expected.to_string());
    output(python("subtitles.py").arg(dir.path()));
}

#[test]
fn subtitles_are_shaped_as_asked_for() {
    let service = Service::start();
    let id = service.queue("en_short.wav", &[("word_timestamps", "true")]);
    service.finished(&id);
    let get = |query: &str| service.get(&format!("/jobs/{id}/transcript?{query}"));
    let texts = |document: &str| {
        let blocks =
            document.trim_end().split("\n\n").map(|block| block.splitn(3, '\n').last().unwrap().to_owned());
        blocks.collect::<Vec<_>>()
    };
    assert_eq!(texts(&get("format=srt").text), ["One two three."]);
    assert_eq!(texts(&get("format=srt&max_line_chars=8&max_lines=1").text), ["One two", "three."]);
    assert_eq!(texts(&get("format=srt&max_line_chars=8").text), ["One two\nthree."]);
    let slow = get("format=vtt&max_cps=10").text;
    assert!(slow.contains("00:00:00.400 --> 00:00:01.800\n"), "14 characters, 10 a second: {slow}");

    for (query, param) in [
        ("format=srt&max_line_chars=7", "max_line_chars"),
        ("format=srt&max_line_chars=many", "max_line_chars"),
        ("format=vtt&max_lines=0", "max_lines"),
        ("format=vtt&max_cps=NaN", "max_cps"),
        ("format=text&max_lines=2", "max_lines"),
        ("max_cps=17", "max_cps"),
    ] {
        let answer = get(query);
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_query"), "{query}");
        assert_eq!(answer.json()["error"]["param"], param, "{query}");
    }
}

#[test]
fn subtitles_of_the_openai_api_are_shaped_too() {
    let service = Service::start();
    let wav = fs::read(fixtures::audio("en_short.wav")).unwrap();
    let call = |limit: (&str, &str)| {
        let fields = [("model", "whisper-1"), ("response_format", "vtt"), limit];
        service.post_form("/v1/audio/transcriptions", Some(("a.wav", &wav)), &fields)
    };
    let shaped = call(("max_line_chars", "8"));
    assert!(shaped.text.ends_with("\nOne two\nthree.\n"), "{shaped:?}");
    let refused = call(("max_lines", "99"));
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("max_lines")));
}
