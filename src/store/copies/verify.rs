//! Whether a copy is complete and undamaged.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection};

use super::files::{Copied, recordings as files};
use crate::hex::hex;
use crate::store::blob_place::BlobPlace;
use crate::store::layout::{BLOBS, DATABASE};
use crate::store::open::settings;
use crate::store::sql;

const BLOCK_BYTES: usize = 1 << 20;

/// The recording of a job.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Named {
    #[sqlx(rename = "blob_key")]
    pub(super) key: String,
    #[sqlx(rename = "blob_sha256")]
    pub(super) sha256: String,
    #[sqlx(try_from = "i64")]
    pub(super) bytes: u64,
}

/// The recordings that the jobs of a database have, one for each job.
pub(super) async fn named_recordings(database: &Path) -> Result<Vec<Named>, sqlx::Error> {
    let mut connection = open(database).await?;
    let named = sqlx::query_as(sql::RECORDINGS).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(named)
}

/// Those that lie in the storage folder.
pub(super) fn inside<'a>(place: &BlobPlace, named: &'a [Named]) -> &'a [Named] {
    match place {
        BlobPlace::Own => named,
        BlobPlace::Folder(_) | BlobPlace::Bucket(_) => &[],
    }
}

/// # Errors
/// What is wrong with the copy in `dir`, for a service whose recordings are at `place`.
///
/// # Blocking
/// Reads all of it.
pub(super) async fn verify(dir: &Path, place: &BlobPlace) -> Result<Copied, String> {
    let database = dir.join(DATABASE);
    if !database.is_file() {
        return Err(format!("it has no {DATABASE}"));
    }
    let of_database = |error: sqlx::Error| format!("{DATABASE}: {error}");
    let mut connection = open(&database).await.map_err(of_database)?;
    let checked: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.map_err(of_database)?;
    connection.close().await.map_err(of_database)?;
    if checked != "ok" {
        return Err(format!("{DATABASE}: {checked}"));
    }
    let named = named_recordings(&database).await.map_err(of_database)?;
    let holds_files = || files(&dir.join(BLOBS)).is_ok_and(|files| !files.is_empty());
    if *place != BlobPlace::Own && holds_files() {
        return Err(format!(
            "it holds recordings, but [storage] blobs names {place}: restore it with blobs = \"\""
        ));
    }
    let mut recordings = HashMap::new();
    for one in inside(place, &named) {
        recordings.insert(one.key.as_str(), one);
    }
    for one in recordings.values() {
        let name = format!("{BLOBS}/{}", one.key);
        let (bytes, sha256) = digest(&dir.join(&name)).map_err(|error| format!("{name}: {error}"))?;
        if bytes != one.bytes || sha256 != one.sha256 {
            return Err(format!("{name} is not the recording that was sent: it has another SHA-256"));
        }
    }
    let bytes = recordings.values().map(|one| one.bytes).sum();
    Ok(Copied { jobs: named.len(), recordings: recordings.len(), bytes })
}

async fn open(database: &Path) -> Result<SqliteConnection, sqlx::Error> {
    settings(database).read_only(true).connect().await
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = file.read(&mut block)?;
        let Some(part) = block.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        bytes += read as u64;
    }
    Ok((bytes, hex(&hash.finalize())))
}
