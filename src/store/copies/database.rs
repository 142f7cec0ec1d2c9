//! Copying a database, with what its write-ahead log holds.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use thiserror::Error;

use crate::store::directory;

#[derive(Debug, Error)]
pub(super) enum DatabaseError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// As it is at one moment. The copy is one file, its owner's alone.
pub(super) async fn copy_database(source: &SqliteConnectOptions, copy: &Path) -> Result<(), DatabaseError> {
    // SQLite fills an empty file.
    directory::private(File::options().create_new(true).write(true)).open(copy)?;
    let target = copy
        .to_str()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the folder's name is not UTF-8"))?;
    let mut source = source.connect().await?;
    sqlx::query("VACUUM INTO $1").bind(target).execute(&mut source).await?;
    Ok(source.close().await?)
}
