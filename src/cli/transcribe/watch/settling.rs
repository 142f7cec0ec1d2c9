//! Which files are whole: those that have not changed for a while.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::facts::Facts;

/// How long a file must not change. Programs that copy or record write more often than that.
const SETTLE: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(super) struct Settling(HashMap<PathBuf, (Facts, Instant)>);

impl Settling {
    /// Takes what there is now and gives what has not changed for [`SETTLE`]. Removed files are forgotten.
    pub(super) fn settled(&mut self, now: Instant, listing: &[(PathBuf, Facts)]) -> Vec<PathBuf> {
        let mut seen = HashMap::new();
        let mut settled = Vec::new();
        for (path, facts) in listing {
            let since = match self.0.get(path) {
                Some((before, since)) if before == facts => *since,
                Some(_) | None => now,
            };
            if now.saturating_duration_since(since) >= SETTLE {
                settled.push(path.clone());
            }
            seen.insert(path.clone(), (*facts, since));
        }
        self.0 = seen;
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grows_is_not_settled() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let file = |bytes| [(PathBuf::from("a.wav"), Facts { bytes, modified_ms: 1 })];
        let mut settling = Settling::default();
        assert!(settling.settled(at(0), &file(1)).is_empty());
        assert!(settling.settled(at(4), &file(2)).is_empty());
        assert!(settling.settled(at(6), &file(2)).is_empty());
        assert_eq!(settling.settled(at(7), &file(2)), [PathBuf::from("a.wav")]);
        assert!(settling.settled(at(8), &[]).is_empty());
        assert!(settling.settled(at(20), &file(2)).is_empty(), "it is a new file");
    }
}
