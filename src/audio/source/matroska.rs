//! The audio tracks of a Matroska file, and which are marked as default ones: symphonia does not distinguish tracks whose mark is left
//! out, which means yes, from those that are marked with no.

use std::io::Read;

use super::tracks::{AudioTrack, language};

/// The tracks are described at the beginning, before the first cluster.
const HEAD_BYTES: u64 = 1 << 20;

const EBML: u64 = 0x1A45_DFA3;
const SEGMENT: u64 = 0x1853_8067;
const TRACKS: u64 = 0x1654_AE6B;
const TRACK_ENTRY: u64 = 0xAE;
const TRACK_NUMBER: u64 = 0xD7;
const TRACK_TYPE: u64 = 0x83;
const FLAG_DEFAULT: u64 = 0x88;
const LANGUAGE: u64 = 0x22_B59C;
/// A tag of RFC 5646 that goes before the other one.
const LANGUAGE_TAG: u64 = 0x22_B59D;
const AUDIO: u64 = 2;
/// Of tracks that name no language.
const USUAL_LANGUAGE: &[u8] = b"eng";

/// The audio tracks in the container's order. Empty where the file is not Matroska, or its tracks are not described at its beginning.
///
/// # Blocking
/// Reads the beginning of the file.
pub fn audio_tracks(file: impl Read) -> Vec<AudioTrack> {
    let mut head = Vec::new();
    match file.take(HEAD_BYTES).read_to_end(&mut head) {
        Ok(_) => tracks_in(&head).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

fn tracks_in(head: &[u8]) -> Option<Vec<AudioTrack>> {
    let mut top = Elements(head);
    if top.next()?.0 != EBML {
        return None;
    }
    let (_, segment) = top.find(|(id, _)| *id == SEGMENT)?;
    let (_, tracks) = Elements(segment).find(|(id, _)| *id == TRACKS)?;
    let entries = Elements(tracks).filter(|(id, _)| *id == TRACK_ENTRY);
    Some(entries.filter_map(|(_, entry)| audio_track(entry)).collect())
}

fn audio_track(entry: &[u8]) -> Option<AudioTrack> {
    let content = |wanted| Elements(entry).find(|(id, _)| *id == wanted).map(|(_, bytes)| bytes);
    let value = |wanted| content(wanted).map(number);
    if value(TRACK_TYPE) != Some(AUDIO) {
        return None;
    }
    let languages = [content(LANGUAGE).or(Some(USUAL_LANGUAGE)), content(LANGUAGE_TAG)];
    Some(AudioTrack {
        id: u32::try_from(value(TRACK_NUMBER)?).ok()?,
        languages: languages.into_iter().flatten().filter_map(language).collect(),
        is_default: value(FLAG_DEFAULT).unwrap_or(1) == 1,
    })
}

/// The elements of one level: each one's id and content, as far as there is any.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, id_length) = variable(self.0, Marker::Kept)?;
        let rest = self.0.get(id_length..)?;
        let (size, size_length) = variable(rest, Marker::Dropped)?;
        let content = rest.get(size_length..)?;
        // Of an unknown size, or larger than what was read: all that is there.
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(content.len());
        let (content, behind) = content.split_at_checked(size)?;
        self.0 = behind;
        Some((id, content))
    }
}

/// What becomes of the bit that marks a number's length.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Kept,
    Dropped,
}

/// A number of variable length, and how many bytes it has. One whose bits are all set is the largest there is.
fn variable(bytes: &[u8], marker: Marker) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    let value = number(bytes.get(..length).filter(|_| length <= 8)?);
    let data = (1u64 << (7 * length)) - 1;
    Some(match marker {
        Marker::Kept => (value, length),
        Marker::Dropped if value & data == data => (u64::MAX, length),
        Marker::Dropped => (value & data, length),
    })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_contain_their_own_length() {
        assert_eq!(variable(&[0x81], Marker::Dropped), Some((1, 1)));
        assert_eq!(variable(&[0x40, 0x02], Marker::Dropped), Some((2, 2)));
        assert_eq!(variable(&[0xFF], Marker::Dropped), Some((u64::MAX, 1)));
        assert_eq!(variable(&[0x1A, 0x45, 0xDF, 0xA3], Marker::Kept), Some((EBML, 4)));
        assert_eq!(variable(&[0x00, 1, 2], Marker::Kept), None);
        assert_eq!(variable(&[0x40], Marker::Kept), None);
    }

    #[test]
    fn damaged_files_have_no_tracks() {
        let cut: [&[u8]; 4] =
            [b"", b"RIFF....WAVE", &[0x1A, 0x45, 0xDF, 0xA3, 0xFF], &[0x1A, 0x45, 0xDF, 0xA3, 0x80, 0x18]];
        for bytes in cut {
            assert_eq!(audio_tracks(bytes), []);
        }
    }
}
