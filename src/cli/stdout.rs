//! Results to stdout, complaints to stderr; neither ever panics, as `println!` would.

use std::io::{self, ErrorKind, Write};

use super::failure::Failure;

/// Writes a result and makes sure that it is out.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::StdoutClosed,
        _ => Failure::Stdout(error),
    })
}

/// Writes one line to stderr.
pub(super) fn complain(line: &str) {
    // There is no other place left to complain that stderr is closed.
    let _: io::Result<()> = writeln!(io::stderr().lock(), "{line}");
}
