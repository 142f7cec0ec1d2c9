//! `verbatim models`.

mod inspect;
mod list;
mod pull;
mod remove;

use std::path::PathBuf;

use clap::Subcommand;

use list::ListArgs;
use pull::PullArgs;
use remove::RemoveArgs;

use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// List the models of the catalogue and which of them are here
    List(ListArgs),
    /// Download a model and verify it; resumes an interrupted download
    Pull(PullArgs),
    /// Describe a model file or folder
    Inspect {
        /// A model file in ggml format, or a CTranslate2 folder
        file: PathBuf,
    },
    /// Remove a model from the models folder
    Rm(RemoveArgs),
}

pub(super) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::List(args) => list::run(args),
        ModelsCommand::Pull(args) => pull::run(args),
        ModelsCommand::Inspect { file } => inspect::run(file),
        ModelsCommand::Rm(args) => remove::run(args),
    }
}
