//! All that lasts: jobs, segments, events, subscribers and their messages in one SQLite database, uploaded
//! recordings as files beside it.
//!
//! What a method of [`SqliteStore`] answered is on disk: every change is one transaction, written
//! with `synchronous=FULL`. [`FileBlobs`] answers after an fsync of the file and of its folder.

mod blobs;
mod deliveries;
mod directory;
mod events;
mod fault;
mod jobs;
mod moments;
mod open;
mod order;
mod outbox;
mod queue;
mod reuse;
mod rows;
mod sent_rows;
mod sql;
mod sqlite;
mod stored_plan;
mod subscribers;
mod work;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod random_walk;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod webhook_conformance;

pub use blobs::{FileBlobs, OpenBlobsError};
pub use open::{BackupError, StoreOpenError, backup};
pub use sqlite::{Clock, SqliteStore, system_clock};
