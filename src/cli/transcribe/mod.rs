//! `verbatim transcribe`: here with the service's own engine, or on a server.

mod args;
mod english_only;
mod inputs;
mod local;
mod output;
mod recording;
mod remote;
mod session;
mod spool;
mod transcriber;
mod watch;

pub(super) use args::TranscribeArgs;

use super::connection::Connection;
use super::failure::Failure;
use super::progress::Meter;
use output::Output;
use recording::Recording;
use session::{Outcome, Session};
use transcriber::Transcriber;

/// All recordings are tried, also after failures; each failure is printed when it
/// happens.
pub(super) fn run(args: &TranscribeArgs) -> Result<(), Failure> {
    args.wanted.shape()?;
    args.wanted.selection()?;
    let server = args.server()?;
    let choice = args.choice();
    let recordings = inputs::expand(&args.files, &choice)?;
    let output = Output::new(args, &recordings)?;
    let transcriber: Box<dyn Transcriber> = match server {
        Some(server) => Box::new(remote::Remote::new(Connection::to(server)?, &args.wanted)),
        None => Box::new(local::Local::new(&args.sources(), &args.wanted)?),
    };
    let meter = Meter::new(args.progress);
    output.prepare(&meter);
    let mut session = Session { transcriber, output: &output, meter };
    let done = transcribe(&recordings, &mut session);
    if let (Some(folder), Output::Files(files), Ok(()) | Err(Failure::Reported | Failure::SomeFiles { .. })) =
        (&args.watch, &output, &done)
    {
        watch::run(folder, &choice, files, &mut session)?;
    }
    done
}

/// # Errors
/// Some have no transcript, which was reported.
fn transcribe(recordings: &[Recording], session: &mut Session<'_>) -> Result<(), Failure> {
    session.meter.expect(recordings.len());
    let mut failed = Vec::new();
    for recording in recordings {
        let outcome = session.transcribe(recording).inspect_err(|_| session.meter.clear())?;
        if outcome != Outcome::Transcribed {
            failed.push(recording.name());
        }
    }
    session.meter.clear();
    match (failed.len(), recordings.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::Reported),
        (_, total) => Err(Failure::SomeFiles { failed, total }),
    }
}
