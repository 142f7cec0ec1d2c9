//! The models that are published, ready to be pulled.

/// A model that whisper.cpp publishes in ggml form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownModel {
    pub name: &'static str,
    /// On disk, as published.
    pub size: &'static str,
    /// Published checksum, lower-case hexadecimal.
    pub sha1: &'static str,
}

impl KnownModel {
    pub fn file_name(&self) -> String {
        format!("ggml-{}.bin", self.name)
    }
}

/// A list of models, by name.
#[derive(Debug, Clone, Copy)]
pub struct Catalog(&'static [KnownModel]);

impl Catalog {
    /// What whisper.cpp publishes checksums for in its `models/README.md`. `small.en-tdrz`, which is
    /// listed there too, is left out: it lives at another address than the rest.
    pub const PUBLISHED: Self = Self(PUBLISHED);

    pub const fn new(models: &'static [KnownModel]) -> Self {
        Self(models)
    }

    pub fn find(self, name: &str) -> Option<&'static KnownModel> {
        self.0.iter().find(|model| model.name == name)
    }

    pub fn models(self) -> &'static [KnownModel] {
        self.0
    }

    /// All names, for a message.
    pub fn names(self) -> String {
        self.0.iter().map(|model| model.name).collect::<Vec<_>>().join(", ")
    }
}

const fn model(name: &'static str, size: &'static str, sha1: &'static str) -> KnownModel {
    KnownModel { name, size, sha1 }
}

const PUBLISHED: &[KnownModel] = &[
    model("tiny", "75 MiB", "bd577a113a864445d4c299885e0cb97d4ba92b5f"),
    model("tiny.en", "75 MiB", "c78c86eb1a8faa21b369bcd33207cc90d64ae9df"),
    model("base", "142 MiB", "465707469ff3a37a2b9b8d8f89f2f99de7299dac"),
    model("base.en", "142 MiB", "137c40403d78fd54d454da0f9bd998f78703390c"),
    model("small", "466 MiB", "55356645c2b361a969dfd0ef2c5a50d530afd8d5"),
    model("small.en", "466 MiB", "db8a495a91d927739e50b3fc1cc4c6b8f6c2d022"),
    model("medium", "1.5 GiB", "fd9727b6e1217c2f614f9b698455c4ffd82463b4"),
    model("medium.en", "1.5 GiB", "8c30f0e44ce9560643ebd10bbe50cd20eafd3723"),
    model("large-v1", "2.9 GiB", "b1caaf735c4cc1429223d5a74f0f4d0b9b59a299"),
    model("large-v2", "2.9 GiB", "0f4c8e34f21cf1a914c59d8b3ce882345ad349d6"),
    model("large-v2-q5_0", "1.1 GiB", "00e39f2196344e901b3a2bd5814807a769bd1630"),
    model("large-v3", "2.9 GiB", "ad82bf6a9043ceed055076d0fd39f5f186ff8062"),
    model("large-v3-q5_0", "1.1 GiB", "e6e2ed78495d403bef4b7cff42ef4aaadcfea8de"),
    model("large-v3-turbo", "1.5 GiB", "4af2b29d7ec73d781377bfd1758ca957a807e941"),
    model("large-v3-turbo-q5_0", "547 MiB", "e050f7970618a659205450ad97eb95a18d69c9ee"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_checksums_are_well_formed_and_unique() {
        let models = Catalog::PUBLISHED.models();
        for model in models {
            assert_eq!(model.sha1.len(), 40, "{}", model.name);
            assert!(model.sha1.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{}", model.name);
        }
        assert_eq!(models.iter().map(|m| m.name).collect::<HashSet<_>>().len(), models.len());
        assert_eq!(models.iter().map(|m| m.sha1).collect::<HashSet<_>>().len(), models.len());
    }

    #[test]
    fn a_model_is_found_by_its_whole_name_only() {
        assert_eq!(Catalog::PUBLISHED.find("tiny.en").unwrap().file_name(), "ggml-tiny.en.bin");
        for name in ["", "Tiny", "tiny.bin", "../tiny", "ggml-tiny"] {
            assert_eq!(Catalog::PUBLISHED.find(name), None, "{name}");
        }
    }
}
