//! `verbatim serve` and `verbatim config`, and how every command comes to its settings.

use crate::app::Reload;
use crate::settings::{self, Effective, Overrides, Sources};
use crate::telemetry;

use super::failure::Failure;
use super::settings_args::ServiceArgs;
use super::{SettingsArgs, stdout};

/// What a command other than the service logs, unless the settings say otherwise: the service's
/// own default would run through progress bars.
const QUIET: &str = "warn";
const SERVICE_DEFAULT: &str = "info";

/// # Blocking
/// Until the service is stopped.
pub(super) fn run(args: &ServiceArgs) -> Result<(), Failure> {
    let sources = args.sources();
    let effective = settings::load(&sources)?;
    let log = &effective.settings.log;
    let level = telemetry::init(&log.level, log.format)?;
    let reload = Reload::new(move || {
        let settings = settings::load(&sources)?.settings;
        // A level that was loaded can be read.
        let _ = level.set(&settings.log.level);
        Ok(settings)
    });
    Ok(crate::app::serve(effective, reload)?)
}

pub(super) fn describe(args: &ServiceArgs) -> Result<(), Failure> {
    stdout::print(&settings::load(&args.sources())?.describe())
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
