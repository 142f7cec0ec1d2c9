//! Downloads of models: which there are, which of them run, and what came of them.

use super::lifecycle::Failure;

/// Downloads that run at the same time. Others wait for their turn.
pub const AT_ONCE: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullState {
    /// It runs, or waits for its turn.
    Pulling,
    /// Its checksum is being computed.
    Verifying,
    Done,
    Failed(Failure),
    Cancelled,
}

impl PullState {
    pub const NAMES: [&str; 5] = ["pulling", "verifying", "done", "failed", "cancelled"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::Pulling => "pulling",
            Self::Verifying => "verifying",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn has_ended(&self) -> bool {
        match self {
            Self::Pulling | Self::Verifying => false,
            Self::Done | Self::Failed(_) | Self::Cancelled => true,
        }
    }
}

/// A download of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub name: String,
    pub state: PullState,
    /// Bytes that are here.
    pub bytes: u64,
    pub total_bytes: Option<u64>,
    /// Its number among all that were asked for, from 1.
    pub run: u64,
    /// Of its last change, among the changes of all downloads.
    pub version: u64,
}

/// All downloads since the start: of each model the last one.
#[derive(Debug, Clone, Default)]
pub struct Pulls {
    /// In the order in which they were asked for.
    pulls: Vec<Pull>,
    /// Those that have a thread, by name and run. A cancelled one may still have it.
    running: Vec<(String, u64)>,
    runs: u64,
    version: u64,
    is_stopped: bool,
}

/// What asking for the end of a download does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullCancelled {
    /// It is cancelled now.
    Now(Pull),
    /// It had ended before and is no longer listed.
    Removed,
}

impl Pulls {
    pub fn list(&self) -> &[Pull] {
        &self.pulls
    }

    pub fn find(&self, name: &str) -> Option<&Pull> {
        self.pulls.iter().find(|pull| pull.name == name)
    }

    /// Of the last change.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Asks for a model. A download of it that has not ended is the answer.
    pub fn ask(&mut self, name: &str, total_bytes: Option<u64>) -> Pull {
        if let Some(pull) = self.find(name).filter(|pull| !pull.state.has_ended()) {
            return pull.clone();
        }
        self.pulls.retain(|pull| pull.name != name);
        self.runs += 1;
        self.version += 1;
        let (run, version) = (self.runs, self.version);
        let pull =
            Pull { name: name.to_owned(), state: PullState::Pulling, bytes: 0, total_bytes, run, version };
        self.pulls.push(pull.clone());
        pull
    }

    /// The next download that may begin: it counts as running from here on.
    pub fn begin(&mut self) -> Option<Pull> {
        if self.is_stopped || self.running.len() >= AT_ONCE {
            return None;
        }
        let is_free = |pull: &&Pull| self.running.iter().all(|(name, _)| *name != pull.name);
        let next = self.pulls.iter().filter(|pull| !pull.state.has_ended()).find(is_free)?.clone();
        self.running.push((next.name.clone(), next.run));
        Some(next)
    }

    /// Whether a download still has a purpose.
    pub fn has_purpose(&self, run: u64) -> bool {
        !self.is_stopped && self.pulls.iter().any(|pull| pull.run == run && !pull.state.has_ended())
    }

    /// Returns whether that is news.
    pub fn advance(&mut self, run: u64, state: PullState, bytes: u64, total_bytes: Option<u64>) -> bool {
        let Some(pull) = self.pulls.iter_mut().find(|pull| pull.run == run) else { return false };
        let is_news = (&pull.state, pull.bytes, pull.total_bytes) != (&state, bytes, total_bytes);
        if pull.state.has_ended() || !is_news {
            return false;
        }
        self.version += 1;
        (pull.state, pull.bytes, pull.total_bytes, pull.version) = (state, bytes, total_bytes, self.version);
        true
    }

    /// A download has given its thread back.
    pub fn end(&mut self, run: u64, outcome: Result<(), Failure>) {
        self.running.retain(|(_, running)| *running != run);
        let Some(pull) = self.pulls.iter().find(|pull| pull.run == run).cloned() else { return };
        // The service is stopping: the next start continues it.
        if self.is_stopped {
            return;
        }
        let (state, bytes) = match outcome {
            Ok(()) => (PullState::Done, pull.total_bytes.unwrap_or(pull.bytes)),
            Err(failure) => (PullState::Failed(failure), pull.bytes),
        };
        self.advance(run, state, bytes, pull.total_bytes);
    }

    pub fn cancel(&mut self, name: &str) -> Option<PullCancelled> {
        let pull = self.find(name)?.clone();
        if pull.state.has_ended() {
            self.pulls.retain(|listed| listed.run != pull.run);
            self.version += 1;
            return Some(PullCancelled::Removed);
        }
        self.advance(pull.run, PullState::Cancelled, pull.bytes, pull.total_bytes);
        self.find(name).cloned().map(PullCancelled::Now)
    }

    /// No download begins after this, and those that run have no purpose any more.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(pulls: &Pulls) -> Vec<(&str, &str)> {
        pulls.list().iter().map(|pull| (pull.name.as_str(), pull.state.name())).collect()
    }

    fn broken() -> Failure {
        Failure { code: "pull_failed", message: "no".into() }
    }

    #[test]
    fn a_model_is_downloaded_once_at_a_time() {
        let mut pulls = Pulls::default();
        let first = pulls.ask("base", Some(10));
        assert_eq!(pulls.ask("base", Some(10)), first);
        assert_eq!(pulls.begin().unwrap(), first);
        assert_eq!(pulls.begin(), None);
        pulls.end(first.run, Ok(()));
        assert_eq!(states(&pulls), [("base", "done")]);
        assert_eq!(pulls.find("base").unwrap().bytes, 10);
        assert_ne!(pulls.ask("base", Some(10)).run, first.run);
    }

    #[test]
    fn a_third_download_waits_for_its_turn() {
        let mut pulls = Pulls::default();
        let runs = ["tiny", "base", "small"].map(|name| pulls.ask(name, None).run);
        assert_eq!([pulls.begin(), pulls.begin()].map(|pull| pull.unwrap().name), ["tiny", "base"]);
        assert_eq!(pulls.begin(), None);
        pulls.end(runs[0], Err(broken()));
        assert_eq!(pulls.begin().unwrap().name, "small");
        assert_eq!(states(&pulls), [("tiny", "failed"), ("base", "pulling"), ("small", "pulling")]);
    }

    #[test]
    fn a_cancelled_download_stays_cancelled_whatever_comes_of_it() {
        let mut pulls = Pulls::default();
        let run = pulls.ask("base", None).run;
        pulls.begin();
        assert!(
            matches!(pulls.cancel("base"), Some(PullCancelled::Now(pull)) if pull.state == PullState::Cancelled)
        );
        assert!(!pulls.has_purpose(run));
        assert!(!pulls.advance(run, PullState::Verifying, 1, None));
        pulls.end(run, Ok(()));
        assert_eq!(states(&pulls), [("base", "cancelled")]);
        assert_eq!(pulls.cancel("base"), Some(PullCancelled::Removed));
        assert_eq!(pulls.cancel("base"), None);
    }

    #[test]
    fn a_new_download_waits_for_the_cancelled_one_to_end() {
        let mut pulls = Pulls::default();
        let first = pulls.ask("base", None).run;
        pulls.begin();
        pulls.cancel("base");
        let second = pulls.ask("base", None).run;
        assert_eq!(pulls.begin(), None);
        pulls.end(first, Err(broken()));
        assert_eq!(pulls.begin().unwrap().run, second);
        assert!(pulls.has_purpose(second));
    }

    #[test]
    fn changes_are_numbered_and_the_same_twice_is_none() {
        let mut pulls = Pulls::default();
        let run = pulls.ask("base", None).run;
        assert!(pulls.advance(run, PullState::Pulling, 5, Some(10)));
        assert!(!pulls.advance(run, PullState::Pulling, 5, Some(10)));
        assert_eq!((pulls.version(), pulls.find("base").unwrap().version), (2, 2));
    }

    #[test]
    fn a_stop_keeps_what_runs_from_going_on() {
        let mut pulls = Pulls::default();
        let run = pulls.ask("base", None).run;
        pulls.begin();
        pulls.ask("tiny", None);
        pulls.stop();
        assert!(!pulls.has_purpose(run) && pulls.begin().is_none());
        pulls.end(run, Err(broken()));
        assert_eq!(states(&pulls), [("base", "pulling"), ("tiny", "pulling")]);
    }
}
