//! Who may decode a recording for its loudness.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Lets one recording be decoded for its loudness at a time: jobs need the processors.
#[derive(Debug, Default)]
pub struct Waveforms(Arc<Mutex<()>>);

impl Waveforms {
    /// Waits until no other request decodes. Dropped, the next one may.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        self.0.clone().lock_owned().await
    }
}
