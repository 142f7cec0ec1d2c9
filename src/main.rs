//! The program `verbatim`: the service and its command line.

use std::process::ExitCode;

use verbatim::cli::Cli;

fn main() -> ExitCode {
    match Cli::of_process() {
        Ok(cli) => cli.run(),
        Err(shown) => shown.print(),
    }
}
