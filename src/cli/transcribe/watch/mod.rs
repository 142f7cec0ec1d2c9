//! `--watch`: transcribes what appears in a folder, until it is interrupted.

mod changes;
mod facts;
mod journal;
mod settling;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::inputs::{Choice, in_folder};
use super::output::Files;
use super::recording::Recording;
use super::session::Session;
use crate::cli::failure::Failure;
use crate::cli::stderr;
use changes::{Changes, SOON, Wake};
use facts::Facts;
use journal::Journal;
use settling::Settling;

/// How soon a folder is looked at again without a notification: network file systems send none.
const SELDOM: Duration = Duration::from_secs(10);
/// After a failure that no recording caused, such as an unreachable server.
const RETRY: Duration = Duration::from_secs(10);

/// # Errors
/// The folder cannot be read, or its journal not be written.
///
/// # Blocking
/// Until the process is interrupted.
pub(super) fn run(
    folder: &Path,
    choice: &Choice,
    files: &Files,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let unreadable = |source| Failure::Unreadable { path: folder.to_owned(), source };
    let journal_folder = files.folder().unwrap_or(folder);
    let unwritable = |source| Failure::Unwritable { path: journal_folder.join(journal::NAME), source };
    // Before the journal is made in it.
    in_folder(folder, choice).map_err(unreadable)?;
    let mut journal = Journal::open(journal_folder).map_err(unwritable)?;
    let changes = Changes::of(folder, choice.depth, session.transcriber.interrupts());
    stderr::print_line(&format!("watching {}", folder.display()));
    let mut settling = Settling::default();
    loop {
        let recordings = in_folder(folder, choice).map_err(unreadable)?;
        let listing: Vec<(PathBuf, Facts)> = recordings
            .iter()
            .filter_map(|recording| Some((recording.file()?.to_owned(), Facts::of(recording.file()?).ok()?)))
            .filter(|(path, facts)| !journal.has(below(path, folder), *facts))
            .collect();
        let settled = settling.settled(Instant::now(), &listing);
        let mut next = if listing.is_empty() { SELDOM } else { SOON };
        for (path, facts) in listing.iter().filter(|(path, _)| settled.contains(path)) {
            let recording = Recording::found(path.clone(), folder);
            let known = journal.has_file(below(path, folder));
            match handle(&recording, known, files, session)? {
                Handled::Over => journal.record(below(path, folder), *facts).map_err(unwritable)?,
                Handled::Later => {
                    next = RETRY;
                    break;
                }
            }
        }
        if changes.wait(next) == Wake::Stop {
            return Ok(());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handled {
    /// Transcribed, or reported as failed.
    Over,
    Later,
}

fn handle(
    recording: &Recording,
    known: bool,
    files: &Files,
    session: &mut Session<'_>,
) -> Result<Handled, Failure> {
    if !known && files.has_all_of(recording) {
        stderr::print_line(&format!("skipped {}: it has its transcripts already", recording.shown()));
        return Ok(Handled::Over);
    }
    if let Err(failure) = files.check(std::slice::from_ref(recording)) {
        stderr::print_line(&format!("error: {}: {failure}", recording.shown()));
        return Ok(Handled::Over);
    }
    match session.transcribe(recording) {
        Ok(_) => Ok(Handled::Over),
        Err(failure @ (Failure::Interrupted | Failure::Stdout(_) | Failure::StdoutClosed)) => Err(failure),
        Err(failure) => {
            stderr::print_line(&format!("error: {}: {failure}; trying again", recording.shown()));
            Ok(Handled::Later)
        }
    }
}

fn below<'a>(path: &'a Path, folder: &Path) -> &'a Path {
    path.strip_prefix(folder).unwrap_or(path)
}
