//! How everyone asks for downloads, and reads how far they are.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::domain::model::lifecycle::Failure;
use crate::domain::model::pulls::{Pull, PullCancelled, PullState, Pulls};
use crate::ports::{ModelShelf, PullStage, PullStep, ShelfModel};

/// Time between two notifications of the followers. The table has the bytes at once.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// The downloads of one service. Each has a thread of its own, and its state is in one table that everyone may read.
#[derive(Clone)]
pub struct PullHandle {
    shelf: Arc<dyn ModelShelf>,
    table: watch::Sender<Pulls>,
}

impl PullHandle {
    pub fn new(shelf: Arc<dyn ModelShelf>) -> Self {
        Self { shelf, table: watch::Sender::new(Pulls::default()) }
    }

    /// The catalogue, and every other model in the folder.
    ///
    /// # Blocking
    /// Reads the folder and the headers of the models in it.
    pub fn models(&self) -> Vec<ShelfModel> {
        self.shelf.list()
    }

    pub fn list(&self) -> Vec<Pull> {
        self.table.borrow().list().to_vec()
    }

    pub fn find(&self, name: &str) -> Option<Pull> {
        self.table.borrow().find(name).cloned()
    }

    /// Whether the model is being downloaded.
    pub fn is_pulling(&self, name: &str) -> bool {
        self.find(name).is_some_and(|pull| !pull.state.has_ended())
    }

    pub fn watch(&self) -> watch::Receiver<Pulls> {
        self.table.subscribe()
    }

    /// Starts a download, or returns the one of the same model that is under way. `None` for a model that is not in the
    /// catalogue.
    pub fn ask(&self, name: &str) -> Option<Pull> {
        let total_bytes = self.shelf.find(name)?;
        let mut asked = None;
        self.table.send_modify(|pulls| asked = Some(pulls.ask(name, Some(total_bytes))));
        self.begin();
        asked
    }

    /// Cancels a running download, or removes an ended one from the list. `None` if no download has the name.
    pub fn cancel(&self, name: &str) -> Option<PullCancelled> {
        let mut cancelled = None;
        self.table.send_modify(|pulls| cancelled = pulls.cancel(name));
        if let Some(PullCancelled::Now(_)) = &cancelled {
            info!(model = name, "download cancelled");
        }
        cancelled
    }

    /// No download continues after this. Bytes that are here stay for the next start.
    pub fn stop(&self) {
        self.table.send_modify(Pulls::stop);
    }

    /// Starts those that may begin.
    fn begin(&self) {
        loop {
            let mut next = None;
            self.table.send_if_modified(|pulls| {
                next = pulls.begin();
                false
            });
            let Some(pull) = next else { return };
            let (this, run) = (self.clone(), pull.run);
            let spawned = thread::Builder::new().name("pull".into()).spawn(move || this.run(&pull));
            if let Err(error) = spawned {
                self.end(run, Err(Failure { code: "pull_failed", message: format!("no thread: {error}") }));
            }
        }
    }

    /// A download from its beginning to its end, on its own thread.
    fn run(&self, pull: &Pull) {
        let Pull { name, run, .. } = pull;
        info!(model = name, "download started");
        let mut last = None::<(PullStage, Instant)>;
        let mut progress = |step: PullStep| {
            let is_due =
                |(stage, at): (PullStage, Instant)| stage != step.stage || at.elapsed() >= TELL_EVERY;
            let is_shown = last.is_none_or(is_due);
            if is_shown {
                last = Some((step.stage, Instant::now()));
            }
            self.advance(*run, step, is_shown);
        };
        let keep_going = || self.table.borrow().has_purpose(*run);
        let pulled = AssertUnwindSafe(|| self.shelf.pull(name, &keep_going, &mut progress));
        let outcome = catch_unwind(pulled).unwrap_or_else(|_| {
            error!(model = name, "a download ended by a panic");
            Err(Failure { code: "pull_failed", message: "a bug ended it; the log has the panic".into() })
        });
        match &outcome {
            Ok(()) => info!(model = name, "model downloaded"),
            Err(failure) if keep_going() => warn!(model = name, error = failure.message, "download failed"),
            Err(_) => {}
        }
        self.end(*run, outcome);
    }

    fn advance(&self, run: u64, step: PullStep, is_shown: bool) {
        let state = match step.stage {
            PullStage::Pulling => PullState::Pulling,
            PullStage::Verifying => PullState::Verifying,
        };
        self.table.send_if_modified(|pulls| {
            let is_news = pulls.advance(run, state, step.bytes, step.total_bytes);
            is_news && is_shown
        });
    }

    fn end(&self, run: u64, outcome: Result<(), Failure>) {
        self.table.send_modify(|pulls| pulls.end(run, outcome));
        self.begin();
    }
}
