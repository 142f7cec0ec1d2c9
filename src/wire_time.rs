//! Times as they are written on the wire.

use actors::domain::time::Timestamp;

/// RFC 3339 in UTC, with milliseconds where there are any.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_string()
}

/// What [`rfc3339`] writes, and any other time of RFC 3339.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(|at: jiff::Timestamp| Timestamp(at.as_millisecond()))
}

/// Seconds with three decimals: no measurement here is finer.
pub fn secs(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(rfc3339(Timestamp(1_500)), "1970-01-01T00:00:01.5Z");
        assert_eq!(secs(1.23456), 1.235);
        assert_eq!(parse_rfc3339("1970-01-01T01:00:01.5+01:00"), Some(Timestamp(1_500)));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}
