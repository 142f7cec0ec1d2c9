//! All that lasts: jobs, segments, events, subscribers and their messages in one SQLite database, uploaded
//! recordings as files beside it.
//!
//! Once a method of [`SqliteStore`] returns, its change is on disk: every change is one transaction, written
//! with `synchronous=FULL`. [`FileBlobs`] answers after an fsync of the file and of its folder.

mod blobs;
mod copies;
mod directory;
mod events;
mod exchange;
mod fault;
mod jobs;
mod layout;
mod lists;
mod moments;
mod open;
mod order;
mod peaks;
mod queue;
mod reuse;
mod revisions;
mod rows;
mod search;
mod sql;
mod sqlite;
mod stored_plan;
mod webhooks;
mod work;

#[cfg(test)]
pub(crate) mod tests;

pub use blobs::{FileBlobs, OpenBlobsError};
pub use copies::{BackupError, Copied, Replace, RestoreError, backup, restore};
pub use open::{StoreOpenError, is_store};
pub use sqlite::{Clock, SqliteStore, system_clock};
