//! Where transcripts go.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::TranscribeArgs;
use crate::cli::failure::Failure;
use crate::cli::stdout;
use crate::transcript::Format;

/// One place for each recording's transcript; no transcript is written over another or over a recording.
#[derive(Debug)]
pub(super) enum Output {
    Stdout(Titles),
    Folder { dir: PathBuf, format: Format },
}

/// Whether a transcript on stdout says which recording it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Titles {
    Shown,
    Left,
}

impl Output {
    /// # Errors
    /// What would mix up transcripts, found before any work is done, and a folder that cannot be made.
    pub(super) fn new(args: &TranscribeArgs) -> Result<Self, Failure> {
        let format = args.wanted.format;
        let Some(dir) = &args.output else { return Self::to_stdout(format, args.files.len()) };
        check_targets(&args.files, dir, format)?;
        fs::create_dir_all(dir).map_err(|source| Failure::Unwritable { path: dir.clone(), source })?;
        Ok(Self::Folder { dir: dir.clone(), format })
    }

    /// Several texts get titles, several JSON documents are one line each; the other formats are
    /// whole files, and a file of several is none.
    fn to_stdout(format: Format, files: usize) -> Result<Self, Failure> {
        let titles = match format {
            Format::Text if files > 1 => Titles::Shown,
            Format::Text | Format::Json | Format::VerboseJson => Titles::Left,
            Format::Srt | Format::Vtt | Format::Tsv if files > 1 => {
                return Err(Failure::NeedsFolder { format: format.name() });
            }
            Format::Srt | Format::Vtt | Format::Tsv => Titles::Left,
        };
        Ok(Self::Stdout(titles))
    }

    pub(super) fn deliver(&self, file: &Path, document: &str) -> Result<(), Failure> {
        match self {
            Self::Stdout(titles) => stdout::print(&on_stdout(*titles, file, document)),
            Self::Folder { dir, format } => {
                let path = target(dir, file, *format);
                fs::write(&path, ended(document)).map_err(|source| Failure::Unwritable { path, source })
            }
        }
    }
}

fn on_stdout(titles: Titles, file: &Path, document: &str) -> String {
    match titles {
        Titles::Shown => format!("==> {} <==\n{}\n", file.display(), ended(document)),
        Titles::Left => ended(document),
    }
}

/// With a line break at the end, as text files have; nothing stays nothing.
fn ended(document: &str) -> String {
    match document {
        "" => String::new(),
        whole if whole.ends_with('\n') => whole.to_owned(),
        open => format!("{open}\n"),
    }
}

fn target(dir: &Path, file: &Path, format: Format) -> PathBuf {
    let mut name = file.file_stem().unwrap_or(file.as_os_str()).to_owned();
    name.push(".");
    name.push(format.extension());
    dir.join(name)
}

fn check_targets(files: &[PathBuf], dir: &Path, format: Format) -> Result<(), Failure> {
    let mut taken: HashMap<PathBuf, &PathBuf> = HashMap::new();
    for file in files {
        let target = target(dir, file, format);
        let first = taken.insert(target.clone(), file);
        if let Some(first) = first.filter(|first| *first != file) {
            return Err(Failure::SameTarget { first: first.clone(), second: file.clone(), target });
        }
        // What cannot be resolved does not exist, and is nobody's recording.
        if let (Ok(old), Ok(recording)) = (target.canonicalize(), file.canonicalize())
            && old == recording
        {
            return Err(Failure::OverRecording { path: recording });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_named_by_its_recording_and_format() {
        let named = |file: &str, format| target(Path::new("out"), Path::new(file), format);
        assert_eq!(named("a/talk.wav", Format::Srt), Path::new("out/talk.srt"));
        assert_eq!(named("talk.2024.ogg", Format::Text), Path::new("out/talk.2024.txt"));
        assert_eq!(named("talk", Format::VerboseJson), Path::new("out/talk.json"));
    }

    #[test]
    fn two_recordings_never_share_a_transcript() {
        let files = ["a/talk.wav".into(), "b/talk.mp3".into()];
        let refused = check_targets(&files, Path::new("out"), Format::Text);
        assert!(matches!(refused, Err(Failure::SameTarget { .. })));
        let twice = ["a/talk.wav".into(), "a/talk.wav".into()];
        assert!(check_targets(&twice, Path::new("out"), Format::Text).is_ok());
    }

    #[test]
    fn a_recording_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let recording = dir.path().join("talk.txt");
        fs::write(&recording, "audio under an odd name").unwrap();
        let refused = check_targets(&[recording], dir.path(), Format::Text);
        assert!(matches!(refused, Err(Failure::OverRecording { .. })));
    }

    #[test]
    fn several_texts_have_headings_and_subtitles_need_a_folder() {
        let shown = on_stdout(Titles::Shown, Path::new("a.wav"), "One two.");
        assert_eq!(shown, "==> a.wav <==\nOne two.\n\n");
        assert!(matches!(Output::to_stdout(Format::Srt, 2), Err(Failure::NeedsFolder { format: "srt" })));
        assert!(Output::to_stdout(Format::Srt, 1).is_ok());
        assert!(Output::to_stdout(Format::Json, 2).is_ok());
    }

    #[test]
    fn a_document_ends_with_one_newline_unless_it_is_empty() {
        assert_eq!((ended("a"), ended("a\n"), ended("")), ("a\n".into(), "a\n".into(), String::new()));
    }
}
