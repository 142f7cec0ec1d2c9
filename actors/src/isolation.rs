//! Which jobs have a chunk in the engine: any number, or a single one that may have crashed it.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Chunks that are in the engine together go down together. One under which it crashed comes back by itself: what
/// happens then is caused by that chunk, and no other job is charged with it.
#[derive(Clone, Default)]
pub(crate) struct Isolation(Arc<RwLock<()>>);

/// Held for as long as a chunk is in the engine.
pub enum InEngine {
    Together { _held: OwnedRwLockReadGuard<()> },
    Alone { _held: OwnedRwLockWriteGuard<()> },
}

impl Isolation {
    /// Waits while a job is alone there, or waits to be.
    pub(crate) async fn enter(&self) -> InEngine {
        InEngine::Together { _held: self.0.clone().read_owned().await }
    }

    /// Waits until no other chunk is in the engine.
    pub(crate) async fn enter_alone(&self) -> InEngine {
        InEngine::Alone { _held: self.0.clone().write_owned().await }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn one_alone_waits_for_the_others_and_they_for_it() {
        let isolation = Isolation::default();
        let enter = || isolation.enter().now_or_never();
        let (first, second) = (enter().unwrap(), enter().unwrap());
        let mut alone = Box::pin(isolation.enter_alone());
        assert!((&mut alone).now_or_never().is_none());
        assert!(enter().is_none(), "a later job waits behind the waiting one");
        drop((first, second));
        let alone = alone.now_or_never().unwrap();
        assert!(enter().is_none());
        drop(alone);
        assert!(enter().is_some());
    }
}
