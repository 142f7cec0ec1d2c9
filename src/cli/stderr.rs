//! Lines to stderr; never panics, as `eprintln!` would.

use std::io::{self, Write};

/// Writes one line to stderr.
pub(super) fn print_line(line: &str) {
    // Nothing is left to report a closed stderr to.
    let _: io::Result<()> = writeln!(io::stderr().lock(), "{line}");
}
