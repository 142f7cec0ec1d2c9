//! What is wrong with the settings.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Everything that is wrong with the settings, found in one go: one sentence for each problem.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsError(pub Vec<Problem>);

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// One thing to change. `key` is the full path, `origin` the layer that says so. Values of strings are
/// never shown: one could be a secret.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Problem {
    #[error("{key}: there is no such key (from {origin}); {hint}")]
    UnknownKey { key: String, origin: String, hint: String },

    #[error("{key}: must be {expected}, not {found} (from {origin})")]
    WrongType { key: String, expected: &'static str, found: &'static str, origin: String },

    #[error("{key}: must be {least} to {most}, not {value} (from {origin})")]
    OutOfRange { key: String, least: f64, most: f64, value: f64, origin: String },

    #[error("{key}: {message} (from {origin})")]
    Refused { key: String, message: String, origin: String },

    #[error("{}: cannot read the {role}: {message}", path.display())]
    Unreadable { path: PathBuf, role: &'static str, message: String },

    #[error("{name}: there is no such variable; write {meant}, with two underscores")]
    Misspelt { name: String, meant: String },

    #[error(
        "VERBATIM_PROFILE: {name:?} cannot name a profile: use letters, digits, dots, dashes and underscores"
    )]
    BadProfile { name: String },
}
