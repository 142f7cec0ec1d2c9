//! `verbatim admin`

mod migrate;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use migrate::MigrateArgs;

use super::failure::Failure;
use super::words::{count, size};
use super::{SettingsArgs, serve, stdout};
use crate::compose;
use crate::store::{BlobPlace, Copied, OpenBlobsError, Replace, backup, restore};

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Copy the database and the recordings, also while the service runs
    ///
    /// The copy is as the data were at one moment: every job in it has its recording. It is a storage folder itself.
    /// Where `[storage] blobs` is set, the database alone is copied.
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
    /// Copy the SQLite database of a stopped service into an empty PostgreSQL database
    ///
    /// All rows are compared by their SHA-256 before anything is changed. The recordings stay where they are. The old database is
    /// kept as verbatim.db.migrated.
    Migrate(MigrateArgs),
}

/// # Blocking
/// For as long as copying takes.
pub(super) fn run(command: &AdminCommand) -> Result<(), Failure> {
    let system = actix_web::rt::System::new();
    let (done, copied, target, place, json) = match command {
        AdminCommand::Backup { dir, json, settings } => {
            let (storage, place) = places(settings)?;
            ("copied", system.block_on(backup(&storage, &place, dir))?, dir.clone(), place, json)
        }
        AdminCommand::Restore { dir, force, json, settings } => {
            let (storage, place) = places(settings)?;
            let replace = if *force { Replace::Allow } else { Replace::Refuse };
            let restored = system.block_on(restore(dir, &storage, &place, replace))?;
            ("restored", restored, storage, place, json)
        }
        AdminCommand::Migrate(args) => return migrate::run(args, &system),
    };
    let elsewhere = (place != BlobPlace::Own).then(|| place.to_string());
    if *json {
        let Copied { jobs, recordings, bytes } = copied;
        let mut line = json!({ "to": target, "jobs": jobs, "recordings": recordings, "bytes": bytes });
        if let Some(place) = elsewhere {
            line["recordings_stay_in"] = place.into();
        }
        return stdout::print(&format!("{line}\n"));
    }
    if let Some(place) = elsewhere {
        let jobs = count(copied.jobs, "job");
        let line = format!(
            "{done} {jobs} to {}: the database alone, the recordings stay in {place}\n",
            target.display()
        );
        return stdout::print(&line);
    }
    let (jobs, recordings) = (count(copied.jobs, "job"), count(copied.recordings, "recording"));
    stdout::print(&format!(
        "{done} {jobs} with {recordings} ({}) to {}\n",
        size(copied.bytes),
        target.display()
    ))
}

/// The storage folder, and where the recordings are.
fn places(args: &SettingsArgs) -> Result<(PathBuf, BlobPlace), Failure> {
    let settings = serve::load_quietly(args)?.settings;
    if settings.storage.postgres().is_some() {
        return Err(Failure::InPostgres { dir: settings.storage.dir });
    }
    let (place, _) = compose::blobs(&settings).map_err(OpenBlobsError::from)?;
    Ok((settings.storage.dir, place))
}
