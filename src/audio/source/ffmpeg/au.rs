//! The AU format as ffmpeg writes it into a pipe: a short header, then samples.

const MAGIC: &[u8] = b".snd";
/// Magic, offset of the samples, their number of bytes, encoding, rate, channels: four bytes each, the highest first.
const FIELDS: usize = 24;
/// 32-bit floats.
const FLOATS: u32 = 6;
/// Headers end long before that; anything longer is not a header.
const LONGEST: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub rate: u32,
    pub channels: usize,
    /// Bytes before the first sample.
    pub length: usize,
}

/// `None` until all of the header is there.
///
/// # Errors
/// It is not a header of this kind.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, NotAu> {
    let Some(fields) = bytes.get(..FIELDS) else { return Ok(None) };
    let field = |n: usize| {
        let four = fields.get(n * 4..n * 4 + 4).and_then(|four| four.try_into().ok());
        four.map_or(0, u32::from_be_bytes)
    };
    let (length, channels) = (field(1) as usize, field(5) as usize);
    let is_right = fields.starts_with(MAGIC) && field(3) == FLOATS && (FIELDS..LONGEST).contains(&length);
    if !is_right {
        return Err(NotAu);
    }
    Ok((bytes.len() >= length).then_some(Header { rate: field(4), channels, length }))
}

#[derive(Debug, PartialEq, Eq)]
pub struct NotAu;

/// Takes the whole frames at the beginning of `bytes` apart into one plane for each channel, and gives how many
/// bytes they were.
pub fn split(bytes: &[u8], channels: usize, planes: &mut Vec<Vec<f32>>) -> usize {
    planes.resize_with(channels, Vec::new);
    planes.iter_mut().for_each(Vec::clear);
    let frame = channels.max(1) * 4;
    let frames = bytes.chunks_exact(frame);
    let used = bytes.len() - frames.remainder().len();
    for frame in frames {
        for (plane, sample) in planes.iter_mut().zip(frame.chunks_exact(4)) {
            plane.push(sample.try_into().map_or(0.0, f32::from_be_bytes));
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(encoding: u32, length: u32) -> Vec<u8> {
        let fields = [length, u32::MAX, encoding, 44_100, 2];
        let mut bytes = MAGIC.to_vec();
        bytes.extend(fields.iter().flat_map(|field| field.to_be_bytes()));
        bytes.resize(length.max(24) as usize, 0);
        bytes
    }

    #[test]
    fn a_header_is_read_once_it_is_whole() {
        let whole = bytes(FLOATS, 32);
        assert_eq!(header(&whole[..23]), Ok(None));
        assert_eq!(header(&whole[..31]), Ok(None));
        assert_eq!(header(&whole), Ok(Some(Header { rate: 44_100, channels: 2, length: 32 })));
    }

    #[test]
    fn a_bad_header_is_an_error() {
        assert_eq!(header(&bytes(3, 32)), Err(NotAu));
        assert_eq!(header(&bytes(FLOATS, 8)), Err(NotAu));
        assert_eq!(header(&[b'x'; 24]), Err(NotAu));
    }

    #[test]
    fn frames_are_taken_apart_and_the_rest_is_left() {
        let samples = [0.5f32, -0.5, 0.25, -0.25, 1.0];
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
        let mut planes = vec![vec![9.0]];
        assert_eq!(split(&bytes, 2, &mut planes), 16);
        assert_eq!(planes, [vec![0.5, 0.25], vec![-0.5, -0.25]]);
    }
}
