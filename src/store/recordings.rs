//! What every place of recordings offers, and why one cannot be used.

use std::collections::HashSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::ports::{BlobFiles, BlobStore, StoreError};
use async_trait::async_trait;
use thiserror::Error;

use super::blob_place::BadBlobPlace;

/// How long what has no job, or is not whole, may still be another service's upload.
pub const UPLOADS_OF_OTHERS: Duration = Duration::from_secs(86_400);

/// A place of recordings: they are written, read, and decoded from there.
#[async_trait]
pub trait Blobs: BlobStore + BlobFiles {
    /// Removes blobs that no job needs and that are older than `age`, and says how many: what was uploaded, but whose job was
    /// never taken in, or was removed just before the process ended. For the start, before uploads; other services may be
    /// uploading.
    ///
    /// # Blocking
    /// Of a folder reads all of it before the first await.
    async fn keep_only(&self, needed: &HashSet<String>, age: Duration) -> Result<usize, StoreError>;
}

/// Why recordings cannot be kept in their place. The message is for the operator.
#[derive(Debug, Error)]
pub enum OpenBlobsError {
    #[error(
        "cannot keep recordings in {}: {detail}; give the service's user the right to write there or set another \
         [storage] dir or blobs",
        dir.display()
    )]
    Folder { dir: PathBuf, detail: String },
    #[error("[storage] blobs: {0}")]
    Place(#[from] BadBlobPlace),
    #[error("[storage] blobs: the bucket of {url} does not exist: create it or name another one")]
    NoBucket { url: String },
    #[error(
        "[storage] blobs: there are no credentials for {url} ({detail}): set {variables} in the environment"
    )]
    NoCredentials { url: String, variables: &'static str, detail: String },
    #[error(
        "[storage] blobs: {url} refuses the credentials: give them the right to read, write and list there, or set {variables}"
    )]
    Refused { url: String, variables: &'static str },
    #[error("[storage] blobs: {url} cannot be used: {detail}")]
    Unusable { url: String, detail: String },
    #[error(
        "[storage] blobs is {url}, but {} holds recordings: copy its files to {url} under the same names, then remove the folder",
        dir.display()
    )]
    LeftBehind { url: String, dir: PathBuf },
    #[error(
        "[storage] blobs is {url}, and the recordings of the newest jobs are not there: set it to the place that the other services on \
         the database have, or restore the recordings"
    )]
    OtherPlace { url: String },
}

impl OpenBlobsError {
    pub(super) fn folder(dir: &Path, error: impl Display) -> Self {
        Self::Folder { dir: dir.to_owned(), detail: error.to_string() }
    }
}
