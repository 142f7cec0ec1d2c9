//! `verbatim models inspect`.

use std::fmt::Write;
use std::path::Path;

use crate::engine::ModelHeader;

use crate::cli::failure::Failure;
use crate::cli::stdout;

pub(super) fn run(file: &Path) -> Result<(), Failure> {
    stdout::print(&describe(&ModelHeader::read(file)?))
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
    row("checksum file", &if header.has_checksum() { "there" } else { "none" });
    text
}

fn layers(layers: i32, width: i32, heads: i32) -> String {
    format!("{layers} layers of width {width}, {heads} heads")
}

fn languages(header: &ModelHeader) -> String {
    let codes: Vec<_> = header.languages().into_iter().map(|language| language.code()).collect();
    format!("{} ({})", codes.len(), codes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

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
