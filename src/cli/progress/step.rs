//! How far a recording is, in words.

use serde::Deserialize;

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(in crate::cli) struct Step {
    pub percent: f64,
    /// The one being worked on, from 1.
    pub chunk: u32,
    pub chunks_total: u32,
    pub eta_secs: Option<f64>,
}

/// Percentages are rounded down: 100 % is said when it is true. `speed` is in seconds of audio a second.
pub(super) fn words(step: &Step, speed: Option<f64>) -> String {
    let done = format!("chunk {}/{}, {} %", step.chunk, step.chunks_total, step.percent.floor());
    let speed = speed.map(|speed| format!(", {}", times(speed)));
    let left = step.eta_secs.filter(|_| step.percent < 100.0).map(|secs| format!(", ETA {}", span(secs)));
    done + &speed.unwrap_or_default() + &left.unwrap_or_default()
}

/// A speed as people say it: 12.3x.
pub(super) fn times(speed: f64) -> String {
    format!("{speed:.1}x")
}

/// A length of time as people say it.
pub(in crate::cli) fn span(secs: f64) -> String {
    // The conversion saturates.
    let secs = secs.ceil() as u64;
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs} s"),
        (0, mins, secs) => format!("{mins} min {secs} s"),
        (hours, mins, _) => format!("{hours} h {mins} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(percent: f64, eta_secs: Option<f64>) -> Step {
        Step { percent, chunk: 19, chunks_total: 51, eta_secs }
    }

    #[test]
    fn a_step_tells_chunk_percentage_speed_and_what_is_left() {
        assert_eq!(words(&step(36.9, Some(40.2)), Some(12.34)), "chunk 19/51, 36 %, 12.3x, ETA 41 s");
        assert_eq!(words(&step(0.0, None), None), "chunk 19/51, 0 %");
        assert_eq!(words(&step(100.0, Some(0.0)), None), "chunk 19/51, 100 %");
    }

    #[test]
    fn long_times_are_said_in_minutes_and_hours() {
        assert_eq!((span(61.0), span(7321.0)), ("1 min 1 s".into(), "2 h 2 min".into()));
    }
}
