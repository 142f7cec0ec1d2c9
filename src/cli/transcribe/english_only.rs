//! What an English-only model is not asked for.

use actors::domain::jobs::options::Task;
use actors::domain::language::Language;

use crate::cli::failure::Failure;

/// Whether the English-only model `id` can do what is asked for: it would transcribe anything as English. `languages` are those
/// that may be spoken.
///
/// # Errors
/// Another language or a translation is asked for.
pub(super) fn check(
    id: &str,
    language: Option<Language>,
    languages: &[Language],
    task: Task,
) -> Result<(), Failure> {
    let model = id.to_owned();
    if task == Task::Translate {
        return Err(Failure::CannotTranslate { model });
    }
    let is_english = |language: &&Language| **language == Language::ENGLISH;
    let other = match (&language, languages.iter().find(is_english)) {
        (Some(language), _) => Some(language),
        (None, Some(english)) => Some(english),
        (None, None) => languages.first(),
    };
    match other.filter(|language| !is_english(language)) {
        Some(language) => Err(Failure::EnglishOnly { model, language: language.code() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_english_only_model_takes_english_and_no_other_task() {
        let error = |language: &str, languages: &[&str], task| {
            let languages: Vec<_> = languages.iter().map(|code| code.parse().unwrap()).collect();
            check("base.en", language.parse().ok(), &languages, task).err().map(|error| error.to_string())
        };
        for (language, languages) in [("", &[][..]), ("en", &[]), ("", &["de", "en"])] {
            assert_eq!(error(language, languages, Task::Transcribe), None);
        }
        for (language, languages) in [("de", &[][..]), ("", &["de", "fr"]), ("de", &["en"])] {
            let error = error(language, languages, Task::Transcribe).unwrap();
            assert!(error.contains("\"base.en\"") && error.contains("\"de\""), "{error}");
        }
        assert!(error("en", &[], Task::Translate).unwrap().contains("cannot translate"));
    }
}
