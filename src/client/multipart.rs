//! A recording and fields beside it as `multipart/form-data` (RFC 7578), in constant memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, stream};
use uuid::Uuid;

const BLOCK_BYTES: usize = 64 * 1024;

/// A body that is ready to be sent: what comes before the file, the file, what comes after it.
#[derive(Debug)]
pub(crate) struct Upload {
    boundary: String,
    head: String,
    file: File,
    file_bytes: u64,
    tail: String,
}

impl Upload {
    /// # Errors
    /// The file cannot be opened or is not a file.
    pub(crate) fn open(path: &Path, fields: &[(&str, String)]) -> io::Result<Self> {
        Self::open_as(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(), path, fields)
    }

    /// The same under another name.
    pub(crate) fn open_as(name: &str, path: &Path, fields: &[(&str, String)]) -> io::Result<Self> {
        // Looks before it opens: opening a pipe would block.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let file = File::open(path)?;
        let file_bytes = file.metadata()?.len();
        let boundary = format!("verbatim-{}", Uuid::now_v7().simple());
        let head = fields.iter().map(|(name, value)| field(&boundary, name, value)).collect::<String>()
            + &file_head(&boundary, name);
        let tail = format!("\r\n--{boundary}--\r\n");
        Ok(Self { boundary, head, file, file_bytes, tail })
    }

    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Of the whole body.
    pub(crate) fn bytes(&self) -> u64 {
        self.head.len() as u64 + self.file_bytes + self.tail.len() as u64
    }

    /// The body, block by block; exactly [`Self::bytes`] long or an error. `sent` gets how much of
    /// the file has been taken.
    ///
    /// # Blocking
    /// Reads the file on the thread that polls, which here does nothing else.
    pub(crate) fn into_stream(self, sent: impl Fn(u64)) -> impl Stream<Item = io::Result<Bytes>> {
        let total = self.file_bytes;
        let file = stream::try_unfold((self.file, total), move |(mut file, left)| {
            let block = read_block(&mut file, left);
            let next = block.map(|block| {
                let left = left - block.len() as u64;
                sent(total - left);
                (!block.is_empty()).then_some((block, (file, left)))
            });
            std::future::ready(next)
        });
        let ends = [self.head, self.tail].map(|text| stream::iter([Ok(Bytes::from(text))]));
        let [head, tail] = ends;
        stream::StreamExt::chain(stream::StreamExt::chain(head, file), tail)
    }
}

/// At most `left` bytes; none only when none are left.
fn read_block(file: &mut File, left: u64) -> io::Result<Bytes> {
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    file.by_ref().take(left.min(BLOCK_BYTES as u64)).read_to_end(&mut block)?;
    if block.is_empty() && left > 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file became shorter while it was sent",
        ));
    }
    Ok(block.into())
}

fn field(boundary: &str, name: &str, value: &str) -> String {
    format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file_head(boundary: &str, filename: &str) -> String {
    let filename = quoted(filename);
    format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
}

/// A filename that no parser takes for anything else: what ends the quotes or the line is
/// percent-encoded, as browsers do it, and so is the backslash, which only some parsers take for an
/// escape. Anything else is sent as it is, in UTF-8 (RFC 7578, 4.2 and 5.1).
fn quoted(filename: &str) -> String {
    let mut quoted = String::with_capacity(filename.len());
    for c in filename.chars() {
        match c {
            '"' | '\\' | '\0'..='\x1f' | '\x7f' => quoted.push_str(&format!("%{:02X}", u32::from(c))),
            plain => quoted.push(plain),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::TryStreamExt;

    use super::*;
    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    fn whole(upload: Upload, sent: &Cell<u64>) -> io::Result<Vec<u8>> {
        let blocks: Vec<Bytes> =
            futures_util::FutureExt::now_or_never(upload.into_stream(|bytes| sent.set(bytes)).try_collect())
                .expect("nothing to wait for")?;
        Ok(blocks.concat())
    }

    #[test]
    fn the_body_is_as_long_as_it_says_and_holds_the_file() {
        let bytes: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
        let (_dir, path) = file("talk.wav", &bytes);
        let upload = Upload::open(&path, &[]).unwrap();
        let (length, boundary) = (upload.bytes(), upload.boundary.clone());
        let sent = Cell::new(0);
        let body = whole(upload, &sent).unwrap();
        assert_eq!((body.len() as u64, sent.get()), (length, 200_000));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"talk.wav\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        assert_eq!(body, [head.as_bytes(), &bytes, tail.as_bytes()].concat());
    }

    #[test]
    fn fields_come_before_the_file() {
        let (_dir, path) = file("a.wav", b"audio");
        let fields = [("language", "de".to_owned()), ("prompt", "Grüße".to_owned())];
        let upload = Upload::open(&path, &fields).unwrap();
        let body = String::from_utf8(whole(upload, &Cell::new(0)).unwrap()).unwrap();
        let file = body.find("name=\"file\"").unwrap();
        for part in ["name=\"language\"\r\n\r\nde\r\n", "name=\"prompt\"\r\n\r\nGrüße\r\n"] {
            assert!(body.find(part).is_some_and(|at| at < file), "{part:?} in {body}");
        }
        let plain = Upload::open(&path, &[]).unwrap();
        assert_eq!(plain.head.matches("Content-Disposition").count(), 1);
    }

    #[test]
    fn a_filename_cannot_end_its_quotes_or_its_line() {
        assert_eq!(quoted("a\"; name=\"x\r\n\r\nb\\c"), "a%22; name=%22x%0D%0A%0D%0Ab%5Cc");
        assert_eq!(quoted("Grüße 1.wav"), "Grüße 1.wav");
    }

    #[test]
    fn a_file_may_grow_but_not_shrink_while_it_is_sent() {
        let (_dir, path) = file("a.wav", &[1; 100]);
        let upload = Upload::open(&path, &[]).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
        assert!(whole(upload, &Cell::new(0)).is_err());
        let upload = Upload::open(&path, &[]).unwrap();
        let length = upload.bytes();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1000).unwrap();
        assert_eq!(whole(upload, &Cell::new(0)).unwrap().len() as u64, length);
    }

    #[test]
    fn a_folder_is_no_recording() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Upload::open(dir.path(), &[]).is_err());
    }
}
