//! Recordings: as they came, on other servers, and as input of the engine.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{BoxStream, LocalBoxStream};
use thiserror::Error;

use super::engine::CancelToken;
use super::jobs::StoreError;
use crate::domain::audio::{Decoder, Plan, Span, secs};
use crate::domain::jobs::job::{Audio, BlobKey};
use crate::domain::jobs::selection::Selection;
use crate::domain::peaks::Peaks;

/// Uploaded files, as they came.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Starts a new blob. Nothing is kept unless [`BlobWriter::finish`] is called.
    async fn create(&self) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Whether so many bytes more fit on this machine's disk, as far as is known now.
    fn has_room(&self, bytes: u64) -> bool;

    /// What is stored, and what the disk has room for.
    fn usage(&self) -> StorageUsage;

    /// The bytes of a blob in `range`, in order; `None` where there is no such blob. A range that does not lie within it
    /// is an error.
    async fn read(&self, key: &BlobKey, range: Range<u64>) -> Result<Option<BlobBytes>, StoreError>;

    /// Another blob of the same bytes, which goes by itself; `None` where there is no such blob.
    async fn copy(&self, key: &BlobKey) -> Result<Option<BlobKey>, StoreError>;

    /// Removes a blob; a missing one is not an error.
    async fn delete(&self, key: &BlobKey) -> Result<(), StoreError>;
}

/// A blob, or a part of it, piece by piece. Can be read to its end even if the blob is removed meanwhile.
pub type BlobBytes = BoxStream<'static, Result<Bytes, StoreError>>;

#[async_trait]
pub trait BlobWriter: Send {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// When this returns the blob lasts: on disk, fsynced, its folder too, or taken by the storage that keeps it.
    async fn finish(self: Box<Self>) -> Result<StoredBlob, StoreError>;

    /// Removes what was written so far.
    async fn abort(self: Box<Self>);
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    pub key: BlobKey,
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

impl From<&Audio> for StoredBlob {
    fn from(audio: &Audio) -> Self {
        Self { key: audio.blob.clone(), bytes: audio.bytes, sha256: audio.sha256.clone() }
    }
}

/// Blobs as files of this machine, for programs and libraries that read files.
pub trait BlobFiles: fmt::Debug + Send + Sync + 'static {
    /// A file with the blob's bytes. It is there for as long as the result, or a clone of it, is held.
    ///
    /// # Errors
    /// [`AudioError::Io`] where there is no such blob, or other bytes than were stored. [`AudioError::Unreachable`] and
    /// [`AudioError::Cancelled`] as `away` says.
    ///
    /// # Blocking
    /// Until the file is complete.
    fn file(&self, blob: &StoredBlob, away: WhileAway<'_>) -> Result<BlobFile, AudioError>;
}

/// A blob's file.
pub type BlobFile = Arc<dyn AsRef<Path> + Send + Sync>;

/// What to do while the storage does not answer, or this machine's disk is full.
#[derive(Debug, Clone, Copy)]
pub enum WhileAway<'a> {
    /// Fail with [`AudioError::Unreachable`].
    Fail,
    /// Try again until it is cancelled.
    Wait(&'a CancelToken),
}

/// What blobs take, and the disk of the storage folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageUsage {
    pub used_bytes: u64,
    /// Of the file system, for this service's user.
    pub free_bytes: u64,
    pub size_bytes: u64,
}

/// Recordings on other servers.
#[async_trait(?Send)]
pub trait Sources: Send + Sync + 'static {
    /// Begins to fetch what is at a URL: it and wherever it leads are judged before anything is connected to. There is no
    /// time limit but that of connecting, and none of size.
    async fn open(&self, url: &str) -> Result<Download, SourceError>;
}

/// A recording that is being fetched.
pub struct Download {
    /// What it is called where it comes from.
    pub name: Option<String>,
    /// How long it is said to be.
    pub bytes: Option<u64>,
    /// Ends with an error where it was cut short.
    pub body: LocalBoxStream<'static, io::Result<Bytes>>,
}

/// Why nothing can be fetched. Messages are for the client that sent the URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// Not a usable URL.
    #[error("{0}")]
    Invalid(String),
    /// It leads to an address that must not be connected to.
    #[error("{0}")]
    Forbidden(String),
    #[error("answered with status {status}")]
    Answered { status: u16 },
    #[error("does not declare the length or end of the recording; live streams are not supported")]
    NoEnd,
    #[error("has too many redirects")]
    TooManyRedirects,
    #[error("could not be reached: {0}")]
    Unreachable(String),
}

/// Uploaded recordings as input of the engine. Memory stays bounded whatever their length.
pub trait Recordings: Send + Sync + 'static {
    /// Changes whenever a recording for that decoder may be decoded or cut in another way than before.
    fn version(&self, decoder: Decoder) -> String;

    /// Makes sure that at least one sample of the selected track can be decoded. Whether the selected range begins before
    /// the recording's end is not known yet.
    ///
    /// # Blocking
    /// Reads and decodes the beginning.
    fn probe(&self, blob: &StoredBlob, selection: &Selection) -> Result<(), AudioError>;

    /// Decodes what is selected once and decides where it is cut. Times in the plan are those of the whole recording. `first` is called at most once, as early as possible, with a
    /// plan that has the first chunk and nothing else: for work that need not wait for the rest. The first chunk of the
    /// whole plan is very likely the same one.
    ///
    /// # Blocking
    /// For as long as decoding takes.
    fn plan(
        &self,
        blob: &StoredBlob,
        selection: &Selection,
        cancel: &CancelToken,
        first: &mut dyn FnMut(Plan),
    ) -> Result<Plan, AudioError>;

    /// The samples of the plan's chunks from index `first` on, in order, each when it is asked for. Once `cancel` is set
    /// they end with [`AudioError::Cancelled`].
    ///
    /// # Blocking
    /// Every call of `next` decodes one chunk; the first one all that is before it, too.
    fn chunks(
        &self,
        blob: &StoredBlob,
        plan: &Plan,
        first: usize,
        cancel: &CancelToken,
    ) -> Result<ChunkSamples, AudioError>;

    /// The samples of some spans of a planned recording, all channels mixed, in the order of `spans`.
    ///
    /// # Blocking
    /// Decodes the recording up to the end of the last of them.
    fn spans(
        &self,
        blob: &StoredBlob,
        plan: &Plan,
        spans: &[Span],
        cancel: &CancelToken,
    ) -> Result<Vec<Arc<[f32]>>, AudioError>;

    /// The loudness of all of the selected track, whatever range of it is selected.
    ///
    /// # Blocking
    /// Decodes the recording.
    fn peaks(
        &self,
        blob: &StoredBlob,
        selection: &Selection,
        cancel: &CancelToken,
    ) -> Result<Peaks, AudioError>;

    /// The media type of a recording with these first bytes: `application/octet-stream` of one that is not known.
    fn media_type(&self, head: &[u8]) -> &'static str;
}

/// Chunks of samples, one after the other.
pub type ChunkSamples = Box<dyn Iterator<Item = Result<Arc<[f32]>, AudioError>> + Send>;

/// Finds voices in recordings, in place of the detector that is built into the reading of them.
pub trait VoiceDetector: fmt::Debug + Send + Sync + 'static {
    /// Changes whenever its results may differ from before.
    fn version(&self) -> String;

    /// Begins with a recording. Once `cancel` is set it waits for nothing any more, and fails where it would have to.
    fn listen(&self, cancel: &CancelToken) -> Result<Box<dyn VoiceListener>, AudioError>;
}

/// Detects speech in one recording, from its beginning to its end.
pub trait VoiceListener {
    /// Takes the next samples: 16 kHz mono, within [-1, 1].
    fn push(&mut self, samples: &[f32]) -> Result<(), AudioError>;

    /// The probability of speech in every 256 samples, 0 to 255; the last ones may be fewer.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, AudioError>;
}

/// What is wrong with a recording. Messages are for its owner.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AudioError {
    #[error("{0}")]
    Unsupported(String),
    /// The selected track is not there.
    #[error("{0}")]
    NoSuchTrack(String),
    /// The selected range begins where the recording is over. Both are in samples.
    #[error(
        "start_secs is {}, but the recording ends after {:.3} s: use a smaller start_secs", secs(*start), secs(*end)
    )]
    StartsPastEnd { start: u64, end: u64 },
    #[error("the recording is longer than the {max_secs} s that are allowed: send it in parts")]
    TooLong { max_secs: u64 },
    #[error("the file is empty: send a recording")]
    EmptyFile,
    #[error("the recording holds no audio samples")]
    NoSamples,
    /// Begins well and then cannot be decoded at all.
    #[error("{0}")]
    Corrupt(String),
    #[error("the recording could not be read: {0}")]
    Io(String),
    /// The storage of recordings does not answer: it may do so later.
    #[error("the recording could not be read: {0}")]
    Unreachable(String),
    #[error("cancelled")]
    Cancelled,
}
