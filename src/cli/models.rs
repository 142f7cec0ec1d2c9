//! `verbatim models`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::engine::ModelHeader;
use crate::models::{self, Catalog, Listed, PullBar, PullConfig, Pulled};
use crate::outgoing::tls;

use super::failure::Failure;
use super::{SettingsArgs, serve, stdout};

#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// List the known models and which of them are here
    List(SettingsArgs),
    /// Download a known model and verify it; resumes an interrupted download
    Pull {
        /// Name of the model, such as base.en
        name: String,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Describe a model file or folder
    Inspect {
        /// A model file in ggml format, or a CTranslate2 folder
        file: PathBuf,
    },
}

pub(super) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::List(args) => {
            let dir = serve::load_quietly(args)?.settings.model.dir;
            stdout::print(&table(&models::list(&dir)))
        }
        ModelsCommand::Pull { name, settings } => pull(name, settings),
        ModelsCommand::Inspect { file } => stdout::print(&describe(&ModelHeader::read(file)?)),
    }
}

fn pull(name: &str, args: &SettingsArgs) -> Result<(), Failure> {
    let model = serve::load_quietly(args)?.settings.model;
    let config = PullConfig {
        dir: model.dir,
        source_url: model.source_url,
        catalog: Catalog::PUBLISHED,
        tls: tls::client_config(),
    };
    let bar = PullBar::new(name.to_owned());
    let pulled = models::pull_blocking(name, &config, |done, total| bar.update(done, total));
    bar.finish();
    stdout::print(&match pulled? {
        Pulled::Downloaded(path) => format!("{}: downloaded and verified\n", path.display()),
        Pulled::AlreadyThere(path) => format!("{}: is there already, verified\n", path.display()),
    })
}

fn table(listed: &[Listed]) -> String {
    let rows =
        listed.iter().map(|model| format!("{:<22} {:>9}  {}\n", model.name, model.size, model.presence));
    format!("{:<22} {:>9}  HERE\n", "NAME", "SIZE") + &rows.collect::<String>()
}

fn describe(header: &ModelHeader) -> String {
    let shape = &header.shape;
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _: std::fmt::Result = writeln!(text, "{name:<15} {value}");
    };
    row("file", &header.path.display());
    row("format", &header.format);
    row("bytes", &header.bytes);
    row("family", &shape.family());
    row("weights", &header.weight_type);
    row("multilingual", &if header.multilingual() { "yes" } else { "no" });
    row("languages", &languages(header));
    row("vocabulary", &format!("{} tokens", shape.vocabulary));
    row("encoder", &layers(shape.encoder_layers, shape.width, shape.heads));
    row("decoder", &layers(shape.decoder_layers, shape.width, shape.heads));
    row("mel bands", &shape.mel_bands);
    row("audio context", &format!("{} positions of 20 ms", shape.audio_context));
    row("text context", &format!("{} tokens", shape.text_context));
    row("tensors", &header.tensors);
    row("checksum file", &if sidecar(&header.weights_path()).is_file() { "there" } else { "none" });
    text
}

fn layers(layers: i32, width: i32, heads: i32) -> String {
    format!("{layers} layers of width {width}, {heads} heads")
}

fn languages(header: &ModelHeader) -> String {
    let codes: Vec<_> = header.languages().into_iter().map(|language| language.code()).collect();
    format!("{} ({})", codes.len(), codes.join(" "))
}

fn sidecar(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_one_aligned_row_for_each_model() {
        let listed = models::list(Path::new("/nowhere/at/all"));
        let text = table(&listed);
        assert_eq!(text.lines().count(), listed.len() + 1);
        assert!(text.contains("\nbase.en                  142 MiB  -\n"), "{text}");
    }

    #[test]
    fn a_model_file_is_described_by_what_it_holds() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ggml-words-q8_0.bin");
        let text = describe(&ModelHeader::read(Path::new(file)).unwrap());
        for row in
            ["family          custom", "weights         q8_0", "multilingual    yes", "checksum file   there"]
        {
            assert!(text.contains(row), "{row} in {text}");
        }
        assert!(text.contains("99 (en zh de es "), "{text}");
    }
}
