//! What must hold of a batch before a backend sees it.

use std::borrow::Cow;

use actors::domain::jobs::options::{LONGEST_HOTWORD_BYTES, MOST_HOTWORDS, Task};
use actors::ports::{Batch, EngineFault};
use thiserror::Error;

use super::SAMPLE_RATE;

const MOST_SAMPLES: usize = 30 * SAMPLE_RATE;
/// whisper.cpp reads up to 200 samples past the end, and transcribes nothing below 110 ms.
const FEWEST_SAMPLES: usize = SAMPLE_RATE / 5;
/// Longer prompts lose their beginning anyway: 224 tokens are used.
const LONGEST_PROMPT_BYTES: usize = 1024;
/// Bounds the work of the tokeniser, which is quadratic in a word's length.
const LONGEST_PROMPT_WORD: usize = 1000;

/// Why the engine refuses a batch.
#[derive(Debug, Error, PartialEq)]
pub(super) enum Unfit {
    #[error("sample {index} is not a finite number: send decoded audio")]
    NotFinite { index: usize },
    #[error("the chunk has {samples} samples, at most {MOST_SAMPLES} (30 s) are taken: cut it")]
    TooLong { samples: usize },
    #[error(
        "the prompt has a run of {chars} characters without a space, at most {LONGEST_PROMPT_WORD} are taken"
    )]
    PromptWordTooLong { chars: usize },
    #[error("the prompt holds a zero byte: remove it")]
    PromptWithZeroByte,
    #[error("there are {count} hotwords, at most {MOST_HOTWORDS} are taken: leave the common ones out")]
    TooManyHotwords { count: usize },
    #[error(
        "a hotword has {bytes} bytes, at most {LONGEST_HOTWORD_BYTES} are taken: use single words or names"
    )]
    HotwordTooLong { bytes: usize },
    #[error("a hotword contains a zero byte: remove it")]
    HotwordWithZeroByte,
    #[error("the temperature is {temperature}, 0 to 1 expected")]
    BadTemperature { temperature: f32 },
    #[error("the model supports English only and cannot translate")]
    CannotTranslate,
}

/// The samples as backends can process them: within [-1, 1] and at least 0.2 s, silence added.
pub(super) fn usable(samples: &[f32]) -> Result<Cow<'_, [f32]>, Unfit> {
    if samples.len() > MOST_SAMPLES {
        return Err(Unfit::TooLong { samples: samples.len() });
    }
    if let Some(index) = samples.iter().position(|sample| !sample.is_finite()) {
        return Err(Unfit::NotFinite { index });
    }
    let in_range = samples.iter().all(|sample| sample.abs() <= 1.0);
    if in_range && samples.len() >= FEWEST_SAMPLES {
        return Ok(Cow::Borrowed(samples));
    }
    let mut fixed: Vec<f32> = samples.iter().map(|sample| sample.clamp(-1.0, 1.0)).collect();
    fixed.resize(samples.len().max(FEWEST_SAMPLES), 0.0);
    Ok(Cow::Owned(fixed))
}

/// The prompt's last kilobyte, from the start of a word where there is one.
pub(super) fn prompt(batch: &Batch) -> Result<Option<&str>, Unfit> {
    let Some(whole) = batch.prompt.as_deref().map(str::trim).filter(|prompt| !prompt.is_empty()) else {
        return Ok(None);
    };
    if whole.contains('\0') {
        return Err(Unfit::PromptWithZeroByte);
    }
    let longest = whole.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
    if longest > LONGEST_PROMPT_WORD {
        return Err(Unfit::PromptWordTooLong { chars: longest });
    }
    Ok(Some(last_kilobyte(whole)))
}

fn last_kilobyte(whole: &str) -> &str {
    let Some(surplus) = whole.len().checked_sub(LONGEST_PROMPT_BYTES).filter(|surplus| *surplus > 0) else {
        return whole;
    };
    let tail = &whole[whole.ceil_char_boundary(surplus)..];
    tail.split_once(char::is_whitespace).map_or(tail, |(_, words)| words.trim_start())
}

/// The words that the recording is likely to have.
pub(super) fn hotwords(batch: &Batch) -> Result<&[String], Unfit> {
    let hotwords = &batch.hotwords;
    if hotwords.len() > MOST_HOTWORDS {
        return Err(Unfit::TooManyHotwords { count: hotwords.len() });
    }
    for hotword in hotwords {
        if hotword.len() > LONGEST_HOTWORD_BYTES {
            return Err(Unfit::HotwordTooLong { bytes: hotword.len() });
        }
        if hotword.contains('\0') {
            return Err(Unfit::HotwordWithZeroByte);
        }
    }
    Ok(hotwords)
}

/// The temperature to start from.
pub(super) fn temperature(batch: &Batch) -> Result<f32, Unfit> {
    match batch.temperature {
        None => Ok(0.0),
        Some(temperature) if (0.0..=1.0).contains(&temperature) => Ok(temperature),
        Some(temperature) => Err(Unfit::BadTemperature { temperature }),
    }
}

/// What to do, by a model of so many languages: one of a single language has no token for a task.
pub(super) fn task(batch: &Batch, languages: usize) -> Result<Task, Unfit> {
    match batch.task {
        Task::Translate if languages < 2 => Err(Unfit::CannotTranslate),
        task => Ok(task),
    }
}

impl From<Unfit> for EngineFault {
    fn from(unfit: Unfit) -> Self {
        EngineFault::Refused { message: unfit.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use actors::ports::ChunkAudio;

    use super::*;

    fn work(prompt: &str) -> Batch {
        Batch { prompt: Some(prompt.into()), ..Batch::of([ChunkAudio::new([])]) }
    }

    #[test]
    fn good_audio_is_passed_on_as_it_is() {
        assert!(matches!(usable(&[0.5; 16_000]), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn an_english_only_model_refuses_to_translate() {
        let translation = Batch { task: Task::Translate, ..work("") };
        assert_eq!(task(&translation, 1), Err(Unfit::CannotTranslate));
        assert_eq!(task(&translation, 99), Ok(Task::Translate));
        assert_eq!(task(&work(""), 1), Ok(Task::Transcribe));
    }

    #[test]
    fn short_audio_is_padded_with_silence() {
        for samples in [0, 1, 199, 3199] {
            assert_eq!(usable(&vec![0.1; samples]).unwrap().len(), 3200);
        }
    }

    #[test]
    fn loud_audio_is_clamped_and_audio_that_is_no_number_refused() {
        assert!(usable(&[1e30; 4000]).unwrap().iter().all(|sample| *sample == 1.0));
        let mut samples = vec![0.0; 4000];
        samples[7] = f32::NAN;
        assert_eq!(usable(&samples).unwrap_err(), Unfit::NotFinite { index: 7 });
        assert!(usable(&[f32::INFINITY; 1]).is_err());
        assert!(usable(&vec![0.0; 480_001]).is_err());
    }

    #[test]
    fn a_prompt_that_would_break_the_tokeniser_is_refused() {
        assert_eq!(prompt(&work(&"x".repeat(1001))), Err(Unfit::PromptWordTooLong { chars: 1001 }));
        assert_eq!(prompt(&work("a\0b")), Err(Unfit::PromptWithZeroByte));
        assert_eq!(prompt(&work("  \n ")), Ok(None));
    }

    #[test]
    fn a_long_prompt_keeps_its_last_words() {
        let words = "größe ".repeat(500);
        let whole = work(&words);
        let kept = prompt(&whole).unwrap().unwrap();
        assert!(kept.len() <= 1024 && kept.len() > 1000);
        assert!(kept.split(' ').all(|word| word == "größe"));
        let solid = work(&"ü".repeat(900));
        assert!(prompt(&solid).unwrap().unwrap().len() <= 1024);
    }

    #[test]
    fn hotwords_that_do_not_fit_are_refused() {
        let with = |hotwords: Vec<String>| Batch { hotwords, ..work("") };
        assert_eq!(hotwords(&with(vec!["Aoife".into()])).map(<[String]>::len), Ok(1));
        assert!(hotwords(&with(vec!["a".into(); 65])).is_err());
        assert!(hotwords(&with(vec!["a".repeat(129)])).is_err());
        assert!(hotwords(&with(vec!["a\0b".into()])).is_err());
    }

    #[test]
    fn a_temperature_out_of_range_is_refused() {
        let at = |temperature| self::temperature(&Batch { temperature, ..work("") });
        assert_eq!((at(None), at(Some(1.0))), (Ok(0.0), Ok(1.0)));
        assert!(at(Some(1.5)).is_err() && at(Some(f32::NAN)).is_err());
    }
}
