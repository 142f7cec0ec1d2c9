//! Which recordings of a watched folder were done, over restarts.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::facts::Facts;

/// Its name, in the folder of the transcripts.
pub(super) const NAME: &str = ".verbatim-watch";

/// A line of JSON for each recording; later ones count.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    done: HashMap<PathBuf, Facts>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Below the watched folder.
    file: PathBuf,
    #[serde(flatten)]
    facts: Facts,
}

impl Journal {
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        let done = match File::open(&path) {
            Ok(file) => read(file)?,
            Err(error) if error.kind() == ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(error),
        };
        let file = File::options().create(true).append(true).open(&path)?;
        Ok(Self { file, done })
    }

    /// Whether this very state of a recording is done.
    pub(super) fn has(&self, file: &Path, facts: Facts) -> bool {
        self.done.get(file) == Some(&facts)
    }

    /// Whether any state of a recording is done.
    pub(super) fn has_file(&self, file: &Path) -> bool {
        self.done.contains_key(file)
    }

    pub(super) fn record(&mut self, file: &Path, facts: Facts) -> io::Result<()> {
        let line = serde_json::to_string(&Line { file: file.to_owned(), facts })?;
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.done.insert(file.to_owned(), facts);
        Ok(())
    }
}

/// A line that was cut short is passed over: its recording is done once more, or its transcript is found.
fn read(file: File) -> io::Result<HashMap<PathBuf, Facts>> {
    let mut done = HashMap::new();
    for line in BufReader::new(file).lines() {
        if let Ok(Line { file, facts }) = serde_json::from_str(&line?) {
            done.insert(file, facts);
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_done_is_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (Facts { bytes: 1, modified_ms: 2 }, Facts { bytes: 2, modified_ms: 2 });
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.record(Path::new("a.wav"), first).unwrap();
        journal.record(Path::new("a.wav"), second).unwrap();
        let whole = fs::read_to_string(dir.path().join(NAME)).unwrap();
        fs::write(dir.path().join(NAME), format!("{whole}{{\"file\":\"b.wa")).unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        assert!(journal.has(Path::new("a.wav"), second) && !journal.has(Path::new("a.wav"), first));
        assert!(journal.has_file(Path::new("a.wav")) && !journal.has_file(Path::new("b.wav")));
    }
}
