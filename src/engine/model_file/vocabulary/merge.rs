//! Byte-pair encoding of one piece of text.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Joins neighbours until no two of them make a token: always the pair whose token has the lowest id, the
/// first of them on a tie. Bytes that are not a token are left out. Takes `n log n` steps for `n` bytes.
pub fn merge(piece: &[u8], id_of: &dyn Fn(&[u8]) -> Option<u32>, tokens: &mut Vec<u32>) {
    if let Some(id) = id_of(piece) {
        tokens.push(id);
        return;
    }
    // A part is known by where it starts. The entry at its start says where it ends; starts inside a part are
    // never looked up again.
    let length = piece.len();
    let mut ends: Vec<usize> = (1..=length).collect();
    let mut starts_before: Vec<Option<usize>> = (0..length).map(|start| start.checked_sub(1)).collect();
    let mut absorbed = vec![false; length];
    let mut pairs = BinaryHeap::new();
    let candidate = |start: usize, middle: usize, end: usize| {
        let id = id_of(piece.get(start..end)?)?;
        Some(Reverse((id, start, middle, end)))
    };
    pairs.extend((1..length).filter_map(|middle| candidate(middle - 1, middle, middle + 1)));
    while let Some(Reverse((_, start, middle, end))) = pairs.pop() {
        let current = absorbed.get(start) == Some(&false)
            && ends.get(start) == Some(&middle)
            && ends.get(middle) == Some(&end);
        if !current {
            continue;
        }
        set(&mut ends, start, end);
        set(&mut absorbed, middle, true);
        set(&mut starts_before, end, Some(start));
        if let Some(before) = starts_before.get(start).copied().flatten() {
            pairs.extend(candidate(before, start, end));
        }
        if let Some(after) = ends.get(end) {
            pairs.extend(candidate(start, end, *after));
        }
    }
    let mut start = 0;
    while let Some(end) = ends.get(start).copied() {
        tokens.extend(piece.get(start..end).and_then(id_of));
        start = end;
    }
}

/// Ignores an index beyond the end: there is no part after the last one.
fn set<T>(values: &mut [T], index: usize, value: T) {
    if let Some(entry) = values.get_mut(index) {
        *entry = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(piece: &str, vocabulary: &[&str]) -> Vec<u32> {
        let id_of =
            |bytes: &[u8]| vocabulary.iter().position(|token| token.as_bytes() == bytes).map(|id| id as u32);
        let mut tokens = Vec::new();
        merge(piece.as_bytes(), &id_of, &mut tokens);
        tokens
    }

    #[test]
    fn the_lowest_id_is_merged_first() {
        assert_eq!(merged("abc", &["a", "b", "c", "bc", "ab"]), [0, 3]);
        assert_eq!(merged("abc", &["a", "b", "c", "ab", "bc"]), [3, 2]);
        assert_eq!(merged("aaaa", &["a", "aa"]), [1, 1]);
        assert_eq!(merged("aaaaa", &["a", "aa", "aaa"]), [1, 2]);
        assert_eq!(merged("abcd", &["a", "b", "c", "d", "ab", "cd", "abcd"]), [6]);
        assert_eq!(merged("xabcdx", &["a", "b", "c", "d", "x", "ab", "cd", "abcd"]), [4, 7, 4]);
    }

    #[test]
    fn unknown_bytes_are_left_out() {
        assert_eq!(merged("a?b", &["a", "b"]), [0, 1]);
        assert_eq!(merged("", &["a"]), [0; 0]);
    }
}
