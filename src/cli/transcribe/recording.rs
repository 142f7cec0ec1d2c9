//! What is to be transcribed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use url::Url;

/// A recording, and what it and its transcripts are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recording {
    pub(super) source: Source,
    /// Where its transcripts go below the output folder, without an extension.
    pub(super) stem: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Source {
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// http:// or https://
    Url(String),
}

impl Recording {
    pub(super) fn stdin() -> Self {
        Self { source: Source::Stdin, stem: "stdin".into() }
    }

    pub(super) fn of_url(url: &str) -> Self {
        let parsed = Url::parse(url).ok();
        let last = parsed.as_ref().and_then(|url| url.path_segments()?.next_back());
        let stem = last.and_then(|name| Path::new(name).file_stem()).filter(|stem| !stem.is_empty());
        Self { source: Source::Url(url.to_owned()), stem: stem.unwrap_or(OsStr::new("recording")).into() }
    }

    /// A file that was named.
    pub(super) fn of_file(path: PathBuf) -> Self {
        let stem = path.file_stem().unwrap_or(path.as_os_str()).into();
        Self { source: Source::File(path), stem }
    }

    /// A file that was found in a folder: its transcripts go to the same place below the output folder.
    pub(super) fn found(path: PathBuf, folder: &Path) -> Self {
        let stem = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        Self { source: Source::File(path), stem }
    }

    /// Its name for the user.
    pub(super) fn shown(&self) -> String {
        match &self.source {
            Source::File(path) => path.display().to_string(),
            Source::Stdin => "stdin".to_owned(),
            Source::Url(url) => url.clone(),
        }
    }

    /// Short, for bars.
    pub(super) fn name(&self) -> String {
        match &self.source {
            Source::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Source::Stdin | Source::Url(_) => self.stem.display().to_string(),
        }
    }

    pub(super) fn file(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Stdin | Source::Url(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_named_by_their_recordings() {
        let stem = |recording: Recording| recording.stem.display().to_string();
        assert_eq!(stem(Recording::of_file("a/talk.2024.ogg".into())), "talk.2024");
        assert_eq!(stem(Recording::found("in/a/talk.wav".into(), Path::new("in"))), "a/talk");
        assert_eq!(stem(Recording::of_url("https://h/pod/ep1.mp3?x=1")), "ep1");
        assert_eq!(stem(Recording::of_url("https://h/")), "recording");
    }
}
