//! Whether the settings can be used.

use super::finding::Finding;
use crate::compose;
use crate::settings::{Settings, SettingsError};

const CHECK: &str = "settings";

/// One finding for each problem; nothing else is checked then.
pub(super) fn invalid(error: &SettingsError) -> Vec<Finding> {
    let problem = |problem: &crate::settings::Problem| {
        Finding::error(
            CHECK,
            problem.to_string(),
            "`verbatim config` shows every value and where it came from",
        )
    };
    error.0.iter().map(problem).collect()
}

/// Variables that look like settings, each with the name that is probably meant.
pub(super) fn ignored(near_misses: &[(String, String)]) -> Vec<Finding> {
    let warning = |(name, meant): &(String, String)| {
        Finding::warning(
            CHECK,
            format!("the environment variable {name} is ignored"),
            format!("write {meant} if that is meant"),
        )
    };
    near_misses.iter().map(warning).collect()
}

/// What the start checks beyond what settings are checked for when they are read.
pub(super) fn check(settings: &Settings) -> Finding {
    let webhooks = match compose::webhooks(settings) {
        Ok(webhooks) => webhooks.check().map_err(|error| format!("webhooks.secret: {error}")),
        Err(error) => Err(error.to_string()),
    };
    match webhooks {
        Ok(()) => Finding::ok(CHECK, "valid"),
        Err(message) => Finding::error(CHECK, message, "correct the setting"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_variable_that_looks_like_a_setting_is_a_warning() {
        let near_miss = ("IDLE_TIMEOUT".to_owned(), "IDLE_TIMEOUT_SECS".to_owned());
        let findings = ignored(&[near_miss]);
        assert_eq!(findings[0].level, Level::Warning);
        assert!(findings[0].to_string().contains("IDLE_TIMEOUT is ignored - write IDLE_TIMEOUT_SECS"));
    }
}
