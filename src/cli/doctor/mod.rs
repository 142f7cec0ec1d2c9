//! `verbatim doctor`: what is right and wrong with this machine and these settings, before a service is started.
//!
//! Each check reads what it needs and leaves the judgement to a pure function beside it.

mod access;
mod clock;
mod database;
mod ffmpeg;
mod finding;
mod gpu;
mod memory;
mod model;
mod open_files;
mod port;
mod recordings;
mod storage;
mod valid_settings;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::settings_args::ServiceArgs;
use super::stdout;
use crate::settings::{self, Effective, Settings};
use finding::{Finding, Level};

#[derive(Debug, Args)]
#[command(
    after_help = "Takes the options of `verbatim serve`. Exit codes: 0 no errors, 1 at least one error."
)]
pub(super) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    service: ServiceArgs,
}

/// # Blocking
/// For as long as it takes to compute checksums of the models: a second for each 1.5 GB.
pub(super) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let findings = match settings::load(&args.service.sources()) {
        Ok(effective) => examine(&effective),
        Err(error) => valid_settings::invalid(&error),
    };
    let is_well = findings.iter().all(|finding| finding.level != Level::Error);
    stdout::print(&if args.json {
        format!("{:#}\n", json!({ "ok": is_well, "checks": findings }))
    } else {
        findings.iter().map(|finding| format!("{finding}\n")).collect()
    })?;
    if is_well { Ok(()) } else { Err(Failure::Reported) }
}

/// Of each device, by name where there are several, and each of its models.
fn of_devices(settings: &Settings) -> Vec<Finding> {
    if settings.devices.is_empty() {
        return vec![gpu::check(settings), memory::check(settings)];
    }
    let files = settings.model_files();
    let named = settings.devices.iter().flat_map(|device| {
        let of_device = settings.for_device(device);
        let served =
            files.iter().filter(|(model, _)| device.models.is_empty() || device.models.contains(model));
        let memory = served.map(|(_, path)| memory::check_for(&of_device, path)).collect::<Vec<_>>();
        std::iter::once(gpu::check(&of_device)).chain(memory).map(|finding| finding.of_device(&device.name))
    });
    named.collect()
}

fn examine(effective: &Effective) -> Vec<Finding> {
    let settings = &effective.settings;
    let mut findings = vec![valid_settings::check(settings)];
    findings.extend(valid_settings::ignored(effective.near_misses()));
    if settings.node.role.runs_jobs() {
        findings.extend(model::check(settings));
        findings.extend(of_devices(settings));
    }
    findings.extend(database::check(settings));
    findings.extend([
        storage::check(settings),
        recordings::check(settings),
        ffmpeg::check(settings),
        open_files::check(settings),
        port::check(settings),
        access::check(settings),
        clock::check(),
    ]);
    findings
}
