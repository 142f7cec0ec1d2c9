//! Why a command did not do what was asked, and its exit code.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use actors::domain::jobs::job::Status;
use actors::domain::jobs::selection::EmptyRange;
use actors::ports::LoadFailure;
use thiserror::Error;
use uuid::Uuid;

use crate::app::StartError;
use crate::auth::KeysFileError;
use crate::client::BadServerUrl;
use crate::compose::BadAudioSettings;
use crate::engine::ModelFileError;
use crate::models::{PullError, RemoveError};
use crate::outgoing::BadAllowEntry;
use crate::settings::{SQLITE_URL, SettingsError};
use crate::store::{BackupError, MigrateError, OpenBlobsError, RestoreError};
use crate::telemetry::TelemetryError;
use crate::transcript::BadShape;

/// Each message is for the person at the terminal, and names what to change.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error("{first} and {second} would both be written to {}: transcribe them one by one, or rename one", target.display())]
    SameTarget { first: String, second: String, target: PathBuf },
    #[error("{first} and {second} would both be written to {}: ask for one of them", target.display())]
    SameExtension { first: &'static str, second: &'static str, target: PathBuf },
    #[error("{} is there already: replace it with --overwrite, or choose another folder with -o", path.display())]
    Exists { path: PathBuf },
    #[error("several formats do not go to stdout: choose a folder with -o")]
    SeveralFormats,
    #[error("{} has no recordings: name files, choose names with --include, or take folders in it with --recursive", folder.display())]
    NoRecordings { folder: PathBuf },
    #[error("nothing matches {pattern:?}: check the folder and the pattern")]
    NoMatch { pattern: String },
    #[error(
        "{pattern:?} is not a pattern ({problem}): use * for any characters, ? for one, [abc] for one of several"
    )]
    BadPattern { pattern: String, problem: &'static str },
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the webhooks of the settings cannot be used: {0}")]
    AddressRules(#[from] BadAllowEntry),
    #[error("the transcript would be written over the recording {}: choose another folder with -o", path.display())]
    OverRecording { path: PathBuf },
    #[error("several transcripts as {format} would run into each other on stdout: choose a folder with -o")]
    NeedsFolder { format: &'static str },
    #[error(transparent)]
    BadShape(#[from] BadShape),
    #[error(transparent)]
    EmptyRange(#[from] EmptyRange),
    #[error("line and cue limits apply to subtitles, not to {format}: choose --format srt or vtt")]
    NoSubtitles { format: &'static str },
    #[error("VERBATIM_SERVER is {text:?}: it {problem}")]
    BadServer { text: String, problem: BadServerUrl },
    #[error(
        "no file of keys is named: set [auth] keys_file, or VERBATIM__AUTH__KEYS_FILE, to where keys are to be kept"
    )]
    NoKeysFile,
    #[error("{} has no key {id}: see `verbatim keys list`; keys of the settings are removed there", path.display())]
    NoSuchKey { id: String, path: PathBuf },
    #[error(transparent)]
    KeysFile(#[from] KeysFileError),
    #[error("the system gave no random numbers for a key: {0}")]
    NoRandomness(String),
    #[error(
        "the model {model:?} supports English only, not \"{language}\": use a multilingual model such as \"base\""
    )]
    EnglishOnly { model: String, language: &'static str },
    #[error(
        "the model {model:?} supports English only and cannot translate: use a multilingual model such as \"base\""
    )]
    CannotTranslate { model: String },
    #[error("the API key in VERBATIM_API_KEY contains characters that a key cannot have: set it again")]
    BadKey,

    #[error(transparent)]
    Start(#[from] StartError),
    #[error("this program's own file cannot be found, which the engine's process is started from: {0}")]
    NoProgram(io::Error),
    #[error(transparent)]
    Audio(#[from] BadAudioSettings),
    #[error(transparent)]
    Load(#[from] LoadFailure),
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    #[error(transparent)]
    Pull(#[from] PullError),
    #[error("--sha256 and --name are for files at a URL: give the URL, or leave them out")]
    OnlyWithUrl,
    #[error(transparent)]
    Remove(#[from] RemoveError),
    #[error("there is no terminal to ask on: add --yes to remove the model")]
    NeedsYes,
    #[error("not removed")]
    NotRemoved,
    #[error(transparent)]
    Blobs(#[from] OpenBlobsError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(
        "the data are in the PostgreSQL database of [storage] url: copy it with pg_dump, and after that the folder {}/blobs",
        dir.display()
    )]
    InPostgres { dir: PathBuf },
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("--from must be {SQLITE_URL}; other databases cannot be migrated")]
    BadSource,
    #[error(
        "no PostgreSQL database is named to migrate to: set [storage] url, or VERBATIM__STORAGE__URL, to \
         postgres://user:password@host:5432/database; --to takes it as well"
    )]
    NoTarget,
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("stdout cannot be written to: {0}")]
    Stdout(io::Error),
    #[error("{0}")]
    Server(String),
    #[error(
        "the job {id} is {status} already and cannot be cancelled: remove it with `verbatim jobs rm {id}`"
    )]
    HasEnded { id: Uuid, status: Status },
    #[error("the job {id} is {status}: wait for its end, or cancel and remove it with --force")]
    HasNotEnded { id: Uuid, status: Status },
    #[error("cancelled")]
    Interrupted,
    /// Each was already reported.
    #[error("{} of {total} recordings could not be transcribed: {}", failed.len(), failed.join(", "))]
    SomeFiles { failed: Vec<String>, total: usize },
    #[error("already reported")]
    Reported,
    /// The reader of stdout has closed it, as in `verbatim … | head`.
    #[error("stdout is closed")]
    StdoutClosed,
}

/// What becomes of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing was tried.
    Usage,
    Failed,
    /// A failure that was reported already.
    Reported,
    /// No failure after all.
    Enough,
}

impl Failure {
    /// Says it on stderr, one line for each thing to change, and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let kind = self.kind();
        if matches!(kind, Kind::Usage | Kind::Failed) {
            for line in self.to_string().lines() {
                super::stderr::print_line(&format!("error: {line}"));
            }
        }
        ExitCode::from(kind.code())
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Settings(_)
            | Self::Telemetry(_)
            | Self::SameTarget { .. }
            | Self::SameExtension { .. }
            | Self::Exists { .. }
            | Self::SeveralFormats
            | Self::NoRecordings { .. }
            | Self::NoMatch { .. }
            | Self::BadPattern { .. }
            | Self::AddressRules(_)
            | Self::OverRecording { .. }
            | Self::NeedsFolder { .. }
            | Self::BadShape(_)
            | Self::EmptyRange(_)
            | Self::NoSubtitles { .. }
            | Self::BadServer { .. }
            | Self::NoKeysFile
            | Self::EnglishOnly { .. }
            | Self::CannotTranslate { .. }
            | Self::OnlyWithUrl
            | Self::NeedsYes
            | Self::BadSource
            | Self::NoTarget
            | Self::BadKey => Kind::Usage,
            Self::Pull(error) if error.is_usage() => Kind::Usage,
            Self::Start(_)
            | Self::NoProgram(_)
            | Self::Audio(_)
            | Self::Load(_)
            | Self::ModelFile(_)
            | Self::Pull(_)
            | Self::Remove(_)
            | Self::NotRemoved
            | Self::Blobs(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Migrate(_)
            | Self::InPostgres { .. }
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Stdout(_)
            | Self::Server(_)
            | Self::NoSuchKey { .. }
            | Self::KeysFile(_)
            | Self::NoRandomness(_)
            | Self::HasEnded { .. }
            | Self::HasNotEnded { .. }
            | Self::Interrupted
            | Self::SomeFiles { .. } => Kind::Failed,
            Self::Reported => Kind::Reported,
            Self::StdoutClosed => Kind::Enough,
        }
    }
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Enough => 0,
            Self::Failed | Self::Reported => 1,
            Self::Usage => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_usage_is_2_a_failure_1_and_a_reader_that_has_enough_0() {
        let code = |failure: Failure| failure.kind().code();
        assert_eq!(code(SettingsError(Vec::new()).into()), 2);
        assert_eq!(code(Failure::NeedsFolder { format: "srt" }), 2);
        assert_eq!(code(Failure::SomeFiles { failed: vec!["a.wav".into()], total: 2 }), 1);
        assert_eq!(code(LoadFailure::Cancelled.into()), 1);
        assert_eq!(code(Failure::StdoutClosed), 0);
    }
}
