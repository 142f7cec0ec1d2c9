//! Times and sizes as people read them.

use indicatif::BinaryBytes;

/// "2026-11-23T14:00:02.718Z" without its fraction: "2026-11-23 14:00:02Z".
pub(super) fn time(rfc3339: &str) -> String {
    let (day, time) = rfc3339.split_once('T').unwrap_or((rfc3339, ""));
    let seconds = time.split(['.', 'Z']).next().unwrap_or_default();
    if seconds.is_empty() { day.to_owned() } else { format!("{day} {seconds}Z") }
}

/// "1 job", "2 jobs".
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

pub(super) fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!((count(1, "job"), count(0, "job")), ("1 job".to_owned(), "0 jobs".to_owned()));
    }

    #[test]
    fn times_are_told_to_the_second() {
        assert_eq!(time("2026-11-23T14:00:02.718Z"), "2026-11-23 14:00:02Z");
        assert_eq!(time("2026-11-23T14:00:02Z"), "2026-11-23 14:00:02Z");
        assert_eq!((time(""), size(10_083_621)), (String::new(), "9.62 MiB".to_owned()));
    }
}
