//! Recordings made of known words, and how a transcript of one compares with what was said.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::clients;

/// A recording and the true times of its words.
pub struct Speech {
    pub wav: PathBuf,
    pub words: Vec<Spoken>,
    /// What was said in one breath.
    pub phrases: Vec<Spoken>,
    pub duration_secs: f64,
    _dir: TempDir,
}

/// A word in lower case and when it was said, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    pub text: String,
    pub start: f64,
    pub end: f64,
}

impl Speech {
    /// Has `tests/clients/speech.py` make one, with its options.
    pub fn of(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wav = dir.path().join("speech.wav");
        clients::output(clients::python("speech.py").arg(&wav).args(options));
        let truth: Value = serde_json::from_slice(&fs::read(wav.with_extension("json")).unwrap()).unwrap();
        let segments = truth["segments"].as_array().unwrap();
        let words = segments.iter().flat_map(|segment| segment["words"].as_array().unwrap());
        Self {
            words: words.map(|word| spoken(word, &word["word"])).collect(),
            phrases: segments.iter().map(|segment| spoken(segment, &segment["text"])).collect(),
            duration_secs: truth["duration_secs"].as_f64().unwrap(),
            wav,
            _dir: dir,
        }
    }
}

/// Something with times.
fn spoken(timed: &Value, text: &Value) -> Spoken {
    let secs = |key: &str| timed[key].as_f64().unwrap();
    let text = text.as_str().unwrap().trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    Spoken { text, start: secs("start"), end: secs("end") }
}

/// The words of a transcript that has word times.
pub fn heard_words(result: &Value) -> Vec<Spoken> {
    let segments = result["segments"].as_array().unwrap();
    let words = segments.iter().flat_map(|segment| segment["words"].as_array().unwrap());
    words.map(|word| spoken(word, &word["word"])).collect()
}

/// Each segment's times and how many words it has.
pub fn heard_segments(result: &Value) -> Vec<(f64, f64, usize)> {
    let segments = result["segments"].as_array().unwrap();
    let read = |segment: &Value| {
        let Spoken { start, end, .. } = spoken(segment, &segment["text"]);
        (start, end, segment["words"].as_array().unwrap().len())
    };
    segments.iter().map(read).collect()
}

/// What became of a word that was said, or where one comes from that was not. Indices into both lists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    Right { said: usize, heard: usize },
    Wrong { said: usize, heard: usize },
    Lost { said: usize },
    Invented { heard: usize },
}

/// How far apart the two lists may run.
const BAND: usize = 400;

/// The alignment with the fewest errors.
pub fn compare(said: &[Spoken], heard: &[Spoken]) -> Vec<Fate> {
    let band = BAND + said.len().abs_diff(heard.len());
    let row_of = |i: usize| {
        let middle = i * heard.len() / said.len().max(1);
        middle.saturating_sub(band)..(middle + band).min(heard.len()) + 1
    };
    let mut rows: Vec<Vec<(usize, u8)>> = Vec::with_capacity(said.len() + 1);
    let at = |rows: &[Vec<(usize, u8)>], i: usize, j: usize| {
        let row = row_of(i);
        if row.contains(&j) { rows[i][j - row.start].0 } else { usize::MAX / 2 }
    };
    for i in 0..=said.len() {
        rows.push(Vec::with_capacity(row_of(i).len()));
        for j in row_of(i) {
            let mut best = if (i, j) == (0, 0) { (0, b'.') } else { (usize::MAX, b'.') };
            let mut offer = |cost: usize, step: u8| best = best.min((cost, step));
            if i > 0 && j > 0 {
                let wrong = usize::from(said[i - 1].text != heard[j - 1].text);
                offer(at(&rows, i - 1, j - 1) + wrong, b'=');
            }
            if i > 0 {
                offer(at(&rows, i - 1, j) + 1, b'L');
            }
            if j > row_of(i).start {
                offer(at(&rows, i, j - 1) + 1, b'N');
            }
            rows[i].push(best);
        }
    }
    let (mut i, mut j, mut fates) = (said.len(), heard.len(), Vec::new());
    while (i, j) != (0, 0) {
        match rows[i][j - row_of(i).start].1 {
            b'=' => {
                (i, j) = (i - 1, j - 1);
                let right = said[i].text == heard[j].text;
                let (said, heard) = (i, j);
                fates.push(if right { Fate::Right { said, heard } } else { Fate::Wrong { said, heard } });
            }
            b'L' => {
                i -= 1;
                fates.push(Fate::Lost { said: i });
            }
            _ => {
                j -= 1;
                fates.push(Fate::Invented { heard: j });
            }
        }
    }
    fates.reverse();
    fates
}

#[test]
fn words_are_compared_by_the_fewest_errors() {
    let words = |text: &str| -> Vec<Spoken> {
        text.split(' ').map(|word| Spoken { text: word.into(), start: 0.0, end: 0.0 }).collect()
    };
    let fates = compare(&words("one two three four five"), &words("one three four six seven five"));
    let names: String = fates
        .iter()
        .map(|fate| match fate {
            Fate::Right { .. } => 'r',
            Fate::Wrong { .. } => 'w',
            Fate::Lost { .. } => 'l',
            Fate::Invented { .. } => 'i',
        })
        .collect();
    assert_eq!(names.matches('r').count(), 4, "{names}");
    assert!(matches!(fates[1], Fate::Lost { said: 1 }), "{fates:?}");
    assert_eq!(names.len(), 7);
}
