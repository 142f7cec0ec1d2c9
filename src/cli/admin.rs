//! `verbatim admin`

use std::path::PathBuf;

use clap::Subcommand;

use super::failure::Failure;
use super::{SettingsArgs, serve, stdout};
use crate::store::backup;

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Write a copy of the database, also while the service runs
    Backup {
        /// The copy; must not be there yet
        file: PathBuf,
        #[command(flatten)]
        settings: SettingsArgs,
    },
}

/// # Blocking
/// For as long as copying takes.
pub(super) fn run(command: &AdminCommand) -> Result<(), Failure> {
    match command {
        AdminCommand::Backup { file, settings } => {
            let dir = serve::load_quietly(settings)?.settings.storage.dir;
            actix_web::rt::System::new().block_on(backup(&dir, file))?;
            stdout::print(&format!(
                "{} has the jobs; recordings are in {}\n",
                file.display(),
                dir.join("blobs").display()
            ))
        }
    }
}
