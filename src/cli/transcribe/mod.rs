//! `verbatim transcribe`: here with the service's own engine, or on a server.

mod args;
mod local;
mod meter;
mod output;
mod remote;
mod transcriber;

pub(super) use args::TranscribeArgs;

use super::failure::Failure;
use super::stderr;
use meter::Meter;
use output::Output;
use transcriber::{Stop, Transcriber};

/// All recordings are tried, whatever becomes of the ones before; each failure is told when it
/// happens.
pub(super) fn run(args: &TranscribeArgs) -> Result<(), Failure> {
    args.wanted.shape()?;
    args.wanted.selection()?;
    let output = Output::new(args)?;
    let mut transcriber: Box<dyn Transcriber> = match &args.server {
        Some(server) => Box::new(remote::Remote::new(server.clone(), &args.wanted)?),
        None => Box::new(local::Local::new(&args.settings, &args.wanted)?),
    };
    let meter = Meter::new(args.progress);
    let mut failed = 0;
    for file in &args.files {
        meter.begin(file);
        let document = transcriber.transcribe(file, &meter);
        meter.clear();
        match document {
            Ok(document) => output.deliver(file, &document)?,
            Err(Stop::File(reason)) => {
                failed += 1;
                stderr::print_line(&format!("error: {}: {reason}", file.display()));
            }
            Err(Stop::All(failure)) => return Err(failure),
        }
    }
    match (failed, args.files.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::Told),
        (failed, total) => Err(Failure::SomeFiles { failed, total }),
    }
}
