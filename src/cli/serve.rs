//! `verbatim serve` and `verbatim config`, and how every command comes to its settings.

use std::path::Path;

use clap::Args;
use tracing::warn;

use crate::app::Reload;
use crate::settings::{self, Effective, Overrides, Settings, Sources};
use crate::store;
use crate::telemetry;

use super::failure::Failure;
use super::form::Form;
use super::settings_args::ServiceArgs;
use super::{SettingsArgs, stdout};

/// What a command other than the service logs, unless the settings say otherwise: the service's
/// own default would run through progress bars.
const QUIET: &str = "warn";
const SERVICE_DEFAULT: &str = "info";

/// The options of the service.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ServeArgs {
    /// Download the model if it is missing
    #[arg(long)]
    pull: bool,
    #[command(flatten)]
    pub(super) service: ServiceArgs,
}

/// # Blocking
/// Until the service is stopped.
pub(super) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let sources = args.service.sources();
    let mut effective = settings::load(&sources)?;
    effective.settings.model.auto_pull |= args.pull;
    let log = &effective.settings.log;
    let level = telemetry::init(&log.level, log.format)?;
    warn_of_left_data(&effective.settings);
    #[cfg(feature = "otel")]
    let _sent_at_the_end = crate::traces::start();
    let reload = Reload::new(move || {
        let settings = settings::load(&sources)?.settings;
        // A level that was loaded can be read.
        let _ = level.set(&settings.log.level);
        Ok(settings)
    });
    Ok(crate::app::serve(effective, reload)?)
}

/// Earlier versions kept everything in the working folder, wherever that was.
fn warn_of_left_data(settings: &Settings) {
    let dir = &settings.storage.dir;
    if settings.storage.postgres().is_some() {
        return;
    }
    let left = Path::new("data");
    if dir != left && store::is_store(left) && !store::is_store(dir) {
        warn!(
            "the working folder has the data of a service, which is not used: start with --data-dir data to use it, or move it to {}",
            dir.display()
        );
    }
}

pub(super) fn describe(args: &ServiceArgs, form: Form) -> Result<(), Failure> {
    let effective = settings::load(&args.sources())?;
    stdout::print(&match form {
        Form::Words => effective.describe(),
        Form::Json => format!("{}\n", serde_json::json!(effective)),
    })
}

/// The settings, with logs set up for a command that ends by itself.
pub(super) fn load_quietly(args: &SettingsArgs) -> Result<Effective, Failure> {
    load_quietly_from(&args.sources(Overrides::default()))
}

pub(super) fn load_quietly_from(sources: &Sources) -> Result<Effective, Failure> {
    let effective = settings::load(sources)?;
    let log = &effective.settings.log;
    let level = if log.level == SERVICE_DEFAULT { QUIET } else { &log.level };
    telemetry::init(level, log.format)?;
    Ok(effective)
}
