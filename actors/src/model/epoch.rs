//! What makes a blocking load give up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::event::UnloadReason;

/// Counts the unloads that were asked for, with the reason of the last one. A load is asked for under an epoch, and
/// gives up as soon as that is over.
///
/// What belongs to an epoch is put into the model's mailbox while the epoch stands still: a load that came after an
/// unload is never ahead of it there, where it would hold up the unload and nothing would interrupt it any more.
#[derive(Clone)]
pub(super) struct LoadEpoch(Arc<Mutex<(u64, UnloadReason)>>);

impl Default for LoadEpoch {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((0, UnloadReason::Request))))
    }
}

impl LoadEpoch {
    /// Begins a new epoch, with `queue` as its first command. After [`UnloadReason::Shutdown`] no load is of any.
    pub(super) fn interrupt(&self, reason: UnloadReason, queue: impl FnOnce()) {
        let mut present = self.present();
        let is_last = present.1 == UnloadReason::Shutdown;
        *present = (present.0 + 1, if is_last { UnloadReason::Shutdown } else { reason });
        queue();
    }

    /// Calls `queue` with the present epoch, which lasts until it returns. Not once the service stops: a caller then
    /// would have the model loaded for the end of the process.
    pub(super) fn within(&self, queue: impl FnOnce(u64)) {
        let present = self.present();
        if present.1 != UnloadReason::Shutdown {
            queue(present.0);
        }
    }

    pub(super) fn current(&self) -> u64 {
        self.present().0
    }

    pub(super) fn reason(&self) -> UnloadReason {
        self.present().1
    }

    fn present(&self) -> MutexGuard<'_, (u64, UnloadReason)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn no_load_is_ahead_of_the_unload_that_it_came_after() {
        const TIMES: u64 = 20_000;
        let (epoch, mailbox) = (LoadEpoch::default(), Mutex::new(vec![]));
        let put = |command: (&'static str, u64)| mailbox.lock().unwrap().push(command);
        thread::scope(|scope| {
            scope.spawn(|| {
                for unloads in 1..=TIMES {
                    epoch.interrupt(UnloadReason::Request, || put(("unload", unloads)));
                }
            });
            scope.spawn(|| {
                for _ in 0..TIMES {
                    epoch.within(|present| put(("load", present)));
                }
            });
        });
        let mut present = 0;
        for (command, epoch) in mailbox.into_inner().unwrap() {
            match command {
                "unload" => present = epoch,
                _ => assert_eq!(epoch, present, "a load at the wrong place"),
            }
        }
        assert_eq!(present, TIMES);
    }
}
