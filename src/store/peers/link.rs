//! Who else has the same store.

use super::in_process::InProcessPeer;
use super::wire::Wire;

/// To the others on the same store.
pub(in crate::store) enum Link {
    /// There are none.
    Alone,
    Services(Wire),
    Workers(InProcessPeer),
}
