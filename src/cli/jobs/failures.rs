//! Failures of one job among several.

use uuid::Uuid;

use crate::cli::failure::Failure;
use crate::cli::stderr;

/// Does it for each job; a failure is printed and does not stop the others.
///
/// # Errors
/// One failed, or nothing more can be printed.
pub(super) async fn for_each<F: Future<Output = Result<(), Failure>>>(
    ids: &[Uuid],
    mut act: impl FnMut(Uuid) -> F,
) -> Result<(), Failure> {
    let mut failed = false;
    for id in ids {
        failed |= has_failed(act(*id).await)?;
    }
    if failed { Err(Failure::Reported) } else { Ok(()) }
}

/// Whether it failed; a failure is printed.
///
/// # Errors
/// Nothing more can be printed.
fn has_failed(done: Result<(), Failure>) -> Result<bool, Failure> {
    match done {
        Ok(()) => Ok(false),
        Err(closed @ (Failure::StdoutClosed | Failure::Stdout(_))) => Err(closed),
        Err(failure) => {
            stderr::print_line(&format!("error: {failure}"));
            Ok(true)
        }
    }
}
