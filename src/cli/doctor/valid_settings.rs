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
