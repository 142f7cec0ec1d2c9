//! The models that are published, ready to be pulled.

mod ctranslate2;
mod ggml;

use super::known::KnownModel;

/// A list of models, by name.
#[derive(Debug, Clone, Copy)]
pub struct Catalog(&'static [&'static [KnownModel]]);

impl Catalog {
    /// ggml files of whisper.cpp and Distil-Whisper, then the CTranslate2 folders of faster-whisper.
    pub const PUBLISHED: Self = Self(&[ggml::MODELS, ggml::DISTILLED, ctranslate2::MODELS]);

    pub const fn new(models: &'static [&'static [KnownModel]]) -> Self {
        Self(models)
    }

    pub fn find(self, name: &str) -> Option<&'static KnownModel> {
        self.models().find(|model| model.name == name)
    }

    pub fn models(self) -> impl Iterator<Item = &'static KnownModel> {
        self.0.iter().copied().flatten()
    }

    /// All names, for a message.
    pub fn names(self) -> String {
        self.models().map(|model| model.name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::models::known::Pin;

    #[test]
    fn names_and_checksums_are_well_formed_and_unique() {
        let models: Vec<_> = Catalog::PUBLISHED.models().collect();
        let pins: Vec<_> = models.iter().filter(|model| model.pin != Pin::Hub).collect();
        for model in &pins {
            let Pin::Pinned(expected) = &model.pin else { continue };
            assert!(expected.is_well_formed(), "{}", model.name);
        }
        assert_eq!(models.iter().map(|m| m.name).collect::<HashSet<_>>().len(), models.len());
        let different: HashSet<_> = pins.iter().map(|m| format!("{:?}", m.pin)).collect();
        assert_eq!(different.len(), pins.len());
    }

    #[test]
    fn a_model_is_found_by_its_whole_name_only() {
        assert_eq!(Catalog::PUBLISHED.find("tiny.en").unwrap().file_name(), "ggml-tiny.en.bin");
        assert_eq!(
            Catalog::PUBLISHED.find("faster-whisper-base").unwrap().file_name(),
            "faster-whisper-base"
        );
        for name in ["", "Tiny", "tiny.bin", "../tiny", "ggml-tiny"] {
            assert_eq!(Catalog::PUBLISHED.find(name), None, "{name}");
        }
    }

    #[test]
    fn english_only_models_are_known_by_their_names() {
        let is_multilingual = |name: &str| Catalog::PUBLISHED.find(name).unwrap().is_multilingual();
        for name in ["base", "large-v3-turbo-q5_0", "faster-whisper-large-v3"] {
            assert!(is_multilingual(name), "{name}");
        }
        for name in ["base.en", "base.en-q5_1", "distil-large-v3", "faster-distil-whisper-large-v3.5"] {
            assert!(!is_multilingual(name), "{name}");
        }
    }
}
