//! `--watch`: transcribes what appears in a folder, until it is interrupted.

mod changes;
mod facts;
mod journal;
mod later;
mod settling;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::inputs::{Choice, in_folder, warn};
use super::output::Files;
use super::recording::Recording;
use super::session::{Outcome, Session};
use crate::cli::failure::Failure;
use crate::cli::stderr;
use changes::{Changes, SOON, Wake};
use facts::Facts;
use journal::Journal;
use later::Later;
use settling::Settling;

/// How soon a folder is looked at again without a notification: network file systems send none.
const SELDOM: Duration = Duration::from_secs(10);
/// After a failure that no recording caused, such as an unreachable server.
const RETRY: Duration = Duration::from_secs(10);

/// # Errors
/// The folder cannot be read at first, or its journal not be written.
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
    in_folder(folder, choice, &mut |_, _| {}).map_err(unreadable)?;
    let mut journal = Journal::open(journal_folder).map_err(unwritable)?;
    let changes = Changes::of(folder, choice.depth, session.transcriber.interrupts());
    stderr::print_line(&format!("watching {}", folder.display()));
    let (mut settling, mut later) = (Settling::default(), Later::default());
    let mut skipped = HashSet::new();
    loop {
        let mut still_skipped = HashSet::new();
        let mut skip = |path: &Path, error: &io::Error| {
            // Once, not at each look.
            if !skipped.contains(path) {
                warn(path, error);
            }
            still_skipped.insert(path.to_owned());
        };
        // Also the folder itself may come back: it is on a network or a disk that is not there for a while.
        let recordings = in_folder(folder, choice, &mut skip).unwrap_or_else(|error| {
            skip(folder, &error);
            Vec::new()
        });
        skipped = still_skipped;
        let listing: Vec<(PathBuf, Facts)> = recordings
            .iter()
            .filter_map(|recording| Some((recording.file()?.to_owned(), Facts::of(recording.file()?).ok()?)))
            .filter(|(path, facts)| !journal.has(below(path, folder), *facts))
            .collect();
        let now = Instant::now();
        let settled = settling.settled(now, &listing);
        let due: Vec<_> = listing.iter().filter(|(path, facts)| !later.holds(now, path, *facts)).collect();
        let mut next = if due.is_empty() { SELDOM } else { SOON };
        for (path, facts) in due.into_iter().filter(|(path, _)| settled.contains(path)) {
            let recording = Recording::found(path.clone(), folder);
            let known = journal.has_file(below(path, folder));
            match handle(&recording, known, files, session)? {
                Handled::Over => {
                    later.forget(path);
                    journal.record(below(path, folder), *facts).map_err(unwritable)?;
                }
                Handled::Later => {
                    let secs = later.put_off(Instant::now(), path, *facts).as_secs();
                    stderr::print_line(&format!("trying {} again in {secs} s", recording.shown()));
                }
                Handled::AllLater => {
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
    /// Transcribed, or reported as failed for good.
    Over,
    /// The others may do.
    Later,
    AllLater,
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
        Ok(Outcome::Transcribed | Outcome::Failed) => Ok(Handled::Over),
        Ok(Outcome::Later) => Ok(Handled::Later),
        Err(failure @ (Failure::Interrupted | Failure::Stdout(_) | Failure::StdoutClosed)) => Err(failure),
        Err(failure) => {
            stderr::print_line(&format!("error: {}: {failure}; trying again", recording.shown()));
            Ok(Handled::AllLater)
        }
    }
}

fn below<'a>(path: &'a Path, folder: &Path) -> &'a Path {
    path.strip_prefix(folder).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;
    use crate::cli::progress::{Meter, ProgressMode};
    use crate::cli::transcribe::args::TranscribeArgs;
    use crate::cli::transcribe::output::Output;
    use crate::cli::transcribe::transcriber::{Interrupts, Stop, Transcriber};

    /// Returns these, one after the other.
    struct Scripted(Vec<Result<Vec<String>, Stop>>);

    impl Transcriber for Scripted {
        fn transcribe(&mut self, _: &Recording, _: &Meter) -> Result<Vec<String>, Stop> {
            self.0.remove(0)
        }

        fn interrupts(&self) -> Interrupts {
            Interrupts::End
        }
    }

    #[test]
    fn a_passing_failure_is_not_the_end_of_a_recording() {
        let dir = tempfile::tempdir().unwrap();
        let words = ["verbatim".into(), "--watch".into(), dir.path().to_owned().into_os_string()];
        let matches = TranscribeArgs::augment_args(Command::new("verbatim")).get_matches_from(words);
        let args = TranscribeArgs::from_arg_matches(&matches).unwrap();
        let output = Output::new(&args, &[]).unwrap();
        let Output::Files(files) = &output else { panic!("a watch writes files") };
        let scripted = Scripted(vec![
            Err(Stop::Later("the engine was killed".into())),
            Err(Stop::File("it is noise".into())),
            Err(Stop::All(Failure::Server("not there".into()))),
            Ok(vec!["One two three.".into()]),
        ]);
        let meter = Meter::new(ProgressMode::None);
        let mut session = Session { transcriber: Box::new(scripted), output: &output, meter };
        let recording = Recording::found(dir.path().join("a.wav"), dir.path());
        let ends: Vec<_> = (0..4).map(|_| handle(&recording, false, files, &mut session).unwrap()).collect();
        assert_eq!(ends, [Handled::Later, Handled::Over, Handled::AllLater, Handled::Over]);
    }
}
