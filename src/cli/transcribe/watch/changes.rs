//! What wakes the watch of a folder: changes in it, and Ctrl-C.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::cli::stderr;
use crate::cli::transcribe::inputs::Depth;
use crate::cli::transcribe::transcriber::Interrupts;

/// Several changes within this time are one.
pub(super) const SOON: Duration = Duration::from_secs(1);

pub(super) struct Changes {
    received: Receiver<Change>,
    /// Reports changes as long as it is there.
    _watcher: Option<RecommendedWatcher>,
}

enum Change {
    InFolder,
    Interrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    Look,
    Stop,
}

impl Changes {
    /// A folder whose changes the system does not report is looked at all the same, and a warning says so.
    pub(super) fn of(folder: &Path, depth: Depth, interrupts: Interrupts) -> Self {
        let (sender, received) = channel();
        if interrupts == Interrupts::Caught {
            forward_interrupts(sender.clone());
        }
        let watcher = watcher(folder, depth, sender);
        let watcher = watcher.inspect_err(|error| {
            stderr::print_line(&format!("warning: changes of the folder are found late: {error}"));
        });
        Self { received, _watcher: watcher.ok() }
    }

    /// Waits for a change, for `limit` at most.
    ///
    /// # Blocking
    /// For that long.
    pub(super) fn wait(&self, limit: Duration) -> Wake {
        match self.received.recv_timeout(limit) {
            Ok(Change::InFolder) => thread::sleep(SOON.min(limit)),
            Ok(Change::Interrupted) => return Wake::Stop,
            Err(RecvTimeoutError::Timeout) => {}
            // Neither changes nor interrupts are reported.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(limit),
        }
        match self.received.try_iter().any(|change| matches!(change, Change::Interrupted)) {
            true => Wake::Stop,
            false => Wake::Look,
        }
    }
}

fn watcher(folder: &Path, depth: Depth, sender: Sender<Change>) -> notify::Result<RecommendedWatcher> {
    let mode = match depth {
        Depth::Flat => RecursiveMode::NonRecursive,
        Depth::Recursive => RecursiveMode::Recursive,
    };
    let mut watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
        // A closed receiver ends the watch.
        let _ = sender.send(Change::InFolder);
    })?;
    watcher.watch(folder, mode)?;
    Ok(watcher)
}

/// Ends with the process.
fn forward_interrupts(sender: Sender<Change>) {
    let forward = move || {
        let caught = actix_rt::System::new().block_on(actix_rt::signal::ctrl_c());
        if caught.is_ok() {
            // A closed receiver ends the watch.
            let _ = sender.send(Change::Interrupted);
        }
    };
    // Without the thread Ctrl-C takes effect at the next recording.
    let _ = thread::Builder::new().name("interrupts".into()).spawn(forward);
}
