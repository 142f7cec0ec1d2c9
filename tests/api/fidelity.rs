//! Every word once, at its time: the real service on recordings whose words and times are known.
//!
//! `VERBATIM_FIDELITY_SECS` makes the recordings longer (`make fidelity`: two hours).

use std::fmt;
use std::fs;

use actors::ports::CancelToken;
use serde_json::Value;
use verbatim::audio::{AudioSettings, plan_file};

use super::service::Service;
use super::speech::{Fate, Speech, Spoken, compare, heard_segments, heard_words};

const SHORT_SECS: u32 = 120;

fn secs() -> u32 {
    std::env::var("VERBATIM_FIDELITY_SECS").map_or(SHORT_SECS, |secs| secs.parse().unwrap())
}

/// A transcript beside the truth.
struct Figures {
    chunks: usize,
    words: usize,
    fates: Vec<Fate>,
    /// Lost or invented words at the edges of chunks.
    at_edges: Vec<String>,
    starts: Offsets,
    ends: Offsets,
    word_starts: Offsets,
    word_ends: Offsets,
}

/// By how much times are wrong, in seconds, the least first.
struct Offsets(Vec<f64>);

impl Offsets {
    fn new(offsets: impl Iterator<Item = f64>) -> Self {
        let mut offsets: Vec<f64> = offsets.map(f64::abs).collect();
        offsets.sort_by(f64::total_cmp);
        Self(offsets)
    }

    fn at(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most_of, all] = [50, 99, 100].map(|percent| self.at(percent));
        write!(f, "median {median:.3} s, 99 % {most_of:.3} s, most {all:.3} s")
    }
}

impl Figures {
    fn errors(&self) -> usize {
        self.fates.iter().filter(|fate| !matches!(fate, Fate::Right { .. })).count()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.fates.iter().filter(|fate| matches!(fate, Fate::Lost { .. })).count();
        let invented = self.fates.iter().filter(|fate| matches!(fate, Fate::Invented { .. })).count();
        writeln!(
            f,
            "{} words in {} chunks: {} wrong, of them {lost} lost and {invented} invented, {} at a chunk's edge",
            self.words,
            self.chunks,
            self.errors(),
            self.at_edges.len(),
        )?;
        writeln!(f, "segments begin: {}", self.starts)?;
        writeln!(f, "segments end: {}", self.ends)?;
        writeln!(f, "words begin: {}", self.word_starts)?;
        write!(f, "words end: {}", self.word_ends)
    }
}

/// Transcribes a recording and holds its segments to what holds for every transcript.
fn transcribe(service: &Service, speech: &Speech) -> Value {
    let bytes = fs::read(&speech.wav).unwrap();
    let fields = [("language", "en"), ("word_timestamps", "true")];
    let answer = service.post_form("/jobs?queue=true", Some(("speech.wav", &bytes)), &fields);
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    // Two hours take longer than this client follows events.
    let mut job = service.finished(&id);
    while job["status"] == "running" {
        job = service.finished(&id);
    }
    assert_eq!(job["status"], "completed", "{job}");
    let mut last = 0.0;
    for (start, end, words) in heard_segments(&job["result"]) {
        assert!(last <= start && start < end && end <= speech.duration_secs, "{start} to {end} after {last}");
        assert!(words > 0);
        last = end;
    }
    job["result"].clone()
}

fn measure(speech: &Speech, result: &Value) -> Figures {
    let plan =
        plan_file(&speech.wav, &AudioSettings::default(), &CancelToken::default(), &mut |_| {}).unwrap();
    let (said, heard) = (&speech.words, heard_words(result));
    let fates = compare(said, &heard);
    let edges: Vec<f64> = plan.chunks.windows(2).flat_map(|c| [c[0].end_secs(), c[1].start_secs()]).collect();
    // A cut harms the phrases beside it: no whole one lies between.
    let at_edge = |word: &Spoken| {
        let beside = |&edge: &f64| {
            let (from, to) = if word.end <= edge { (word.end, edge) } else { (edge, word.start) };
            speech.phrases.iter().all(|phrase| phrase.start < from || to < phrase.end)
        };
        edges.iter().any(beside).then(|| format!("{word:?}"))
    };
    let at_edges = fates.iter().filter_map(|fate| match *fate {
        Fate::Lost { said: word } => at_edge(&said[word]).map(|word| format!("lost: {word}")),
        Fate::Invented { heard: word } => at_edge(&heard[word]).map(|word| format!("invented: {word}")),
        Fate::Right { .. } | Fate::Wrong { .. } => None,
    });
    let right: Vec<_> = fates
        .iter()
        .filter_map(|fate| match *fate {
            Fate::Right { said: a, heard: b } => Some((b, &said[a], &heard[b])),
            Fate::Wrong { .. } | Fate::Lost { .. } | Fate::Invented { .. } => None,
        })
        .collect();
    // A segment begins with its first word and ends with its last one.
    let (mut firsts, mut lasts, mut next) = (Vec::new(), Vec::new(), 0);
    for (start, end, words) in heard_segments(result) {
        let of = |word: usize| right.binary_search_by_key(&word, |(b, ..)| *b).ok().map(|at| right[at].1);
        if let (Some(first), Some(last)) = (of(next), of(next + words - 1)) {
            firsts.push(start - first.start);
            lasts.push(end - last.end);
        }
        next += words;
    }
    Figures {
        chunks: plan.chunks.len(),
        words: said.len(),
        at_edges: at_edges.collect(),
        starts: Offsets::new(firsts.into_iter()),
        ends: Offsets::new(lasts.into_iter()),
        word_starts: Offsets::new(right.iter().map(|(_, said, heard)| heard.start - said.start)),
        word_ends: Offsets::new(right.iter().map(|(_, said, heard)| heard.end - said.end)),
        fates,
    }
}

#[test]
fn no_word_is_lost_or_doubled_between_chunks_and_all_have_their_times() {
    let service = Service::start();
    for (style, seed) in [("mixed", "21"), ("pressed", "22")] {
        let speech = Speech::of(&["--secs", &secs().to_string(), "--seed", seed, "--style", style]);
        let figures = measure(&speech, &transcribe(&service, &speech));
        println!("{style}, {:.0} s: {figures}", speech.duration_secs);
        assert!(figures.chunks > 3, "{figures}");
        assert!(figures.at_edges.is_empty(), "{style}: {:#?}", figures.at_edges);
        // The model's own mistakes: a word in a hundred.
        assert!(figures.errors() * 100 <= figures.words, "{style}: {figures}");
        assert!(figures.starts.at(99) <= 0.1 && figures.ends.at(99) <= 0.1, "{style}: {figures}");
        assert!(figures.word_starts.at(50) <= 0.1 && figures.word_ends.at(50) <= 0.1, "{style}: {figures}");
    }
}
