//! What a check came to.

use std::fmt;

use serde::Serialize;

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub level: Level,
    /// What was checked.
    pub check: &'static str,
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    /// Something is missing or worse than it could be.
    Warning,
    /// The service does not start, or cannot transcribe.
    Error,
}

impl Finding {
    pub(super) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { level: Level::Ok, check, detail: detail.into(), advice: None }
    }

    pub(super) fn warning(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Warning, check, detail: detail.into(), advice: Some(advice.into()) }
    }

    pub(super) fn error(check: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { level: Level::Error, check, detail: detail.into(), advice: Some(advice.into()) }
    }

    /// Names the device in front of the detail.
    pub(super) fn of_device(self, name: &str) -> Self {
        Self { detail: format!("{name}: {}", self.detail), ..self }
    }

    /// A sentence of the program's own, which says what to do behind its first colon.
    pub(super) fn error_sentence(check: &'static str, sentence: &str) -> Self {
        match sentence.split_once(": ") {
            Some((detail, advice)) => Self::error(check, detail, advice),
            None => Self { level: Level::Error, check, detail: sentence.to_owned(), advice: None },
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        // One line each, whatever a message holds.
        let detail = self.detail.replace('\n', " ");
        write!(f, "{level:<7}  {}: {detail}", self.check)?;
        match &self.advice {
            Some(advice) => write!(f, " - {}", advice.replace('\n', " ")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_with_level_check_detail_and_advice() {
        let line = Finding::ok("port", "127.0.0.1:8080 is free").to_string();
        assert_eq!(line, "ok       port: 127.0.0.1:8080 is free");
        let line = Finding::error_sentence("model", "there is no model file at x: download it").to_string();
        assert_eq!(line, "error    model: there is no model file at x - download it");
        let line = Finding::warning("ffmpeg", "two\nlines", "install it").to_string();
        assert_eq!(line, "warning  ffmpeg: two lines - install it");
    }
}
