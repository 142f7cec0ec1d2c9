//! From arguments to recordings: files, folders, patterns, URLs, standard input.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::recording::Recording;
use crate::cli::failure::Failure;
use crate::cli::stderr;

/// What is taken of a folder when nothing is said: files that are called like recordings. A file that is named is always taken.
const EXTENSIONS: [&str; 38] = [
    "3gp", "aac", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "au", "avi", "caf", "dts", "eac3",
    "flac", "flv", "m4a", "m4b", "m4v", "mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpeg", "mpg", "oga",
    "ogg", "ogv", "opus", "ra", "tta", "wav", "weba", "webm", "wma", "wmv",
];
/// What is made of recordings, and therefore never one, whatever `--include` says.
const TRANSCRIPTS: [&str; 5] = ["json", "srt", "tsv", "txt", "vtt"];
/// `*.mp3` is meant for `TALK.MP3` as well, and not for what is hidden.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: false,
    require_literal_separator: false,
    require_literal_leading_dot: true,
};

/// Which files of a folder are taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    pub(super) depth: Depth,
    /// Names; none means that the extension decides.
    pub(super) include: Vec<Pattern>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Depth {
    /// Files that lie in the folder itself.
    #[default]
    Flat,
    Recursive,
}

impl Choice {
    fn takes(&self, name: &str) -> bool {
        let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
        let is = |list: &[&str]| {
            extension.is_some_and(|extension| list.iter().any(|one| extension.eq_ignore_ascii_case(one)))
        };
        let wanted = match self.include.as_slice() {
            [] => is(&EXTENSIONS),
            include => include.iter().any(|pattern| pattern.matches_with(name, MATCHING)),
        };
        wanted && !name.starts_with('.') && !is(&TRANSCRIPTS)
    }
}

/// The recordings that the arguments name, each once, those of a folder or pattern in the order of their names.
///
/// # Errors
/// A folder without recordings, a pattern that nothing matches.
///
/// # Blocking
/// Reads folders.
pub(super) fn expand(arguments: &[PathBuf], choice: &Choice) -> Result<Vec<Recording>, Failure> {
    let mut recordings = Vec::new();
    for argument in arguments {
        recordings.extend(of_argument(argument, choice)?);
    }
    let mut seen = HashSet::new();
    recordings.retain(|recording| seen.insert(recording.source.clone()));
    Ok(recordings)
}

fn of_argument(argument: &Path, choice: &Choice) -> Result<Vec<Recording>, Failure> {
    let text = argument.to_str().unwrap_or_default();
    if text == "-" {
        return Ok(vec![Recording::stdin()]);
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(vec![Recording::of_url(text)]);
    }
    if argument.is_dir() {
        let found = in_folder(argument, choice, &mut warn);
        let found = found.map_err(|source| Failure::Unreadable { path: argument.to_owned(), source })?;
        if found.is_empty() {
            return Err(Failure::NoRecordings { folder: argument.to_owned() });
        }
        return Ok(found);
    }
    // A file may be called like a pattern. A missing one is reported when its turn comes.
    if argument.exists() || !text.contains(['*', '?', '[']) {
        return Ok(vec![Recording::of_file(argument.to_owned())]);
    }
    matching(text, choice)
}

/// What a pattern matches, where the shell did not expand it. Folders are taken with what is in them.
fn matching(pattern: &str, choice: &Choice) -> Result<Vec<Recording>, Failure> {
    let bad = |problem: glob::PatternError| Failure::BadPattern {
        pattern: pattern.to_owned(),
        problem: problem.msg,
    };
    let paths: Vec<PathBuf> = glob::glob_with(pattern, MATCHING).map_err(bad)?.flatten().collect();
    if paths.is_empty() {
        return Err(Failure::NoMatch { pattern: pattern.to_owned() });
    }
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(Recording::of_file(path));
        } else if choice.depth == Depth::Recursive {
            let below = in_folder(&path, choice, &mut warn);
            found.extend(below.map_err(|source| Failure::Unreadable { path, source })?);
        }
    }
    Ok(found)
}

/// Gets the folders that are passed over, and why.
pub(super) type OnSkipped<'a> = &'a mut dyn FnMut(&Path, &io::Error);

/// The recordings in a folder, by name. Links to folders are not followed: they may lead in circles.
///
/// # Errors
/// The folder itself cannot be read. One below it is passed over.
pub(super) fn in_folder(
    folder: &Path,
    choice: &Choice,
    on_skipped: OnSkipped<'_>,
) -> io::Result<Vec<Recording>> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    list(folder, choice, &mut files, &mut folders)?;
    list_below(folders, choice, &mut files, on_skipped);
    files.sort();
    Ok(files.into_iter().map(|path| Recording::found(path, folder)).collect())
}

/// Adds what lies in folders and in those below them.
fn list_below(
    mut folders: Vec<PathBuf>,
    choice: &Choice,
    files: &mut Vec<PathBuf>,
    on_skipped: OnSkipped<'_>,
) {
    while let Some(next) = folders.pop() {
        match list(&next, choice, files, &mut folders) {
            // Removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => on_skipped(&next, &error),
            Ok(()) => {}
        }
    }
}

/// Adds what lies in one folder.
fn list(
    folder: &Path,
    choice: &Choice,
    files: &mut Vec<PathBuf>,
    folders: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // An entry without a type was removed meanwhile.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if choice.depth == Depth::Recursive && !name.starts_with('.') {
                folders.push(entry.path());
            }
        } else if choice.takes(name) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

pub(super) fn warn(folder: &Path, error: &io::Error) {
    stderr::print_line(&format!("warning: {} is passed over: {error}", folder.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("more/.hidden")).unwrap();
        for name in
            ["b.wav", "A.MP3", "notes.txt", "cover.jpg", ".c.wav", "more/d.opus", "more/.hidden/e.wav"]
        {
            fs::write(dir.path().join(name), "").unwrap();
        }
        dir
    }

    fn names(dir: &Path, argument: &str, choice: &Choice) -> Vec<String> {
        let found = expand(&[dir.join(argument)], choice).unwrap();
        found.iter().map(|recording| recording.stem.display().to_string()).collect()
    }

    fn choice(depth: Depth, include: &[&str]) -> Choice {
        Choice { depth, include: include.iter().map(|pattern| Pattern::new(pattern).unwrap()).collect() }
    }

    #[test]
    fn a_folder_is_what_looks_like_a_recording_in_it() {
        let dir = folder();
        assert_eq!(names(dir.path(), "", &choice(Depth::Flat, &[])), ["A", "b"]);
        assert_eq!(names(dir.path(), "", &choice(Depth::Recursive, &[])), ["A", "b", "more/d"]);
    }

    /// A name that is too long for the system cannot be read by root either.
    #[test]
    fn only_a_folder_below_may_be_unreadable() {
        let dir = folder();
        let recursive = choice(Depth::Recursive, &[]);
        let unreadable = dir.path().join("x".repeat(300));
        in_folder(&unreadable, &recursive, &mut |_, _| {}).unwrap_err();
        let (mut skipped, mut files) = (Vec::new(), Vec::new());
        let folders = vec![unreadable.clone(), dir.path().join("gone"), dir.path().join("more")];
        list_below(folders, &recursive, &mut files, &mut |path, _| skipped.push(path.to_owned()));
        assert_eq!((files, skipped), (vec![dir.path().join("more/d.opus")], vec![unreadable]));
    }

    #[test]
    fn include_replaces_the_extensions_but_takes_no_transcript() {
        let dir = folder();
        assert_eq!(names(dir.path(), "", &choice(Depth::Flat, &["*.jpg", "b*"])), ["b", "cover"]);
        assert_eq!(names(dir.path(), "", &choice(Depth::Flat, &["*"])), ["A", "b", "cover"]);
    }

    #[test]
    fn a_pattern_that_the_shell_left_is_expanded() {
        let dir = folder();
        assert_eq!(names(dir.path(), "*.mp3", &Choice::default()), ["A"]);
        assert_eq!(names(dir.path(), "**/*.opus", &Choice::default()), ["d"]);
        let nothing = expand(&[dir.path().join("*.ogg")], &Choice::default());
        assert!(matches!(nothing, Err(Failure::NoMatch { .. })));
        fs::create_dir(dir.path().join("empty")).unwrap();
        let nothing = expand(&[dir.path().join("empty")], &choice(Depth::Flat, &[]));
        assert!(matches!(nothing, Err(Failure::NoRecordings { .. })));
    }

    #[test]
    fn everything_is_taken_once() {
        let arguments = ["-", "https://h/a.mp3", "missing.wav", "missing.wav", "-"].map(PathBuf::from);
        let found = expand(&arguments, &Choice::default()).unwrap();
        let shown: Vec<_> = found.iter().map(Recording::shown).collect();
        assert_eq!(shown, ["stdin", "https://h/a.mp3", "missing.wav"]);
    }
}
