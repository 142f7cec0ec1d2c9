//! Transcripts as files.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::progress::Meter;
use crate::cli::transcribe::args::TranscribeArgs;
use crate::cli::transcribe::recording::Recording;
use crate::transcript::Format;

/// One file for each recording and format; none is written over another or over a recording.
#[derive(Debug)]
pub(in crate::cli::transcribe) struct Files {
    /// `None`: beside each recording.
    folder: Option<PathBuf>,
    formats: Vec<Format>,
    existing: Existing,
}

/// What becomes of a file that is in the place of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    Kept,
    Overwritten,
}

impl Files {
    pub(super) fn new(args: &TranscribeArgs) -> Self {
        let existing = if args.overwrite { Existing::Overwritten } else { Existing::Kept };
        Self { folder: args.output.clone(), formats: args.wanted.formats(), existing }
    }

    /// Where all of them go, unless that is beside their recordings.
    pub(in crate::cli::transcribe) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Whether every transcript of a recording is there already.
    pub(in crate::cli::transcribe) fn has_all_of(&self, recording: &Recording) -> bool {
        self.existing == Existing::Kept
            && self.formats.iter().all(|format| self.target(recording, *format).exists())
    }

    fn target(&self, recording: &Recording, format: Format) -> PathBuf {
        let mut name = recording.stem.clone().into_os_string();
        name.push(".");
        name.push(format.extension());
        match (&self.folder, recording.file().and_then(Path::parent)) {
            (Some(folder), _) => folder.join(name),
            (None, Some(beside)) => beside.join(Path::new(&name).file_name().unwrap_or(&name)),
            (None, None) => name.into(),
        }
    }

    /// # Errors
    /// Two transcripts would have one file, or a file would be replaced that must not be.
    pub(in crate::cli::transcribe) fn check(&self, recordings: &[Recording]) -> Result<(), Failure> {
        let mut taken: HashMap<PathBuf, (&Recording, Format)> = HashMap::new();
        for recording in recordings {
            for format in &self.formats {
                let target = self.target(recording, *format);
                match taken.insert(target.clone(), (recording, *format)) {
                    Some((first, other)) if first == recording => {
                        return Err(Failure::SameExtension {
                            first: other.name(),
                            second: format.name(),
                            target,
                        });
                    }
                    Some((first, _)) => {
                        let (first, second) = (first.shown(), recording.shown());
                        return Err(Failure::SameTarget { first, second, target });
                    }
                    None => {}
                }
                if let Some(file) = recording.file().filter(|file| is_same(&target, file)) {
                    return Err(Failure::OverRecording { path: file.to_owned() });
                }
                if self.existing == Existing::Kept && target.exists() {
                    return Err(Failure::Exists { path: target });
                }
            }
        }
        Ok(())
    }

    pub(super) fn write(
        &self,
        recording: &Recording,
        documents: &[String],
        meter: &Meter,
    ) -> Result<(), Failure> {
        let mut written = Vec::new();
        for (format, document) in self.formats.iter().zip(documents) {
            let path = self.target(recording, *format);
            if let Err(failure) = self.write_one(&path, &ended(document)) {
                if self.existing == Existing::Kept {
                    // They would be in the way of another try.
                    written.iter().for_each(|path| drop(fs::remove_file(path)));
                }
                return Err(failure);
            }
            written.push(path.clone());
            meter.print(&format!("wrote {}", path.display()));
        }
        Ok(())
    }

    /// A file with this name is whole, whatever interrupts the command.
    fn write_one(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let failed = |source: io::Error| match source.kind() {
            ErrorKind::AlreadyExists => Failure::Exists { path: path.to_owned() },
            _ => Failure::Unwritable { path: path.to_owned(), source },
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".verbatim-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let kept = match self.existing {
            Existing::Kept => file.persist_noclobber(path),
            Existing::Overwritten => file.persist(path),
        };
        kept.map(drop).map_err(|error| failed(error.error))
    }
}

/// A path that cannot be resolved does not exist, and is not a recording.
fn is_same(target: &Path, recording: &Path) -> bool {
    matches!((target.canonicalize(), recording.canonicalize()), (Ok(target), Ok(recording)) if target == recording)
}

/// With a line break at the end, as text files have; nothing stays nothing.
pub(super) fn ended(document: &str) -> String {
    match document {
        "" => String::new(),
        whole if whole.ends_with('\n') => whole.to_owned(),
        open => format!("{open}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::progress::ProgressMode;

    fn files(folder: Option<&Path>, formats: &[Format], existing: Existing) -> Files {
        Files { folder: folder.map(Path::to_owned), formats: formats.to_vec(), existing }
    }

    fn recording(path: impl Into<PathBuf>) -> Recording {
        Recording::of_file(path.into())
    }

    #[test]
    fn a_transcript_is_named_by_its_recording_and_format() {
        let out = files(Some(Path::new("out")), &[], Existing::Kept);
        let named = |file: &str, format| out.target(&recording(file), format);
        assert_eq!(named("a/talk.wav", Format::Srt), Path::new("out/talk.srt"));
        assert_eq!(named("talk.2024.ogg", Format::Text), Path::new("out/talk.2024.txt"));
        assert_eq!(named("talk", Format::VerboseJson), Path::new("out/talk.json"));
        let beside = files(None, &[], Existing::Kept);
        let found = Recording::found("in/a/talk.wav".into(), Path::new("in"));
        assert_eq!(beside.target(&found, Format::Text), Path::new("in/a/talk.txt"));
        assert_eq!(out.target(&found, Format::Text), Path::new("out/a/talk.txt"));
    }

    #[test]
    fn two_recordings_never_share_a_transcript() {
        let out = files(Some(Path::new("out")), &[Format::Text], Existing::Kept);
        let refused = out.check(&[recording("a/talk.wav"), recording("b/talk.mp3")]);
        assert!(matches!(refused, Err(Failure::SameTarget { .. })));
        let both = files(Some(Path::new("out")), &[Format::Json, Format::VerboseJson], Existing::Kept);
        assert!(matches!(both.check(&[recording("a.wav")]), Err(Failure::SameExtension { .. })));
    }

    #[test]
    fn a_recording_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("talk.txt");
        fs::write(&path, "audio under an odd name").unwrap();
        let out = files(Some(dir.path()), &[Format::Text], Existing::Overwritten);
        assert!(matches!(out.check(&[recording(path)]), Err(Failure::OverRecording { .. })));
    }

    #[test]
    fn a_file_that_is_there_stays_unless_it_may_be_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("talk.srt");
        fs::write(&path, "corrected by hand").unwrap();
        let meter = Meter::new(ProgressMode::None);
        let (talk, documents) = (recording("talk.wav"), ["new".to_owned()]);
        let kept = files(Some(dir.path()), &[Format::Srt], Existing::Kept);
        assert!(matches!(kept.check(std::slice::from_ref(&talk)), Err(Failure::Exists { .. })));
        assert!(matches!(kept.write(&talk, &documents, &meter), Err(Failure::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "corrected by hand");
        assert!(kept.has_all_of(&talk));
        let overwritten = files(Some(dir.path()), &[Format::Srt], Existing::Overwritten);
        assert!(overwritten.check(std::slice::from_ref(&talk)).is_ok());
        overwritten.write(&talk, &documents, &meter).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert!(!overwritten.has_all_of(&talk));
    }

    #[test]
    fn a_document_ends_with_one_newline_unless_it_is_empty() {
        assert_eq!((ended("a"), ended("a\n"), ended("")), ("a\n".into(), "a\n".into(), String::new()));
    }
}
