//! Copies of a storage folder: made beside a running service, checked, put back; and of its database to PostgreSQL.

mod backup;
mod database;
mod files;
mod migrate;
mod restore;
mod tables;
#[cfg(test)]
mod tests;
mod verify;

pub use backup::{BackupError, backup};
pub use files::Copied;
pub(super) use files::recordings;
pub use migrate::{MigrateError, Migrated, MigratedTable, migrate};
pub use restore::{Replace, RestoreError, restore};
