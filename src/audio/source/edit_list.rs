//! Which part of an MP4 track is to be played, and when: what its edit list says.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use mp4parse::MediaContext;

/// An index that is larger is not read.
const LARGEST_INDEX: u64 = 64 << 20;
/// Boxes at the top of a file that are looked at: fragments come after the index.
const MOST_BOXES: usize = 64;

/// Where a track's samples stand in the recording. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edit {
    /// Time before the track begins: it starts later than others.
    pub delay: f64,
    /// What is hidden at its beginning.
    pub skipped: f64,
    /// How long it is played then; `None`: to its end.
    pub length: Option<f64>,
}

/// The edit of the track with that id, by the index of [`read_index`]. `None` where there is no edit list, or the index
/// cannot be read. Of a list that cuts a track into several pieces the first one counts.
pub fn of_track(index: &[u8], id: u32) -> Option<Edit> {
    let media = mp4parse::read_mp4(&mut Cursor::new(index)).ok()?;
    edit(&media, id)
}

fn edit(media: &MediaContext, id: u32) -> Option<Edit> {
    let track = media.tracks.iter().find(|track| track.track_id == Some(id))?;
    let media_scale = media.timescale.map(|scale| scale.0 as f64).filter(|scale| *scale > 0.0)?;
    let track_scale = track.timescale.map(|scale| scale.0 as f64).filter(|scale| *scale > 0.0)?;
    let start = track.media_time?;
    Some(Edit {
        delay: track.empty_duration.map_or(0.0, |delay| delay.0 as f64 / media_scale),
        skipped: start.0 as f64 / track_scale,
        // Files that are written while they are recorded do not contain it.
        length: track.edited_duration.map(|length| length.0 as f64 / media_scale).filter(|secs| *secs > 0.0),
    })
}

/// The boxes `ftyp` and `moov` of a file; `None` where it has no such boxes.
pub fn read_index(mut file: impl Read + Seek) -> io::Result<Option<Vec<u8>>> {
    let mut index = Vec::new();
    for _ in 0..MOST_BOXES {
        let mut head = vec![0; 8];
        if file.read_exact(&mut head).is_err() {
            break;
        }
        let mut length = head.first_chunk().map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)));
        let name = head.split_off(4);
        head.extend_from_slice(&name);
        if length == 1 {
            let mut long = [0; 8];
            file.read_exact(&mut long)?;
            length = u64::from_be_bytes(long);
            head.extend_from_slice(&long);
        }
        let Some(content) = length.checked_sub(head.len() as u64) else { break };
        if index.is_empty() && name != b"ftyp" {
            break;
        }
        if name == b"ftyp" || name == b"moov" {
            if content > LARGEST_INDEX {
                break;
            }
            index.extend_from_slice(&head);
            if file.by_ref().take(content).read_to_end(&mut index)? as u64 != content {
                break;
            }
            if name == b"moov" {
                return Ok(Some(index));
            }
        } else {
            let Ok(content) = i64::try_from(content) else { break };
            file.seek(SeekFrom::Current(content))?;
        }
    }
    Ok(None)
}
