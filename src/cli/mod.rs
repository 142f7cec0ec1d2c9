//! The command line.
//!
//! Exit codes: 0 done, 1 failed, 2 bad usage, bad settings included: like a bad argument they are
//! something to correct before anything was tried. Errors are sentences on stderr; stdout carries
//! results only.

mod admin;
mod connection;
mod doctor;
mod failure;
mod form;
mod jobs;
mod keys;
mod model;
mod models;
mod package_files;
mod progress;
mod serve;
mod settings_args;
mod stderr;
mod stdout;
mod table;
mod transcribe;
mod webhooks;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use admin::AdminCommand;
use doctor::DoctorArgs;
use jobs::JobsArgs;
use keys::KeysArgs;
use model::ModelArgs;
use models::ModelsCommand;
use serve::ServeArgs;
use settings_args::{EngineArgs, ServiceArgs, SettingsArgs};
use transcribe::TranscribeArgs;
use webhooks::WebhooksArgs;

/// A self-hosted speech-to-text service that shares its GPU.
///
/// Without a command it runs the service, like `verbatim serve`.
#[derive(Debug, Parser)]
#[command(name = "verbatim", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 bad usage or bad settings.")]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default command)
    Serve(ServeArgs),
    /// Transcribe recordings, here or on a server
    Transcribe(Box<TranscribeArgs>),
    /// List, download, inspect and remove models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// List, show, cancel, follow and remove the jobs of a running service
    Jobs(JobsArgs),
    /// Show, load, unload and watch the model of a running service
    Model(ModelArgs),
    /// List, add, remove and test the webhook subscribers of a running service
    Webhooks(WebhooksArgs),
    /// Create, list and revoke the API keys of a service
    Keys(KeysArgs),
    /// Back up, restore and migrate the data of a service
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Check model, GPU, memory, disk, ffmpeg, port and settings, and say what to do about each
    Doctor(DoctorArgs),
    /// Print the settings in force and where each came from; secrets are redacted
    Config {
        #[command(flatten)]
        service: ServiceArgs,
        /// Print JSON: of each key its value and where it came from
        #[arg(long)]
        json: bool,
    },
    /// Print the completions of a shell, for packages
    #[command(hide = true)]
    Completions { shell: Shell },
    /// Write the manual pages into a folder, for packages
    #[command(hide = true)]
    Man { dir: PathBuf },
    /// The engine's process: talks to its parent over stdin and stdout.
    #[command(hide = true)]
    EngineWorker,
    /// The process of the voice detector: reads samples from stdin.
    #[command(hide = true)]
    VadWorker { model: PathBuf },
}

/// What is shown instead of running anything: help, the version, or what is wrong with the arguments.
#[derive(Debug)]
pub struct Shown(clap::Error);

impl Shown {
    pub fn print(&self) -> ExitCode {
        // The output is closed: the error cannot be shown.
        let _: std::io::Result<()> = self.0.print();
        u8::try_from(self.0.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

impl Cli {
    /// Reads this process's arguments.
    pub fn of_process() -> Result<Self, Shown> {
        Self::try_parse().map_err(Shown)
    }

    /// Does what was asked and says how it went.
    ///
    /// # Blocking
    /// Until it is done: for the service, until it is stopped.
    pub fn run(self) -> ExitCode {
        let done = match self.command.unwrap_or(Command::Serve(self.serve)) {
            Command::EngineWorker => return crate::engine::run_worker(),
            Command::VadWorker { model } => return crate::engine::run_vad_worker(&model),
            Command::Serve(args) => serve::run(&args),
            Command::Transcribe(args) => transcribe::run(&args),
            Command::Models(command) => models::run(&command),
            Command::Jobs(args) => jobs::run(&args),
            Command::Model(args) => model::run(&args),
            Command::Webhooks(args) => webhooks::run(&args),
            Command::Keys(args) => keys::run(&args),
            Command::Admin(command) => admin::run(&command),
            Command::Doctor(args) => doctor::run(&args),
            Command::Config { service, json } => serve::describe(&service, json.into()),
            Command::Completions { shell } => package_files::completions(Self::command(), shell),
            Command::Man { dir } => package_files::man_pages(Self::command(), &dir),
        };
        done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests;
