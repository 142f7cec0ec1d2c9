//! `verbatim admin migrate`

use std::path::Path;

use actix_web::rt::SystemRunner;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;
use crate::cli::table::table;
use crate::cli::{SettingsArgs, serve, stdout};
use crate::settings::{Overrides, Settings, sqlite_folder};
use crate::store::{Migrated, migrate};

#[derive(Debug, Args)]
pub(in crate::cli) struct MigrateArgs {
    /// Folder of the service, as sqlite:///folder [default: `[storage] dir`]
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// PostgreSQL database, as postgres://user:password@host:5432/database [default: `[storage] url`]
    ///
    /// Other users of this machine can see it while the command runs: set VERBATIM__STORAGE__URL instead where it has a password.
    #[arg(long, value_name = "URL")]
    to: Option<SecretString>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// # Blocking
/// For as long as copying takes.
pub(super) fn run(args: &MigrateArgs, system: &SystemRunner) -> Result<(), Failure> {
    let Settings { storage, .. } =
        serve::load_quietly_from(&args.settings.sources(args.overrides()?))?.settings;
    let url = storage.postgres().ok_or(Failure::NoTarget)?;
    let migrated = system.block_on(migrate(&storage.dir, url))?;
    stdout::print(&match args.json {
        true => format!("{}\n", as_json(&storage.dir, &migrated)),
        false => in_words(&storage.dir, &migrated),
    })
}

impl MigrateArgs {
    fn overrides(&self) -> Result<Overrides, Failure> {
        let mut overrides = Overrides::default();
        if let Some(from) = &self.from {
            let folder = sqlite_folder(from).ok_or(Failure::BadSource)?;
            overrides = overrides.text("--from", "storage.dir", &folder.to_string_lossy());
        }
        if let Some(to) = &self.to {
            let to = to.expose_secret();
            if to.starts_with("sqlite:") {
                return Err(Failure::NoTarget);
            }
            overrides = overrides.text("--to", "storage.url", to);
        }
        Ok(overrides)
    }
}

fn as_json(dir: &Path, migrated: &Migrated) -> Value {
    let tables = migrated
        .tables
        .iter()
        .map(|table| (table.name.clone(), json!({ "rows": table.rows, "sha256": table.sha256 })));
    let tables: Map<_, _> = tables.collect();
    json!({ "from": dir, "to": migrated.server, "tables": tables, "kept": migrated.kept })
}

fn in_words(dir: &Path, migrated: &Migrated) -> String {
    let rows: Vec<_> = migrated
        .tables
        .iter()
        .map(|table| vec![table.name.clone(), table.rows.to_string(), table.sha256.clone()])
        .collect();
    let (dir, kept) = (dir.display(), migrated.kept.display());
    format!(
        "{}copied {dir} to the database {}: both have the same rows\n\
         set [storage] url to it and leave [storage] dir at {dir}, to which the recordings belong; then start the service\n\
         {kept} is the old database: remove it once the service runs\n",
        table(&["TABLE", "ROWS", "SHA-256"], &rows),
        migrated.server,
    )
}
