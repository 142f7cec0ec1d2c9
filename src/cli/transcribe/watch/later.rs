//! Which recordings are tried again later, and when: each failure in a row doubles the wait.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::facts::Facts;

const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct Later(HashMap<PathBuf, Put>);

#[derive(Debug)]
struct Put {
    facts: Facts,
    wait: Duration,
    until: Instant,
}

impl Later {
    /// Puts a recording off and says for how long.
    pub(super) fn put_off(&mut self, now: Instant, path: &Path, facts: Facts) -> Duration {
        let before = self.0.get(path).filter(|put| put.facts == facts);
        let wait = before.map_or(FIRST_WAIT, |put| LONGEST_WAIT.min(put.wait * 2));
        self.0.insert(path.to_owned(), Put { facts, wait, until: now + wait });
        wait
    }

    /// Whether this very state of a recording is not to be tried yet.
    pub(super) fn holds(&self, now: Instant, path: &Path, facts: Facts) -> bool {
        self.0.get(path).is_some_and(|put| put.facts == facts && now < put.until)
    }

    pub(super) fn forget(&mut self, path: &Path) {
        self.0.remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_waits_longer_after_each_failure_in_a_row() {
        let (start, path, facts) = (Instant::now(), Path::new("a.wav"), Facts { bytes: 1, modified_ms: 1 });
        let mut later = Later::default();
        assert!(!later.holds(start, path, facts));
        assert_eq!(later.put_off(start, path, facts), Duration::from_secs(10));
        assert!(later.holds(start + Duration::from_secs(9), path, facts));
        assert!(!later.holds(start + Duration::from_secs(10), path, facts));
        assert_eq!(later.put_off(start, path, facts), Duration::from_secs(20));
        let changed = Facts { bytes: 2, ..facts };
        assert!(!later.holds(start, path, changed), "it is another recording");
        assert_eq!(later.put_off(start, path, changed), Duration::from_secs(10));
    }
}
