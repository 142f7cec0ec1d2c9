//! What to pull.

use url::Url;

use super::catalog::Catalog;
use super::checksum::Expected;
use super::client::is_safe;
use super::error::PullError;
use super::known::KnownModel;

/// A model to be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Known(&'static KnownModel),
    /// A ggml file at an address; `name` is what it is called here.
    Url {
        url: Url,
        name: String,
        expected: Expected,
    },
}

impl Wanted {
    /// A model of the catalogue.
    pub fn named(name: &str, catalog: Catalog) -> Result<Self, PullError> {
        let unknown = || PullError::Unknown { name: name.to_owned(), known: catalog.names() };
        catalog.find(name).map(Self::Known).ok_or_else(unknown)
    }

    /// A file at an address, with the SHA-256 that the request names. Without a name it is called as its file.
    pub fn at_url(text: &str, sha256: Option<&str>, name: Option<&str>) -> Result<Self, PullError> {
        let url =
            text.parse().ok().filter(is_safe).ok_or_else(|| PullError::BadUrl { url: text.to_owned() })?;
        let sha256 = sha256.ok_or(PullError::NoSha256)?;
        let expected =
            Expected::parse_sha256(sha256).ok_or_else(|| PullError::BadSha256 { text: sha256.to_owned() })?;
        let name = name.map_or_else(|| name_of(&url), str::to_owned);
        if !is_name(&name) {
            return Err(PullError::BadName { name });
        }
        Ok(Self::Url { url, name, expected })
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Known(model) => model.name,
            Self::Url { name, .. } => name,
        }
    }
}

/// Whether that is the address of something, and not a name.
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}

fn name_of(url: &Url) -> String {
    let file = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    name_of_file(file).to_owned()
}

/// A model's name, from that of its file in ggml form.
fn name_of_file(file: &str) -> &str {
    let stem = file.strip_suffix(".bin").unwrap_or(file);
    stem.strip_prefix("ggml-").filter(|name| !name.is_empty()).unwrap_or(stem)
}

/// Whether the settings take it for a model's name.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_url_is_pulled_under_the_name_of_its_file_or_another() {
        let name = |url: &str, name: Option<&str>| {
            Wanted::at_url(url, Some(SHA256), name).map(|wanted| wanted.name().to_owned()).ok()
        };
        assert_eq!(name("https://h.example/a/ggml-mine.bin?x=1", None), Some("mine".into()));
        assert_eq!(name("https://h.example/a/mine-q8_0.bin", None), Some("mine-q8_0".into()));
        assert_eq!(name("http://127.0.0.1:80/x.bin", Some("other")), Some("other".into()));
        assert_eq!(name("https://h.example/", None), None);
        assert_eq!(name("https://h.example/x.bin", Some("../x")), None);
    }

    #[test]
    fn what_is_missing_or_unsafe_is_said() {
        let refused =
            |url: &str, sha256: Option<&str>| Wanted::at_url(url, sha256, None).unwrap_err().to_string();
        assert!(refused("http://h.example/x.bin", Some(SHA256)).contains("use https://"));
        assert!(refused("ftp://h.example/x.bin", Some(SHA256)).contains("use https://"));
        assert!(refused("https://h.example/x.bin", None).contains("add --sha256"));
        assert!(refused("https://h.example/x.bin", Some("abc")).contains("\"abc\" is not a SHA-256"));
    }
}
