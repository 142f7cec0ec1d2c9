//! Reads numbers from a file of known length and never past its end.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use super::error::Fault;

pub(super) trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// A position in a file. A file that shrinks while it is read ends in an error like any other.
pub(super) struct Reader<'a> {
    inner: Box<dyn Source + 'a>,
    left: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn of_file(file: File, bytes: u64) -> Self {
        Self::new(BufReader::with_capacity(64 << 10, file), bytes)
    }

    pub(super) fn new(source: impl Source + 'a, bytes: u64) -> Self {
        Self { inner: Box::new(source), left: bytes }
    }

    /// Bytes from here to the end of the file.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn array<const N: usize>(&mut self, inside: &str) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, inside)?;
        Ok(bytes)
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8], inside: &str) -> Result<(), Fault> {
        self.take(bytes.len() as u64, inside)?;
        self.inner.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::EndsInside(inside.to_owned()),
            _ => Fault::Io(error),
        })
    }

    pub(super) fn byte(&mut self, inside: &str) -> Result<u8, Fault> {
        self.array::<1>(inside).map(|[byte]| byte)
    }

    pub(super) fn int(&mut self, inside: &str) -> Result<i32, Fault> {
        self.array(inside).map(i32::from_le_bytes)
    }

    pub(super) fn u32(&mut self, inside: &str) -> Result<u32, Fault> {
        self.array(inside).map(u32::from_le_bytes)
    }

    pub(super) fn u16(&mut self, inside: &str) -> Result<u16, Fault> {
        self.array(inside).map(u16::from_le_bytes)
    }

    /// Moves on without reading.
    pub(super) fn skip(&mut self, bytes: u64, inside: &str) -> Result<(), Fault> {
        self.take(bytes, inside)?;
        let Ok(offset) = i64::try_from(bytes) else {
            return Err(Fault::EndsInside(inside.to_owned()));
        };
        self.inner.seek_relative(offset).map_err(Fault::Io)
    }

    fn take(&mut self, bytes: u64, inside: &str) -> Result<(), Fault> {
        let Some(left) = self.left.checked_sub(bytes) else {
            return Err(Fault::EndsInside(inside.to_owned()));
        };
        self.left = left;
        Ok(())
    }
}
