//! `config/default.toml`: the defaults and the manual in one text.

/// The file itself, compiled in.
pub const TEXT: &str = include_str!("../../config/default.toml");

/// A key of the manual with what its comment says, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The full path: "server.port".
    pub key: String,
    pub comment: String,
}

/// Every key in the order of the file.
pub fn entries() -> Vec<Entry> {
    parse(TEXT)
}

/// Reads the one layout that the file has: `[section]`, and `key = value` under its comment lines.
fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut section = "";
    let mut comment: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.split_once('=') {
            entries.push(Entry { key: format!("{section}.{}", key.trim()), comment: comment.join(" ") });
        }
        comment.clear();
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_belongs_to_the_key_right_below_it() {
        let entries = parse("# The file.\n\n[a]\n# Of b,\n# in seconds.\nb = 1\nc = 2\n");
        let found: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.comment.as_str())).collect();
        assert_eq!(found, [("a.b", "Of b, in seconds."), ("a.c", "")]);
    }

    #[test]
    fn every_key_has_a_comment_and_every_duration_and_size_its_unit() {
        let entries = entries();
        assert!(entries.len() > 40);
        for entry in entries {
            assert!(entry.comment.len() > 10, "{} needs a comment", entry.key);
            let unit = match entry.key.rsplit('_').next() {
                Some("secs") => "seconds",
                Some("bytes") => "bytes",
                Some("days") => "Days",
                Some(_) | None => "",
            };
            assert!(entry.comment.contains(unit), "{} needs its unit, {unit}", entry.key);
        }
    }
}
