//! Completions of shells and manual pages, made from the arguments. Packages contain them.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;

use super::failure::Failure;
use super::stdout;

pub(super) fn completions(mut command: Command, shell: Shell) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    stdout::print(&String::from_utf8_lossy(&script))
}

/// Writes `verbatim.1` and a page for each command, such as `verbatim-models-pull.1`. Makes the folder if it is not there.
pub(super) fn man_pages(command: Command, dir: &Path) -> Result<(), Failure> {
    let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir));
    written.map_err(|source| Failure::Unwritable { path: dir.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn a_page_is_written_for_each_command_that_help_shows() {
        let dir = tempfile::tempdir().unwrap();
        let command = Command::new("verbatim")
            .subcommand(Command::new("transcribe").arg(Arg::new("format").long("format")))
            .subcommand(Command::new("engine-worker").hide(true));
        man_pages(command, &dir.path().join("man1")).unwrap();
        let pages = fs::read_dir(dir.path().join("man1")).unwrap();
        let mut pages: Vec<_> = pages.map(|page| page.unwrap().file_name()).collect();
        pages.sort();
        assert_eq!(pages, ["verbatim-transcribe.1", "verbatim.1"]);
        let page = fs::read_to_string(dir.path().join("man1/verbatim-transcribe.1")).unwrap();
        assert!(page.contains("\\-\\-format"), "{page}");
    }
}
