//! All that lasts: jobs, segments, events, subscribers and their messages in one database, SQLite's or PostgreSQL's, uploaded
//! recordings as files or in a bucket of an object store.
//!
//! Once a method of [`SqlStore`] returns, its change is on disk: every change is one transaction, written in SQLite
//! with `synchronous=FULL`. [`FileBlobs`] answers after an fsync of the file and of its folder.

mod blob_place;
mod blobs;
mod bucket;
mod copies;
mod db;
mod directory;
mod events;
mod exchange;
mod fault;
mod jobs;
mod layout;
mod lists;
mod locks;
mod objects;
mod open;
mod open_blobs;
mod order;
mod owner;
mod peaks;
mod peers;
mod postgres;
mod queue;
mod recordings;
mod reuse;
mod revisions;
mod rows;
mod search;
mod sql;
mod sql_store;
mod stored_plan;
mod time;
mod webhooks;
mod work;

#[cfg(test)]
pub(crate) mod tests;

pub use blob_place::{BadBlobPlace, BlobPlace};
pub use blobs::FileBlobs;
pub use bucket::BucketConfig;
pub use copies::{
    BackupError, Copied, MigrateError, Migrated, MigratedTable, Replace, RestoreError, backup, migrate,
    restore,
};
pub use open::{StoreOpenError, is_store};
pub use open_blobs::{check_bucket, check_is_shared, open_blobs};
pub use postgres::{Sharing, check_postgres};
pub use recordings::{Blobs, OpenBlobsError, UPLOADS_OF_OTHERS};
pub use sql_store::SqlStore;
pub use time::{Clock, system_clock};
