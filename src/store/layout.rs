//! What lies in a storage folder.

pub(super) const DATABASE: &str = "verbatim.db";
/// What [`DATABASE`] is called once its rows are in PostgreSQL.
pub(super) const MIGRATED: &str = "verbatim.db.migrated";
/// The id of the PostgreSQL database that the recordings belong to, where there is one.
pub(super) const DATABASE_ID: &str = "postgres-id";
/// The folder of the recordings.
pub(super) const BLOBS: &str = "blobs";
/// The folder of what this machine has of a bucket: copies, and notes of uploads.
pub(super) const BUCKET: &str = "bucket";
/// Identifies the storage folder where its recordings lie elsewhere.
pub(super) const OWNER: &str = "owner";
