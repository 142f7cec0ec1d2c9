//! An audio track as its container describes it.

/// Language tags that are longer have private parts.
const LONGEST_LANGUAGE_BYTES: usize = 35;

/// One of a recording's audio tracks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AudioTrack {
    /// The container's own number for it.
    pub id: u32,
    /// Its language, in each spelling that the container has.
    pub languages: Vec<String>,
    pub is_default: bool,
}

/// A language as a container has it; `None` where it says nothing.
pub fn language(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim_matches('\0');
    let is_tag = (2..=LONGEST_LANGUAGE_BYTES).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (is_tag && text != "und").then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_language_tag_is_left_out() {
        assert_eq!(language(b"pt-BR\0"), Some("pt-BR".into()));
        for text in [&b"und"[..], b"", b"e", b"a b", &[0xff; 3], &[b'e'; 36]] {
            assert_eq!(language(text), None);
        }
    }
}
