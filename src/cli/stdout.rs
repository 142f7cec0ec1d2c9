//! Results to stdout; never panics, as `println!` would.

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
