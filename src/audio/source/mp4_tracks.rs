//! The audio tracks of an MP4 file: which are enabled, and their languages. symphonia gives neither, nor tracks with unknown codecs.

use std::io::{Read, Seek};

use super::edit_list::read_index;
use super::tracks::{AudioTrack, language};

/// The flag of a track that is played unless another one is chosen.
const ENABLED: u8 = 1;

/// The languages that QuickTime numbers from 0, in the spellings of ISO 639-2.
const NUMBERED: [&str; 24] = [
    "eng", "fre fra", "ger deu", "ita", "dut nld", "swe", "spa", "dan", "por", "nor", "heb", "jpn", "ara",
    "fin", "gre ell", "ice isl", "mlt", "tur", "hrv", "chi zho", "urd", "hin", "tha", "kor",
];

/// The audio tracks in the container's order. Empty where the file is not an MP4 file.
///
/// # Blocking
/// Reads the file's index.
pub fn audio_tracks(file: impl Read + Seek) -> Vec<AudioTrack> {
    let Ok(Some(index)) = read_index(file) else { return Vec::new() };
    tracks_in(&index)
}

/// The same by the index of [`read_index`].
pub fn tracks_in(index: &[u8]) -> Vec<AudioTrack> {
    let movies = Boxes(index).filter(|(name, _)| name == b"moov");
    let tracks = movies.flat_map(|(_, movie)| Boxes(movie)).filter(|(name, _)| name == b"trak");
    tracks.filter_map(|(_, track)| audio_track(track)).collect()
}

fn audio_track(track: &[u8]) -> Option<AudioTrack> {
    let header = Boxes(track).content(b"tkhd")?;
    let media = Boxes(track).content(b"mdia")?;
    let handler = Boxes(media).content(b"hdlr")?;
    if handler.get(8..12)? != b"soun" {
        return None;
    }
    let id = header.get(if is_long(header) { 20..24 } else { 12..16 })?.first_chunk().copied()?;
    let is_default = header.get(3)? & ENABLED != 0;
    let languages = Boxes(media).content(b"mdhd").map(languages).unwrap_or_default();
    Some(AudioTrack { id: u32::from_be_bytes(id), languages, is_default })
}

/// Three letters of five bits each; QuickTime has smaller numbers, which stand for languages.
fn languages(header: &[u8]) -> Vec<String> {
    let packed =
        header.get(if is_long(header) { 32..34 } else { 20..22 }).and_then(|field| field.first_chunk());
    let Some(packed) = packed.map(|field| u16::from_be_bytes(*field)) else { return Vec::new() };
    if let Some(spellings) = NUMBERED.get(usize::from(packed)) {
        return spellings.split(' ').map(str::to_owned).collect();
    }
    let letters = [10, 5, 0].map(|shift| (packed >> shift & 0x1f) as u8 + 0x60);
    letters.iter().all(u8::is_ascii_lowercase).then(|| language(&letters)).flatten().into_iter().collect()
}

/// Whether a header has times of 64 bits.
fn is_long(header: &[u8]) -> bool {
    header.first() == Some(&1)
}

/// The boxes of one level: each one's name and content, as far as there is any.
struct Boxes<'a>(&'a [u8]);

impl<'a> Boxes<'a> {
    /// The content of the first box with that name.
    fn content(mut self, wanted: &[u8; 4]) -> Option<&'a [u8]> {
        self.find(|(name, _)| name == wanted).map(|(_, content)| content)
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        let [a, b, c, d, name @ ..] = *head;
        let (length, rest) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (rest.len() as u64, rest),
            1 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                (u64::from_be_bytes(*length).checked_sub(16)?, rest)
            }
            length => (u64::from(length).checked_sub(8)?, rest),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
        let (content, behind) = rest.split_at_checked(length)?;
        self.0 = behind;
        Some((name, content))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
    }

    /// A track with headers of version 0 or 1.
    fn track(version: u8, id: u32, flags: u8, handler: &[u8; 4], language: u16) -> Vec<u8> {
        let times = if version == 1 { 16 } else { 8 };
        let header = [&[version, 0, 0, flags][..], &vec![0; times], &id.to_be_bytes(), &[0; 60]].concat();
        let lengths = if version == 1 { 12 } else { 8 };
        let media =
            [&[version, 0, 0, 0][..], &vec![0; times + lengths], &language.to_be_bytes(), &[0; 2]].concat();
        let kind = [&[0; 8][..], handler, &[0; 13]].concat();
        let media = boxed(b"mdia", &[boxed(b"mdhd", &media), boxed(b"hdlr", &kind)].concat());
        boxed(b"trak", &[boxed(b"tkhd", &header), media].concat())
    }

    fn tracks_of(tracks: &[Vec<u8>]) -> Vec<AudioTrack> {
        let file = [boxed(b"ftyp", b"isom\0\0\0\0"), boxed(b"moov", &tracks.concat())].concat();
        audio_tracks(Cursor::new(file))
    }

    #[test]
    fn audio_tracks_have_their_ids_flags_and_languages() {
        let deu = 4 << 10 | 5 << 5 | 21;
        let tracks = tracks_of(&[
            track(0, 1, 3, b"vide", deu),
            track(0, 2, 2, b"soun", deu),
            track(1, 3, 3, b"soun", 0x7fff),
            track(0, 4, 3, b"soun", 2),
        ]);
        let german = AudioTrack { id: 2, languages: vec!["deu".into()], is_default: false };
        let unknown = AudioTrack { id: 3, languages: vec![], is_default: true };
        let numbered = AudioTrack { id: 4, languages: vec!["ger".into(), "deu".into()], is_default: true };
        assert_eq!(tracks, [german, unknown, numbered]);
    }

    #[test]
    fn damaged_files_have_no_tracks() {
        let whole = track(0, 2, 3, b"soun", 0);
        for bytes in [&b""[..], &[0; 8], &[0xff; 100], &whole[..40]] {
            assert_eq!(tracks_of(&[bytes.to_vec()]), []);
        }
        assert_eq!(audio_tracks(Cursor::new(b"RIFF....WAVE")), []);
    }
}
