//! Failures of one job among several.

use crate::cli::failure::Failure;
use crate::cli::stderr;

/// Whether it failed; a failure is printed and does not stop the others.
///
/// # Errors
/// Nothing more can be printed.
pub(super) fn has_failed(done: Result<(), Failure>) -> Result<bool, Failure> {
    match done {
        Ok(()) => Ok(false),
        Err(closed @ (Failure::StdoutClosed | Failure::Stdout(_))) => Err(closed),
        Err(failure) => {
            stderr::print_line(&format!("error: {failure}"));
            Ok(true)
        }
    }
}
