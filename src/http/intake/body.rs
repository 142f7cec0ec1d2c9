//! The parts of a multipart form, read in bounded memory.

use actix_multipart::{Field, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::{Charset, ExtendedValue};
use actors::ports::{BlobStore, BlobWriter};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};

use super::disk_room::RESERVE_BYTES;
use super::upload_pace::too_slow;
use crate::error::AppError;

/// The most that an option's value may take.
const LARGEST_OPTION: usize = 64 * 1024;
/// The most that all options of a form may take, each with its name: lists come as one part for each item.
pub(super) const LARGEST_OPTIONS: usize = 256 * 1024;

/// Bytes between two looks at what the disk has left.
const LOOK_EVERY: u64 = 16 << 20;

pub(super) fn bad_form(error: MultipartError) -> AppError {
    if let MultipartError::Payload(stopped) = &error
        && let Some(slow) = too_slow(stopped)
    {
        return AppError::UploadTooSlow(slow.to_string());
    }
    AppError::InvalidBody(format!("send multipart/form-data with the recording as a part: {error}"))
}

/// A body that did not arrive whole.
pub(super) fn cut_short(error: PayloadError) -> AppError {
    match too_slow(&error) {
        Some(slow) => AppError::UploadTooSlow(slow.to_string()),
        None => AppError::InvalidBody(format!("the body was cut short: {error}")),
    }
}

/// All of a body; `None` if it has more than `most` bytes.
pub(super) async fn all_of(
    mut body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    most: usize,
) -> Result<Option<BytesMut>, PayloadError> {
    let mut read = BytesMut::new();
    while let Some(more) = body.try_next().await? {
        if read.len() + more.len() > most {
            return Ok(None);
        }
        read.extend_from_slice(&more);
    }
    Ok(Some(read))
}

/// The value of an option. `left` is what the form's options may still take: [`LARGEST_OPTIONS`] at first.
pub(super) async fn text_of(mut part: Field, name: &str, left: &mut usize) -> Result<String, AppError> {
    let mut bytes = Vec::new();
    while let Some(more) = part.try_next().await.map_err(bad_form)? {
        if bytes.len() + more.len() > LARGEST_OPTION {
            return Err(AppError::InvalidBody(format!("{name} is longer than {LARGEST_OPTION} bytes")));
        }
        bytes.extend_from_slice(&more);
    }
    let taken = bytes.len() + name.len();
    *left = left.checked_sub(taken).ok_or_else(|| {
        AppError::InvalidBody(format!("the form's options are longer than {LARGEST_OPTIONS} bytes together"))
    })?;
    String::from_utf8(bytes).map_err(|_| AppError::InvalidBody(format!("{name} is not UTF-8 text")))
}

fn is_utf8(name: &ExtendedValue) -> bool {
    name.charset == Charset::Ext("UTF-8".to_owned()) || name.charset == Charset::Us_Ascii
}

/// What the client calls the file. Only shown; nothing is judged by it.
pub(super) fn file_name(part: &Field) -> Option<String> {
    let disposition = part.content_disposition()?;
    // `filename*` is for names that `filename` cannot hold.
    let extended = disposition.get_filename_ext().filter(|name| is_utf8(name));
    let name = match extended {
        Some(name) => String::from_utf8_lossy(&name.value).into_owned(),
        None => disposition.get_filename()?.to_owned(),
    };
    clean_name(&name)
}

/// The last part of a path, without what cannot be shown.
pub(super) fn clean_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let clean: String = last.chars().filter(|c| !c.is_control()).take(255).collect();
    (!clean.is_empty()).then_some(clean)
}

/// Where a form has its recording, and what is put before the bytes there so that they are a file that can be decoded.
pub(in crate::http) struct Recording {
    pub part: &'static str,
    pub head: Bytes,
}

impl Recording {
    /// A file as it is.
    pub(in crate::http) fn file(part: &'static str) -> Self {
        Self { part, head: Bytes::new() }
    }
}

/// Streams a part into a new blob, which is left unfinished; when this fails, nothing is left of it.
pub(super) async fn write_file(
    blobs: &dyn BlobStore,
    part: Field,
    recording: &Recording,
    limit: u64,
) -> Result<Box<dyn BlobWriter>, AppError> {
    write(blobs, recording.head.clone(), part.map_err(bad_form), limit).await
}

/// Streams `bytes`, of which at most `limit` may come, into a new blob behind a `head`; it is left unfinished.
pub(super) async fn write(
    blobs: &dyn BlobStore,
    head: Bytes,
    mut bytes: impl Stream<Item = Result<Bytes, AppError>> + Unpin,
    limit: u64,
) -> Result<Box<dyn BlobWriter>, AppError> {
    let mut writer = blobs.create().await?;
    writer.write(head).await?;
    match copy(&mut bytes, blobs, writer.as_mut(), limit).await {
        Ok(()) => Ok(writer),
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}

async fn copy(
    bytes: &mut (impl Stream<Item = Result<Bytes, AppError>> + Unpin),
    blobs: &dyn BlobStore,
    writer: &mut dyn BlobWriter,
    limit: u64,
) -> Result<(), AppError> {
    let (mut received, mut looked_at): (u64, u64) = (0, 0);
    while let Some(more) = bytes.try_next().await? {
        received += more.len() as u64;
        if received > limit {
            return Err(AppError::FileTooLarge { limit });
        }
        // Others take room meanwhile, and not everyone says how much will come.
        if received - looked_at >= LOOK_EVERY {
            looked_at = received;
            if !blobs.has_room(RESERVE_BYTES) {
                return Err(AppError::DiskFull);
            }
        }
        writer.write(more).await?;
    }
    Ok(())
}
