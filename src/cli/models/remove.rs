//! `verbatim models rm`.

use std::io::{IsTerminal, stdin};

use clap::Args;

use super::list::size;
use crate::cli::failure::Failure;
use crate::cli::{SettingsArgs, serve, stderr, stdout};
use crate::models::{self, Catalog};

#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    /// Name of a model in the models folder, as `models list --installed` shows it
    name: String,
    /// Remove it without asking
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: &RemoveArgs) -> Result<(), Failure> {
    let dir = serve::load_quietly(&args.settings)?.settings.model.dir;
    let model = models::removable(&args.name, &dir, Catalog::PUBLISHED)?;
    let shown = format!("{} ({})", model.path().display(), size(model.bytes));
    if !args.yes && !agrees(&shown)? {
        return Err(Failure::NotRemoved);
    }
    model.remove()?;
    stdout::print(&format!("{shown}: removed\n"))
}

/// Asks a person; anyone else has to say yes ahead.
fn agrees(what: &str) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::NeedsYes);
    }
    stderr::print_line(&format!("Remove {what}? [y/N]"));
    let mut answer = String::new();
    // An end of the input without an answer means no.
    let _: std::io::Result<usize> = stdin().read_line(&mut answer);
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
