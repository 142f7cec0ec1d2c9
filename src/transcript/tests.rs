use actors::domain::jobs::options::Task;
use actors::domain::transcript::{Decoding, Flag, Segment, Word};
use serde_json::{Value, json};
use subtp::srt::SubRip;
use subtp::vtt::{VttBlock, WebVtt};

use super::one_line::one_line;
use super::*;

/// Texts that have broken subtitle writers.
const HOSTILE: [&str; 13] = [
    " Plain.",
    " a --> b",
    " ----> -->-->",
    "00:00:00,000 --> 00:00:01,000",
    " 1 < 2 && 3 > 2 &amp; <b>bold</b> <00:00:01.000>",
    "first\n\nsecond\r\n\r\n7\n00:00:00,000 --> 00:00:01,000\nthird",
    "\ttabs\tand\u{0}nul\u{b}\u{c}\u{85}\u{2028}\u{2029}breaks",
    " שלום עולם \u{202e}abc\u{202c}",
    " مرحبا --> بالعالم",
    " 👩‍👩‍👧‍👦 🎤 e\u{301}",
    "NOTE not a note",
    "WEBVTT",
    " 12 ",
];

fn segment(id: u32, start: f64, end: f64, text: &str) -> Segment {
    let decoding = Decoding {
        tokens: vec![1, 2],
        logprobs: vec![-0.25, -0.25],
        token_bytes: vec![],
        avg_logprob: -0.25,
        no_speech_prob: 0.1,
        temperature: 0.4,
        window_start: 12.3,
    };
    Segment { id, decoding, ..Segment::new(start, end, text) }
}

/// One segment for each text, an hour and a bit between them.
fn hostile() -> Vec<Segment> {
    let times = (0..).map(|n| 3_723.456 * f64::from(n));
    (0..).zip(times).zip(HOSTILE).map(|((id, start), text)| segment(id, start, start + 2.5, text)).collect()
}

fn transcript(segments: &[Segment]) -> Transcript<'_> {
    Transcript {
        language: "en".parse().ok(),
        language_probability: None,
        duration_secs: 61.3,
        task: Task::Transcribe,
        segments,
        revision: None,
    }
}

fn rendered(segments: &[Segment], format: Format) -> String {
    render(&transcript(segments), format)
}

fn parsed(segments: &[Segment], format: Format) -> Value {
    serde_json::from_str(&rendered(segments, format)).unwrap()
}

/// The texts that must come back from a cue: one line each.
fn expected_texts() -> Vec<String> {
    HOSTILE.iter().map(|text| one_line(text)).collect()
}

#[test]
fn srt_looks_as_players_expect_it() {
    let segments = [segment(0, 0.0, 2.4, " One."), segment(1, 3_661.001_5, 3_662.0, " Two.")];
    assert_eq!(
        rendered(&segments, Format::Srt),
        "1\n00:00:00,000 --> 00:00:02,400\nOne.\n\n2\n01:01:01,002 --> 01:01:02,000\nTwo.\n"
    );
}

#[test]
fn vtt_looks_as_browsers_expect_it() {
    let segments = [segment(0, 0.0, 2.4, " One."), segment(1, 3_661.0, 3_662.0, " <Two> & -->")];
    assert_eq!(
        rendered(&segments, Format::Vtt),
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.400\nOne.\n\n01:01:01.000 --> 01:01:02.000\n&lt;Two&gt; &amp; --&gt;\n"
    );
}

#[test]
fn another_reader_finds_every_hostile_text_in_its_own_srt_cue() {
    let read = SubRip::parse(&rendered(&hostile(), Format::Srt)).unwrap().subtitles;
    // Text that looks like an arrow or a tag is written otherwise.
    let plain = |text: String| {
        text.replace("---->", "->").replace("-->", "->").replace("<b>", "‹b>").replace("</b>", "‹/b>")
    };
    let expected: Vec<String> = expected_texts().into_iter().map(plain).collect();
    assert_eq!(read.iter().map(|cue| cue.text.join("|")).collect::<Vec<_>>(), expected);
    assert_eq!(read.iter().map(|cue| cue.sequence).collect::<Vec<_>>(), (1..=13).collect::<Vec<_>>());
    let second: std::time::Duration = read[1].start.into();
    assert_eq!(second.as_millis(), 3_723_456);
}

#[test]
fn another_reader_finds_every_hostile_text_in_its_own_vtt_cue() {
    let read = WebVtt::parse(&rendered(&hostile(), Format::Vtt)).unwrap().blocks;
    let texts: Vec<String> = read
        .iter()
        .map(|block| match block {
            VttBlock::Que(cue) => cue.payload.join("|"),
            VttBlock::Comment(_) | VttBlock::Style(_) | VttBlock::Region(_) => panic!("no cue: {block}"),
        })
        .map(|text| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        .collect();
    assert_eq!(texts, expected_texts());
}

#[test]
fn a_cue_has_exactly_one_line_of_text_and_one_arrow() {
    for (format, first) in [(Format::Srt, 0), (Format::Vtt, 1)] {
        let document = rendered(&hostile(), format);
        let blocks: Vec<&str> = document.split("\n\n").skip(first).collect();
        assert_eq!(blocks.len(), HOSTILE.len(), "{format}");
        assert_eq!(document.matches("-->").count(), HOSTILE.len(), "{format}");
        assert!(blocks.iter().all(|block| block.trim_end().lines().count() == 3 - first), "{format}");
    }
}

#[test]
fn a_cue_without_text_is_left_out_and_numbers_have_no_gap() {
    let segments = [
        segment(0, 0.0, 1.0, " "),
        segment(1, 1.0, 2.0, " a"),
        segment(2, 2.0, 3.0, "\n\r\n"),
        segment(3, 3.0, 4.0, "b"),
    ];
    let numbers: Vec<u32> = SubRip::parse(&rendered(&segments, Format::Srt))
        .unwrap()
        .subtitles
        .iter()
        .map(|c| c.sequence)
        .collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(rendered(&segments, Format::Vtt).matches("-->").count(), 2);
}

#[test]
fn impossible_times_still_give_cues_that_end_after_their_start() {
    let segments =
        [segment(0, 5.0, 5.0, "a"), segment(1, -3.0, f64::NAN, "b"), segment(2, 360_000.0, 1.0, "c")];
    let document = rendered(&segments, Format::Vtt);
    for line in
        ["00:00:05.000 --> 00:00:05.001", "00:00:00.000 --> 00:00:00.001", "100:00:00.000 --> 100:00:00.001"]
    {
        assert!(document.contains(line), "{document}");
    }
}

#[test]
fn a_row_of_tsv_stays_a_row_with_three_fields() {
    let document = rendered(&hostile(), Format::Tsv);
    let rows: Vec<Vec<&str>> = document.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["start", "end", "text"]);
    assert_eq!(rows[2], ["3723456", "3725956", "a --> b"]);
    assert!(rows.iter().all(|row| row.len() == 3));
    assert_eq!(rows.len(), HOSTILE.len() + 1);
}

#[test]
fn an_empty_transcript_gives_valid_empty_documents() {
    assert_eq!(rendered(&[], Format::Text), "");
    assert_eq!(rendered(&[], Format::Srt), "");
    assert_eq!(rendered(&[], Format::Vtt), "WEBVTT\n");
    assert_eq!(rendered(&[], Format::Tsv), "start\tend\ttext\n");
    let silence = Transcript { language: None, ..transcript(&[]) };
    assert_eq!(
        result_json(&silence),
        json!({"language": null, "duration_secs": 61.3, "text": "", "segments": []})
    );
    let verbose = verbose_json(&silence, &[Granularity::Word]);
    assert_eq!(
        (&verbose["language"], &verbose["text"], &verbose["words"]),
        (&json!(""), &json!(""), &json!([]))
    );
}

#[test]
fn json_is_the_result_of_the_job_with_times_in_milliseconds() {
    let mut first = segment(0, 0.000_49, 2.400_000_1, " One.");
    first.words = Some(vec![Word { word: " One.".into(), start: 0.1, end: 0.399_999, probability: 0.9 }]);
    first.flags = vec![Flag::LowConfidence];
    let segments = [first, segment(1, 2.4, 3.0, " Two.")];
    let expected = json!({
        "language": "en", "duration_secs": 61.3, "text": "One. Two.",
        "segments": [
            {"id": 0, "start": 0.0, "end": 2.4, "text": " One.", "flags": ["low_confidence"],
             "words": [{"word": " One.", "start": 0.1, "end": 0.4, "probability": 0.9}]},
            {"id": 1, "start": 2.4, "end": 3.0, "text": " Two.", "words": null, "flags": []},
        ],
    });
    assert_eq!(parsed(&segments, Format::Json), expected);
    assert_eq!(segment_json(&segments[1]), expected["segments"][1]);
}

#[test]
fn json_keeps_every_hostile_text_as_it_is() {
    let segments = hostile();
    for format in [Format::Json, Format::VerboseJson] {
        let document = parsed(&segments, format);
        let texts: Vec<&str> =
            document["segments"].as_array().unwrap().iter().map(|s| s["text"].as_str().unwrap()).collect();
        assert_eq!(texts, HOSTILE);
    }
}

#[test]
fn a_verbose_segment_has_all_ten_fields() {
    let document = parsed(&[segment(3, 12.34, 15.0, " One two three.")], Format::VerboseJson);
    let found = &document["segments"][0];
    assert_eq!(found.as_object().unwrap().len(), 10);
    for (key, value) in [
        ("id", json!(3)),
        ("seek", json!(1230)),
        ("start", json!(12.34)),
        ("end", json!(15.0)),
        ("text", json!(" One two three.")),
        ("tokens", json!([1, 2])),
        ("temperature", json!(0.4)),
        ("avg_logprob", json!(-0.25)),
        ("no_speech_prob", json!(0.1)),
    ] {
        assert_eq!(found[key], value, "{key}");
    }
    let usage = json!({"type": "duration", "seconds": 62});
    assert_eq!(
        (&document["task"], &document["language"], &document["usage"]),
        (&json!("transcribe"), &json!("english"), &usage)
    );
    assert_eq!((&document["duration"], document.get("words")), (&json!(61.3), None));
}

#[test]
fn compression_distinguishes_repetition_from_speech() {
    let ratio = |text: &str| {
        parsed(&[segment(0, 0.0, 1.0, text)], Format::VerboseJson)["segments"][0]["compression_ratio"]
            .as_f64()
            .unwrap()
    };
    assert!(ratio(&"and so on ".repeat(30)) > 2.4);
    assert!(ratio(" The quick brown fox jumps over the lazy dog.") < 1.5);
    assert_eq!(ratio(""), 0.0);
}

#[test]
fn numbers_that_json_has_not_are_still_numbers_for_clients() {
    let mut odd = segment(0, f64::NAN, f64::INFINITY, "a");
    odd.decoding = Decoding {
        tokens: vec![],
        logprobs: vec![],
        token_bytes: vec![],
        avg_logprob: f32::NEG_INFINITY,
        no_speech_prob: f32::NAN,
        temperature: f32::INFINITY,
        window_start: f64::NAN,
    };
    let document = parsed(&[odd], Format::VerboseJson);
    for key in ["seek", "start", "end", "temperature", "avg_logprob", "no_speech_prob", "compression_ratio"] {
        assert!(document["segments"][0][key].is_number(), "{key}: {document}");
    }
}

#[test]
fn granularities_decide_between_segments_and_words() {
    let mut timed = segment(0, 0.0, 1.0, " One.");
    timed.words = Some(vec![Word { word: " One.".into(), start: 0.1, end: 0.4, probability: 0.9 }]);
    let segments = [timed, segment(1, 1.0, 2.0, " Two.")];
    let keys = |wanted: &[Granularity]| {
        let document = verbose_json(&transcript(&segments), wanted);
        (document.get("segments").is_some(), document.get("words").cloned())
    };
    let words = json!([{"word": "One.", "start": 0.1, "end": 0.4}]);
    assert_eq!(keys(&[]), (true, None));
    assert_eq!(keys(&[Granularity::Segment]), (true, None));
    assert_eq!(keys(&[Granularity::Word]), (false, Some(words.clone())));
    assert_eq!(keys(&[Granularity::Word, Granularity::Segment]), (true, Some(words.clone())));
    assert_eq!(parsed(&segments, Format::VerboseJson)["words"], words);
    assert!("phrase".parse::<Granularity>().unwrap_err().to_string().contains("segment or word"));
}

#[test]
fn a_translation_says_that_its_text_is_english() {
    let translated = Transcript { language: "de".parse().ok(), task: Task::Translate, ..transcript(&[]) };
    let document = verbose_json(&translated, &[]);
    assert_eq!((&document["task"], &document["language"]), (&json!("translate"), &json!("english")));
    assert_eq!(result_json(&translated)["language"], "de");
}

#[test]
fn text_is_the_text_and_nothing_else() {
    let segments = [segment(0, 0.0, 1.0, " One."), segment(1, 1.0, 2.0, " Two.\n")];
    assert_eq!(rendered(&segments, Format::Text), "One. Two.");
}

fn said(segments: &[(&str, Option<&str>)]) -> Vec<Segment> {
    let times = (0..).map(f64::from);
    let said = (0..).zip(times).zip(segments);
    said.map(|((id, start), (text, speaker))| Segment {
        speaker: speaker.map(str::to_owned),
        ..segment(id, start, start + 1.0, text)
    })
    .collect()
}

fn edited(segments: &[Segment], format: Format) -> String {
    render(&Transcript { revision: Some(2), ..transcript(segments) }, format)
}

#[test]
fn speakers_have_a_place_in_every_format() {
    let segments = said(&[
        ("Hi.", Some("A & <B>")),
        ("How are you?", Some("A & <B>")),
        ("Fine.", Some("Zoe")),
        ("(door)", None),
    ]);
    assert_eq!(edited(&segments, Format::Text), "A & <B>: Hi. How are you?\nZoe: Fine.\n(door)");
    let srt = edited(&segments[..1], Format::Srt);
    assert!(srt.ends_with("\nA & ‹B>: Hi.\n"), "{srt}");
    let vtt = edited(&segments, Format::Vtt);
    assert!(vtt.contains("\n<v A &amp; &lt;B&gt;>Hi.\n") && vtt.ends_with("\n(door)\n"), "{vtt}");
    assert!(edited(&segments, Format::Tsv).contains("2000\t3000\tZoe: Fine.\n"));
    for format in [Format::Json, Format::VerboseJson] {
        let document: Value = serde_json::from_str(&edited(&segments, format)).unwrap();
        assert_eq!((&document["revision"], &document["segments"][2]["speaker"]), (&json!(2), &json!("Zoe")));
        assert_eq!(document["segments"][3].get("speaker"), None);
        assert_eq!(document["text"], "Hi. How are you? Fine. (door)");
    }
}

#[test]
fn names_of_speakers_are_part_of_lines_and_keep_word_times() {
    let word = |word: &str, start| Word { word: word.into(), start, end: start + 0.2, probability: 1.0 };
    let words = Some(vec![word(" seven", 0.1), word(" eight", 5.0)]);
    let spoken = Segment { end: 6.0, words, ..said(&[(" seven eight", Some("Ann"))])[0].clone() };
    let shape = Shape::new(Some(12), Some(1), None).unwrap();
    let shaped = |format| render_shaped(&transcript(std::slice::from_ref(&spoken)), format, shape.as_ref());
    let srt = shaped(Format::Srt);
    assert!(srt.contains("\nAnn: seven\n") && srt.contains("00:00:05,000 -->"), "{srt}");
    let vtt = shaped(Format::Vtt);
    assert!(vtt.contains("<v Ann>seven eight\n") || vtt.contains("<v Ann>seven\n"), "{vtt}");
}

#[test]
fn a_transcript_without_an_edit_says_nothing_of_one() {
    let segments = said(&[(" One", None), ("two", None)]);
    assert_eq!(rendered(&segments, Format::Text), "Onetwo", "as the engine wrote it");
    assert_eq!(parsed(&segments, Format::Json).get("revision"), None);
    assert_eq!(edited(&segments, Format::Text), "One two");
}
