//! How progress is shown.

use std::io::{IsTerminal, stderr};

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(in crate::cli) enum ProgressMode {
    /// Bars on a terminal, nothing elsewhere
    #[default]
    Auto,
    /// A line for every step
    Plain,
    /// Nothing
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Bars,
    Lines,
    Nothing,
}

impl ProgressMode {
    pub(super) fn shown(self) -> Shown {
        match self {
            ProgressMode::Auto if stderr().is_terminal() => Shown::Bars,
            ProgressMode::Auto | ProgressMode::None => Shown::Nothing,
            ProgressMode::Plain => Shown::Lines,
        }
    }
}
