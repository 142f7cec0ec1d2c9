//! `--watch`: transcribes what appears in a folder, until it is interrupted.

mod facts;
mod journal;
mod settling;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher};

use super::inputs::{Choice, Depth, in_folder};
use super::output::Files;
use super::recording::Recording;
use super::session::Session;
use crate::cli::failure::Failure;
use crate::cli::stderr;
use facts::Facts;
use journal::Journal;
use settling::{SETTLE, Settling};

/// How soon a folder is looked at again after something happened in it.
const SOON: Duration = Duration::from_secs(1);
/// And without a notification: network file systems send none.
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
    let mut journal = Journal::open(journal_folder).map_err(unwritable)?;
    let mode = match choice.depth {
        Depth::Flat => RecursiveMode::NonRecursive,
        Depth::Recursive => RecursiveMode::Recursive,
    };
    let (sender, changes) = channel();
    let notify_change = move |_: notify::Result<notify::Event>| {
        // A closed receiver ends the watch.
        let _ = sender.send(());
    };
    let mut watcher =
        notify::recommended_watcher(notify_change).map_err(|error| unreadable(io::Error::other(error)))?;
    watcher.watch(folder, mode).map_err(|error| unreadable(io::Error::other(error)))?;
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
        for (path, facts) in listing.iter().filter(|(path, _)| settled.contains(path)) {
            let recording = Recording::found(path.clone(), folder);
            let known = journal.knows(below(path, folder));
            if handle(&recording, known, files, session)? == Handled::Over {
                journal.record(below(path, folder), *facts).map_err(unwritable)?;
            } else {
                sleep(RETRY);
            }
        }
        let waiting = listing.len() > settled.len() || !settled.is_empty();
        wait(&changes, if waiting { SOON.min(SETTLE) } else { SELDOM });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handled {
    /// Transcribed, or told why not.
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

/// Until something happens, at least [`SOON`] so that many changes are one, and for `limit` at most.
fn wait(changes: &Receiver<()>, limit: Duration) {
    if changes.recv_timeout(limit).is_ok() {
        sleep(SOON.min(limit));
    }
    while changes.try_recv().is_ok() {}
}
