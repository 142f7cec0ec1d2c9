//! `verbatim admin`

use std::path::PathBuf;

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::json;

use super::failure::Failure;
use super::words::{count, size};
use super::{SettingsArgs, serve, stdout};
use crate::store::{Copied, Replace, backup, restore};

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Copy the database and the recordings, also while the service runs
    ///
    /// The copy is as the data were at one moment: every job in it has its recording. It is a storage folder itself.
    Backup {
        /// A new or empty folder for the copy
        dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Put a copy in the place of the storage folder of a stopped service
    ///
    /// The database and the SHA-256 of every recording are checked before anything is changed.
    Restore {
        /// The folder of the copy
        dir: PathBuf,
        /// Replace the data that are there
        #[arg(long)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

/// # Blocking
/// For as long as copying takes.
pub(super) fn run(command: &AdminCommand) -> Result<(), Failure> {
    let system = actix_web::rt::System::new();
    let (done, copied, target, json) = match command {
        AdminCommand::Backup { dir, json, settings } => {
            let storage = sqlite_folder(settings)?;
            ("copied", system.block_on(backup(&storage, dir))?, dir.clone(), json)
        }
        AdminCommand::Restore { dir, force, json, settings } => {
            let storage = sqlite_folder(settings)?;
            let replace = if *force { Replace::Allow } else { Replace::Refuse };
            ("restored", system.block_on(restore(dir, &storage, replace))?, storage, json)
        }
    };
    if *json {
        let Copied { jobs, recordings, bytes } = copied;
        let line = json!({ "to": target, "jobs": jobs, "recordings": recordings, "bytes": bytes });
        return stdout::print(&format!("{line}\n"));
    }
    let (jobs, recordings) = (count(copied.jobs, "job"), count(copied.recordings, "recording"));
    stdout::print(&format!(
        "{done} {jobs} with {recordings} ({}) to {}\n",
        size(copied.bytes),
        target.display()
    ))
}

/// The storage folder, where all data are in it.
fn sqlite_folder(settings: &SettingsArgs) -> Result<PathBuf, Failure> {
    let storage = serve::load_quietly(settings)?.settings.storage;
    match storage.url.expose_secret() {
        "" => Ok(storage.dir),
        _ => Err(Failure::InPostgres { dir: storage.dir }),
    }
}
