//! Names what a file is when it is something that cannot be decoded here.
//!
//! A demultiplexer that scans for a frame header finds one by chance in almost any large file, and a
//! transport stream then "decodes" to a few milliseconds of noise. So what is recognised as something
//! else is named before anything scans it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use actors::ports::AudioError;

/// Bytes from the file's beginning that are looked at.
const HEAD_BYTES: usize = 4096;

/// Signatures at fixed places (offset, bytes, what the file is) of recordings that the built-in decoders do not support.
const RECORDINGS: &[(usize, &[u8], &str)] = &[
    (8, b"AVI ", "an AVI video"),
    (0, b"FLV\x01", "a Flash video (FLV)"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file (ASF, WMA or WMV)"),
    (0, b"RF64", "an RF64 file"),
    (0, b"BW64", "a BW64 file"),
    (0, b"riff\x2e\x91\xcf\x11", "a Wave64 (W64) file"),
    (0, b"\x00\x00\x01\xba", "an MPEG program stream"),
    (0, b"#!AMR", "an AMR recording"),
    (0, b".snd", "a Sun AU file"),
    (0, b"\x0b\x77", "an AC-3 stream"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"MAC ", "a Monkey's Audio file"),
    (0, b"TTA1", "a TTA file"),
    (0, b"MPCK", "a Musepack file"),
    (0, b"MP+", "a Musepack file"),
    (0, b"DSD ", "a DSD file"),
    (0, b"FRM8", "a DSD file"),
    (0, b".RMF", "a RealMedia file"),
    (0, b"\x7f\xfe\x80\x01", "a DTS stream"),
];

/// The same of what is not a recording at all.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"MThd", "a MIDI file"),
    (0, b"#EXTM3U", "a playlist"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"SQLite format 3\0", "a database"),
];

/// The kind of a file by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// For the built-in decoders, as far as the signature shows.
    Ours,
    /// A recording that they do not support, by name.
    Foreign(&'static str),
    /// No recording.
    Other(&'static str),
}

/// Of the recordings that only ffmpeg decodes, those whose packets have times of their own. RealMedia gives all of them the
/// same.
const TIMED: [&str; 4] = [
    "an MPEG transport stream",
    "an MPEG program stream",
    "a Flash video (FLV)",
    "a Windows Media file (ASF, WMA or WMV)",
];

impl Kind {
    /// Whether the times of its packets say where silence has to be put in.
    pub fn has_times(self) -> bool {
        match self {
            Kind::Ours => true,
            Kind::Foreign(name) => TIMED.contains(&name),
            Kind::Other(_) => false,
        }
    }
}

/// Looks at the beginning of a regular file that is not empty.
///
/// # Blocking
/// Reads [`HEAD_BYTES`].
pub fn look(path: &Path) -> Result<Kind, AudioError> {
    let file = File::open(path).map_err(io_error)?;
    let facts = file.metadata().map_err(io_error)?;
    if !facts.is_file() {
        return Err(AudioError::Io("it is not a regular file".into()));
    }
    if facts.len() == 0 {
        return Err(AudioError::EmptyFile);
    }
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io_error)?;
    Ok(kind_of(&head))
}

pub fn io_error(error: std::io::Error) -> AudioError {
    AudioError::Io(error.to_string())
}

/// What the file is, by its first bytes.
fn kind_of(head: &[u8]) -> Kind {
    let named = |table: &[(usize, &[u8], &'static str)]| {
        table.iter().find(|(at, bytes, _)| has_at(head, *at, bytes)).map(|(.., name)| *name)
    };
    if let Some(name) = named(RECORDINGS) {
        return Kind::Foreign(name);
    }
    if let Some(name) = named(OTHERS) {
        return Kind::Other(name);
    }
    if is_transport_stream(head) {
        return Kind::Foreign("an MPEG transport stream");
    }
    if is_text(head) { Kind::Other("a text file") } else { Kind::Ours }
}

fn has_at(head: &[u8], at: usize, bytes: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(bytes))
}

/// Sync bytes one packet apart: plain (188 bytes a packet), with time codes before (192, as cameras
/// write them) or with parity behind (204).
fn is_transport_stream(head: &[u8]) -> bool {
    let synced = |start: usize, packet: usize| (0..3).all(|n| head.get(start + n * packet) == Some(&0x47));
    synced(0, 188) || synced(4, 192) || synced(0, 204)
}

/// No recording begins with this much text. Bytes above 0x7f count as text: UTF-8 has them.
fn is_text(head: &[u8]) -> bool {
    let control = |b: &u8| *b == 0x7f || (*b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b));
    std::str::from_utf8(valid_prefix(head)).is_ok() && head.len() >= 16 && !head.iter().any(control)
}

/// `head` without the last few bytes, which may be the beginning of a longer character.
fn valid_prefix(head: &[u8]) -> &[u8] {
    match std::str::from_utf8(head) {
        Err(error) if head.len() - error.valid_up_to() < 4 => head.get(..error.valid_up_to()).unwrap_or(head),
        Ok(_) | Err(_) => head,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_stream_is_named_whatever_its_packet_size() {
        for (start, packet) in [(0, 188), (4, 192), (0, 204)] {
            let mut head = vec![0u8; HEAD_BYTES];
            for at in (start..HEAD_BYTES).step_by(packet) {
                head[at] = 0x47;
            }
            assert_eq!(kind_of(&head), Kind::Foreign("an MPEG transport stream"));
        }
    }

    #[test]
    fn avi_differs_from_wave_though_both_are_riff() {
        assert_eq!(kind_of(b"RIFF\0\0\0\0AVI LIST"), Kind::Foreign("an AVI video"));
        assert_eq!(kind_of(b"RIFF\0\0\0\0WAVEfmt "), Kind::Ours);
    }

    #[test]
    fn text_is_named_even_when_cut_inside_a_character() {
        let mut text = "déjà vu ".repeat(600).into_bytes();
        text.truncate(HEAD_BYTES);
        assert_eq!(kind_of(&text), Kind::Other("a text file"));
        assert_eq!(kind_of(&text[..4090]), Kind::Other("a text file"));
    }

    #[test]
    fn heads_shorter_than_a_signature_are_not_named() {
        for head in [&b""[..], b"R", b"RIFF", b"\0\0\0"] {
            assert_eq!(kind_of(head), Kind::Ours);
        }
    }
}
