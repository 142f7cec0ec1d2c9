//! The model files: there, valid, and what their checksums say.

use std::path::Path;

use indicatif::DecimalBytes;

use super::finding::Finding;
use crate::engine::Silero;
use crate::engine::model_file::{ModelHeader, VerifiedFiles};
use crate::settings::Settings;

const CHECK: &str = "model";

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        settings.model_files().iter().map(|(id, path)| check_file(id, path)).collect();
    let vad_model = &settings.audio.vad_model;
    if !vad_model.as_os_str().is_empty() {
        findings.push(match Silero::open(vad_model.clone()) {
            Ok(_) => Finding::ok("voice detector", format!("{} is valid", vad_model.display())),
            Err(error) => Finding::error_sentence("voice detector", &error.to_string()),
        });
    }
    findings
}

fn check_file(id: &str, path: &Path) -> Finding {
    match VerifiedFiles::default().verify(path, &|| true) {
        Ok(header) => Finding::ok(CHECK, describe(id, &header)),
        Err(error) => Finding::error_sentence(CHECK, &error.to_string()),
    }
}

fn describe(id: &str, header: &ModelHeader) -> String {
    let languages = if header.multilingual() { "multilingual" } else { "English only" };
    let checksum = if header.has_checksum() { "checksum right" } else { "no checksum beside it" };
    let (path, bytes) = (header.path.display(), DecimalBytes(header.bytes));
    format!("{id} at {path} is valid: {languages}, {bytes}, {checksum}")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_valid_file_is_described_and_a_missing_or_bad_one_an_error() {
        let good = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ggml-words-q8_0.bin"));
        let found = check_file("words", good);
        assert_eq!(found.level, Level::Ok);
        assert!(found.detail.contains("multilingual") && found.detail.ends_with("checksum right"), "{found}");

        let dir = tempfile::tempdir().unwrap();
        let missing = check_file("base", &dir.path().join("ggml-base.bin"));
        assert_eq!(missing.level, Level::Error);
        assert!(missing.advice.unwrap().contains("verbatim models pull base"));

        let changed = dir.path().join("ggml-words-q8_0.bin");
        std::fs::copy(good, &changed).unwrap();
        assert!(check_file("words", &changed).detail.ends_with("no checksum beside it"));
        std::fs::write(dir.path().join("ggml-words-q8_0.bin.sha256"), format!("{}  x\n", "0".repeat(64)))
            .unwrap();
        assert_eq!(check_file("words", &changed).level, Level::Error);
    }
}
