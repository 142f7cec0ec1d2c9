//! `verbatim models list`.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::engine::ModelHeader;
use crate::models::{self, Catalog, Installed, Listed, Presence};

use crate::cli::failure::Failure;
use crate::cli::{SettingsArgs, serve, stdout};

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// List what is in the models folder instead, models of other origin included
    #[arg(long)]
    installed: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(args: &ListArgs) -> Result<(), Failure> {
    let dir = serve::load_quietly(&args.settings)?.settings.model.dir;
    let text = if args.installed {
        let models = models::installed(&dir, Catalog::PUBLISHED);
        if args.json { in_json(models.iter().map(installed_json)) } else { installed_table(&models) }
    } else {
        let models = models::list(&dir, Catalog::PUBLISHED);
        if args.json { in_json(models.iter().map(known_json)) } else { known_table(&models) }
    };
    stdout::print(&text)
}

fn known_table(listed: &[Listed]) -> String {
    let mut table = row(["NAME", "SIZE", "LANGUAGES", "HERE"]);
    for Listed { model, presence } in listed {
        let languages = languages(Some(model.is_multilingual()));
        table += &row([model.name, &size(model.bytes), languages, &presence.to_string()]);
    }
    table
}

fn installed_table(models: &[Installed]) -> String {
    let mut table = row(["NAME TO USE", "SIZE", "LANGUAGES", "FORMAT"]);
    for model in models {
        let languages = languages(is_multilingual(&model.path));
        table += &row([&model.title(), &size(model.bytes), languages, model.format.name()]);
    }
    table
}

fn row([name, size, languages, last]: [&str; 4]) -> String {
    format!("{name:<32} {size:>8}  {languages:<12}  {last}\n")
}

fn known_json(listed: &Listed) -> Value {
    let model = listed.model;
    json!({
        "name": model.name,
        "bytes": model.bytes,
        "multilingual": model.is_multilingual(),
        "installed": listed.presence == Presence::Installed,
        "engine": model.format().engine(),
    })
}

fn installed_json(model: &Installed) -> Value {
    json!({
        "name": model.name,
        "path": model.path,
        "bytes": model.bytes,
        "multilingual": is_multilingual(&model.path),
        "installed": true,
        "engine": model.format.engine(),
    })
}

fn in_json(models: impl Iterator<Item = Value>) -> String {
    format!("{:#}\n", json!({ "models": models.collect::<Vec<_>>() }))
}

/// `None` of a model that cannot be read.
fn is_multilingual(path: &Path) -> Option<bool> {
    ModelHeader::read(path).ok().map(|header| header.multilingual())
}

fn languages(is_multilingual: Option<bool>) -> &'static str {
    match is_multilingual {
        Some(true) => "multilingual",
        Some(false) => "English",
        None => "unreadable",
    }
}

/// In the units that model sizes are given in.
pub(super) fn size(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    let mib = bytes as f64 / MIB;
    if mib < 1000.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_one_aligned_row_for_each_known_model() {
        let listed = models::list(Path::new("/nowhere/at/all"), Catalog::PUBLISHED);
        let text = known_table(&listed);
        assert_eq!(text.lines().count(), listed.len() + 1);
        for line in [
            "base.en                           141 MiB  English       -",
            "large-v3-turbo                    1.5 GiB  multilingual  -",
            "faster-whisper-base               141 MiB  multilingual  -",
        ] {
            assert!(text.lines().any(|row| row == line), "{text}");
        }
    }
}
