//! `verbatim models pull`.

use clap::Args;

use crate::compose;
use crate::models::{self, Catalog, PullBar, Pulled, Wanted};

use crate::cli::failure::Failure;
use crate::cli::{SettingsArgs, serve, stdout};

#[derive(Debug, Args)]
pub(in crate::cli) struct PullArgs {
    /// Name of a model, such as base or faster-whisper-base, or the https:// URL of a ggml file
    #[arg(value_name = "NAME|URL")]
    model: String,
    /// SHA-256 of the file at a URL, as its publisher names it
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// What to call the file of a URL; without it the file's own name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: &PullArgs) -> Result<(), Failure> {
    let wanted = wanted(args)?;
    let config = compose::pull_config(&serve::load_quietly(&args.settings)?.settings);
    let bar = PullBar::new(wanted.name().to_owned());
    let pulled = models::pull(&wanted, &config, &|| true, &mut |step| bar.update(step));
    bar.finish();
    stdout::print(&match pulled? {
        Pulled::Downloaded(path) => format!("{}: downloaded and verified\n", path.display()),
        Pulled::AlreadyThere(path) => format!("{}: is there already, verified\n", path.display()),
    })
}

fn wanted(args: &PullArgs) -> Result<Wanted, Failure> {
    let PullArgs { model, sha256, name, .. } = args;
    if models::is_url(model) {
        return Ok(Wanted::at_url(model, sha256.as_deref(), name.as_deref())?);
    }
    if sha256.is_some() || name.is_some() {
        return Err(Failure::OnlyWithUrl);
    }
    Ok(Wanted::named(model, Catalog::PUBLISHED)?)
}
