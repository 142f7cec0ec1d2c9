//! GPT-2's alphabet: one printable character for each byte, so that any token is a string.

/// Bytes that stand for themselves. The others follow from U+0100 on, in their order.
fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The bytes that are not printable: 0x00 to 0x20, 0x7F to 0xA0, 0xAD.
const FIRST_OTHER: u32 = 0x100;

fn character_of(byte: u8) -> char {
    if is_printable(byte) {
        return char::from(byte);
    }
    let index = match byte {
        0..=0x20 => u32::from(byte),
        0x7F..=0xA0 => u32::from(byte) - 0x7F + 0x21,
        _ => 0x43,
    };
    char::from_u32(FIRST_OTHER + index).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code.checked_sub(FIRST_OTHER) {
        None => u8::try_from(code).ok().filter(|byte| is_printable(*byte)),
        Some(index @ 0..=0x20) => u8::try_from(index).ok(),
        Some(index @ 0x21..=0x42) => u8::try_from(index - 0x21 + 0x7F).ok(),
        Some(0x43) => Some(0xAD),
        Some(_) => None,
    }
}

pub fn string_of(bytes: &[u8]) -> String {
    bytes.iter().copied().map(character_of).collect()
}

/// Nothing where a character is not of the alphabet.
pub fn bytes_of(text: &str) -> Option<Vec<u8>> {
    text.chars().map(byte_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character_and_back() {
        let all: Vec<u8> = (0..=255).collect();
        let text = string_of(&all);
        assert_eq!(bytes_of(&text), Some(all));
        assert_eq!(string_of(b" a\n\xAD\x7F\xA0"), "\u{120}a\u{10A}\u{143}\u{121}\u{142}");
        assert_eq!(bytes_of(" "), None);
        assert_eq!(bytes_of("語"), None);
    }
}
