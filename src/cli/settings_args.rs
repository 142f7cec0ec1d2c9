//! The options that every command with settings has.

use std::path::PathBuf;

use clap::Args;

/// Where settings come from, beside the defaults and the environment.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SettingsArgs {
    /// Settings file (TOML, or JSON or YAML by its extension)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}
