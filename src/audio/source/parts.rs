//! The recordings in a file: mostly one, but files that were joined end to end have several, each with a header of its own.
//! And headers that lie about their lengths, as programs write them that do not go back to the beginning.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use memchr::memmem::Finder;
use symphonia::core::io::MediaSource;

/// Parts that are looked for at most.
const MOST_PARTS: usize = 1000;
/// Boxes, chunks or elements of one part that are looked at.
const MOST_STEPS: usize = 100_000;
/// Fewer bytes than this behind the data of a file are padding, not more of the recording.
const LEAST_REST: u64 = 4096;
/// Data of this length or more was declared before anyone knew how long it would be.
const NO_LENGTH: u32 = 0x7FFF_0000;
/// Bytes that are searched at a time.
const SEARCHED_BYTES: usize = 1 << 20;
const MATROSKA_START: [u8; 4] = [0x1A, 0x45, 0xDF, 0xA3];
/// The header of a Matroska is shorter.
const HEADER_BYTES: u64 = 64;
const FLAC_START: [u8; 8] = *b"fLaC\0\0\0\x22";

/// One recording of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Bytes of the file.
    start: u64,
    end: u64,
    /// What stands in its header instead of what is written there, by its place in the part.
    corrected: Vec<(u64, [u8; 4])>,
}

/// The recordings of a file in order, at least one.
///
/// # Blocking
/// Reads the headers, and of a FLAC, or a Matroska of unknown length, all of the file.
pub fn of_file(path: &Path) -> io::Result<Vec<Part>> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let mut parts = Vec::new();
    let mut start = 0;
    while start < end && parts.len() < MOST_PARTS {
        let part = next(&mut file, start, end).unwrap_or(Part { start, end, corrected: Vec::new() });
        start = part.end;
        parts.push(part);
    }
    if parts.is_empty() {
        parts.push(Part { start: 0, end, corrected: Vec::new() });
    }
    Ok(parts)
}

/// The part that begins at `start`; an error where its headers cannot be read.
fn next(file: &mut File, start: u64, end: u64) -> io::Result<Part> {
    let head: [u8; 12] = read_at(file, start)?;
    let [a, b, c, d, kind @ ..] = head;
    match ([a, b, c, d], kind.first_chunk::<4>()) {
        ([b'R', b'I', b'F', b'F'], _) if kind.ends_with(b"WAVE") => wave(file, start, end),
        (_, Some(b"ftyp")) => Ok(plain(start, boxes_end(file, start, end)?)),
        ([0x1A, 0x45, 0xDF, 0xA3], _) => Ok(plain(start, matroska_end(file, start, end)?)),
        _ if head.starts_with(&FLAC_START) => Ok(plain(start, flac_end(file, start, end)?)),
        _ => Ok(plain(start, end)),
    }
}

fn plain(start: u64, end: u64) -> Part {
    Part { start, end, corrected: Vec::new() }
}

/// A WAV ends where its chunks do. If its data does not end where it says, it reaches to the end of the file.
fn wave(file: &mut File, start: u64, end: u64) -> io::Result<Part> {
    let mut at = start + 12;
    let mut data: Option<u64> = None;
    for _ in 0..MOST_STEPS {
        let Ok(head) = read_at::<8>(file, at) else { return Ok(plain(start, end)) };
        let [a, b, c, d, size @ ..] = head;
        let (name, size) = ([a, b, c, d], u32::from_le_bytes(size));
        let content = at + 8;
        let is_whole = content + u64::from(size) <= end;
        match data {
            // The next recording.
            Some(_) if &name == b"RIFF" => return Ok(plain(start, at)),
            Some(data) if !(is_whole && is_chunk_name(name)) => {
                let is_tag = name.starts_with(b"ID3") || name.starts_with(b"TAG");
                let is_more = end - at >= LEAST_REST && !is_tag;
                return Ok(if is_more { corrected(start, data, end) } else { plain(start, end) });
            }
            _ => {}
        }
        if &name == b"data" {
            if size >= NO_LENGTH || (size == 0 && end > content) {
                return Ok(corrected(start, content, end));
            }
            data = Some(content);
        }
        // The lengths show that a file is cut off.
        if !is_whole {
            return Ok(plain(start, end));
        }
        at = content + u64::from(size) + u64::from(size % 2);
        if at >= end {
            return Ok(plain(start, end));
        }
    }
    Ok(plain(start, end))
}

fn is_chunk_name(name: [u8; 4]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b'-'))
}

/// With the lengths of a WAV whose data reaches to the end of the file.
fn corrected(start: u64, data: u64, end: u64) -> Part {
    let length = |from: u64| u32::try_from(end - from).unwrap_or(u32::MAX - 1).to_le_bytes();
    Part { start, end, corrected: vec![(4, length(start + 8)), (data - 4 - start, length(data))] }
}

/// An MP4 ends where another one begins.
fn boxes_end(file: &mut File, start: u64, end: u64) -> io::Result<u64> {
    let mut at = start;
    for _ in 0..MOST_STEPS {
        if at + 8 > end {
            break;
        }
        let [a, b, c, d, name @ ..] = read_at::<8>(file, at)?;
        if at > start && &name == b"ftyp" {
            return Ok(at);
        }
        let length = match u32::from_be_bytes([a, b, c, d]) {
            0 => break,
            1 => u64::from_be_bytes(read_at(file, at + 8)?),
            length => u64::from(length),
        };
        match at.checked_add(length) {
            Some(next) if length >= 8 => at = next,
            Some(_) | None => break,
        }
    }
    Ok(end)
}

/// A Matroska ends with its segment or, where that does not have a length, where another one begins.
fn matroska_end(file: &mut File, start: u64, end: u64) -> io::Result<u64> {
    let mut at = start;
    for _ in 0..2 {
        let head: [u8; 12] = read_at(file, at)?;
        let [_, _, _, _, size @ ..] = head;
        let length = size[0].leading_zeros() as usize + 1;
        if length > 8 {
            return Ok(end);
        }
        let value = size.iter().take(length).fold(0, |value, byte| value << 8 | u64::from(*byte));
        let data = (1u64 << (7 * length)) - 1;
        if value & data == data {
            return found_behind(file, at + 4, end, &MATROSKA_START, is_matroska);
        }
        at = at.saturating_add(4 + length as u64).saturating_add(value & data);
    }
    let follows = at < end && read_at::<4>(file, at).is_ok_and(|id| id == [0x1A, 0x45, 0xDF, 0xA3]);
    Ok(if follows { at } else { end })
}

/// A FLAC does not say where it ends: the next one is found by its beginning.
fn flac_end(file: &mut File, start: u64, end: u64) -> io::Result<u64> {
    found_behind(file, start + FLAC_START.len() as u64, end, &FLAC_START, |_, _| true)
}

/// Whether a header that begins there names its kind.
fn is_matroska(file: &mut File, at: u64) -> bool {
    let mut head = Vec::with_capacity(HEADER_BYTES as usize);
    let is_read = file.seek(SeekFrom::Start(at)).is_ok()
        && file.by_ref().take(HEADER_BYTES).read_to_end(&mut head).is_ok();
    let has = |kind: &[u8]| Finder::new(kind).find(&head).is_some();
    is_read && (has(b"\x42\x82\x84webm") || has(b"\x42\x82\x88matroska"))
}

/// The offset of the next recording that starts with `bytes`, searched from `from`; `end` if the file has no other.
fn found_behind(
    file: &mut File,
    from: u64,
    end: u64,
    bytes: &[u8],
    is_start: impl Fn(&mut File, u64) -> bool,
) -> io::Result<u64> {
    let finder = Finder::new(bytes);
    let mut at = from;
    // What was read last, with the end of what came before it.
    let mut block = Vec::with_capacity(SEARCHED_BYTES + bytes.len());
    loop {
        file.seek(SeekFrom::Start(at + block.len() as u64))?;
        let read = file.by_ref().take(SEARCHED_BYTES as u64).read_to_end(&mut block)?;
        let mut places = finder.find_iter(&block).map(|found| at + found as u64);
        if let Some(place) = places.find(|place| is_start(file, *place)) {
            return Ok(place);
        }
        if read == 0 {
            return Ok(end);
        }
        let searched = block.len().saturating_sub(bytes.len() - 1);
        block.drain(..searched);
        at += searched as u64;
    }
}

fn read_at<const N: usize>(file: &mut File, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of a part, as if it were a file.
pub struct PartSource {
    file: File,
    part: Part,
    at: u64,
}

impl PartSource {
    pub fn open(path: &Path, part: &Part) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(part.start))?;
        Ok(Self { file, part: part.clone(), at: 0 })
    }
}

impl Part {
    pub fn bytes(&self) -> u64 {
        self.end - self.start
    }
}

impl Read for PartSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.part.bytes().saturating_sub(self.at);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most) else { return Ok(0) };
        let read = self.file.read(buffer)?;
        for (place, bytes) in &self.part.corrected {
            for (place, byte) in (*place..).zip(bytes) {
                let index = place.checked_sub(self.at).and_then(|index| usize::try_from(index).ok());
                if let Some(written) = index.filter(|index| *index < read).and_then(|at| buffer.get_mut(at)) {
                    *written = *byte;
                }
            }
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for PartSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let before_start = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the start");
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.part.bytes().checked_add_signed(by),
        };
        self.at = at.ok_or_else(before_start)?;
        let place = self.part.start.checked_add(self.at).ok_or_else(before_start)?;
        self.file.seek(SeekFrom::Start(place))?;
        Ok(self.at)
    }
}

impl MediaSource for PartSource {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.part.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
        [&name[..], &size.to_le_bytes(), content].concat()
    }

    /// A WAV with that length in front of its data.
    fn wave(size: u32, data: &[u8], behind: &[u8]) -> Vec<u8> {
        let chunks = [chunk(b"fmt ", 16, &[0; 16]), chunk(b"data", size, data), behind.to_vec()].concat();
        [&b"RIFF"[..], &((chunks.len() + 4) as u32).to_le_bytes(), b"WAVE", &chunks].concat()
    }

    fn parts(bytes: &[u8]) -> Vec<Part> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let parts = of_file(file.path()).unwrap();
        let mut joined = Vec::new();
        for part in &parts {
            let mut source = PartSource::open(file.path(), part).unwrap();
            source.read_to_end(&mut joined).unwrap();
        }
        assert_eq!(joined.len(), bytes.len(), "nothing is lost");
        parts
    }

    #[test]
    fn an_honest_file_is_one_part_as_it_is() {
        let truncated = wave(9000, &[1; 8000], b"");
        for bytes in
            [truncated, wave(8000, &[1; 8000], b""), wave(8000, &[1; 8000], &chunk(b"LIST", 4, b"INFO"))]
        {
            assert_eq!(parts(&bytes), [plain(0, bytes.len() as u64)]);
        }
        for bytes in
            [&b""[..], b"RIFF", b"ID3....", &[0xFF; 100], b"\0\0\0\x08ftyp", &[0x1A, 0x45, 0xDF, 0xA3]]
        {
            assert_eq!(parts(bytes), [plain(0, bytes.len() as u64)], "{bytes:?}");
        }
    }

    #[test]
    fn a_length_that_is_wrong_is_that_of_the_file() {
        for size in [0, 100, 0x7FFF_FFFF, u32::MAX] {
            let bytes = wave(size, &[1; 8000], b"");
            let [part] = &parts(&bytes)[..] else { panic!("{size}") };
            assert_eq!(part.corrected.last(), Some(&(40, 8000u32.to_le_bytes())), "{size}");
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &bytes).unwrap();
            let mut source = PartSource::open(file.path(), part).unwrap();
            source.seek(SeekFrom::Start(42)).unwrap();
            let mut read = [0; 3];
            source.read_exact(&mut read).unwrap();
            assert_eq!(read, [0, 0, 1], "the end of the length, and the first of the data");
        }
    }

    #[test]
    fn files_that_were_joined_have_several_parts() {
        let wave = wave(8000, &[1; 8000], b"");
        let flac = [&FLAC_START[..], &[7; 100]].concat();
        let mp4 = [&b"\0\0\0\x0cftypM4A \0\0\0\x10mdat"[..], &[0; 8]].concat();
        let matroska =
            [&[0x1A, 0x45, 0xDF, 0xA3, 0x81, 0][..], &[0x18, 0x53, 0x80, 0x67, 0x88], &[9; 8]].concat();
        for one in [wave, flac, mp4, matroska] {
            let lengths: Vec<_> = parts(&one.repeat(3)).iter().map(Part::bytes).collect();
            assert_eq!(lengths, [one.len() as u64; 3], "{:?}", &one[..8]);
        }
    }
}
