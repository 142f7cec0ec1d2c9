//! Copies of a storage folder: made beside a running service, checked, put back.

mod backup;
mod database;
mod files;
mod restore;
#[cfg(test)]
mod tests;
mod verify;

pub use backup::{BackupError, backup};
pub use files::Copied;
pub(super) use files::recordings;
pub use restore::{Replace, RestoreError, restore};
