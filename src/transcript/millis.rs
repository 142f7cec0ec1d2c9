//! Seconds to the millisecond.

/// Seconds as whole milliseconds; NaN and negative times count as 0.
pub(super) fn millis(secs: f64) -> u64 {
    // The conversion saturates: negative and not-a-number become 0.
    (secs * 1000.0).round() as u64
}

/// Seconds rounded to milliseconds.
pub(super) fn rounded(secs: f64) -> f64 {
    millis(secs) as f64 / 1000.0
}
