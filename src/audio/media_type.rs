//! The media type of a recording by its first bytes, for players.

use memchr::memmem;

const UNKNOWN: &str = "application/octet-stream";

/// Signatures at fixed places: offset, bytes, media type.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (8, b"WAVE", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (8, b"AIFF", "audio/aiff"),
    (8, b"AIFC", "audio/aiff"),
    (0, b"caff", "audio/x-caf"),
    (0, b"#!AMR", "audio/amr"),
    (0, b".snd", "audio/basic"),
    (0, b"\x0b\x77", "audio/ac3"),
    (0, b"wvpk", "audio/x-wavpack"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
];

/// Where it is not known, it is the type that no program makes anything of: a text or a page is never called one.
pub fn media_type(head: &[u8]) -> &'static str {
    let at = |offset: usize, bytes: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(bytes));
    if let Some((.., name)) = SIGNATURES.iter().find(|(offset, bytes, _)| at(*offset, bytes)) {
        return name;
    }
    let has = |bytes: &[u8]| memmem::find(head, bytes).is_some();
    match head {
        [b'O', b'g', b'g', b'S', ..] if has(b"\x80theora") => "video/ogg",
        [b'O', b'g', b'g', b'S', ..] => "audio/ogg",
        // EBML. A browser's own recordings have the tracks' codecs near their beginning.
        [0x1a, 0x45, 0xdf, 0xa3, ..] => match (has(b"webm"), has(b"A_") && !has(b"V_")) {
            (true, true) => "audio/webm",
            (true, false) => "video/webm",
            (false, true) => "audio/x-matroska",
            (false, false) => "video/x-matroska",
        },
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand {
            [b'M', b'4', b'A' | b'B' | b'P', ..] => "audio/mp4",
            [b'q', b't', ..] => "video/quicktime",
            _ => "video/mp4",
        },
        // A frame of AAC (ADTS) has layer 0, one of MP3 has not.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => "audio/aac",
        [0xff, second, ..] if second & 0xe0 == 0xe0 => "audio/mpeg",
        [0x47, rest @ ..] if rest.get(187) == Some(&0x47) => "video/mp2t",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_named_by_their_content() {
        let table: [(&[u8], &str); 12] = [
            (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
            (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
            (b"OggS\0\x02\0\0OpusHead", "audio/ogg"),
            (b"OggS\0\x02\0\0\x80theora", "video/ogg"),
            (b"\x1a\x45\xdf\xa3\x42\x82\x84webm\0A_OPUS", "audio/webm"),
            (b"\x1a\x45\xdf\xa3\x42\x82\x84webm\0V_VP9A_OPUS", "video/webm"),
            (b"\0\0\0\x1cftypM4A \0\0", "audio/mp4"),
            (b"\0\0\0\x1cftypisom\0\0", "video/mp4"),
            (b"\xff\xfb\x90\x00", "audio/mpeg"),
            (b"\xff\xf1\x50\x80", "audio/aac"),
            (b"\xff\xf9\x50\x80", "audio/aac"),
            (b"ID3\x04", "audio/mpeg"),
        ];
        for (head, name) in table {
            assert_eq!(media_type(head), name, "{head:?}");
        }
    }

    #[test]
    fn what_a_browser_would_run_is_never_named() {
        for head in [&b""[..], b"<!doctype html><script>", b"<svg xmlns=", b"%PDF-1.7", b"\xff", b"MZ"] {
            assert_eq!(media_type(head), UNKNOWN, "{head:?}");
        }
    }
}
