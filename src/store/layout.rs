//! What lies in a storage folder.

pub(super) const DATABASE: &str = "verbatim.db";
/// The folder of the recordings.
pub(super) const BLOBS: &str = "blobs";
