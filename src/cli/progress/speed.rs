//! How fast a recording is transcribed.

use std::time::{Duration, Instant};

/// Before that a speed would be a guess.
const SHORTEST: Duration = Duration::from_millis(500);

/// Measured from the first step on: what was done before that was done by an earlier run.
#[derive(Debug, Default)]
pub(super) struct Speed {
    /// Of what is transcribed of the recording.
    pub(super) audio_secs: Option<f64>,
    begun: Option<(Instant, f64)>,
}

impl Speed {
    /// Seconds of audio a second, once there is something to compute it from.
    pub(super) fn at(&mut self, now: Instant, percent: f64) -> Option<f64> {
        let (begun, from) = *self.begun.get_or_insert((now, percent));
        let wall = now.saturating_duration_since(begun);
        if wall < SHORTEST || percent <= from {
            return None;
        }
        Some(self.audio_secs? * (percent - from) / 100.0 / wall.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_done_in_view_counts() {
        let start = Instant::now();
        let mut speed = Speed { audio_secs: Some(100.0), begun: None };
        assert_eq!(speed.at(start, 50.0), None);
        assert_eq!(speed.at(start + Duration::from_millis(100), 51.0), None);
        assert_eq!(speed.at(start + Duration::from_secs(2), 75.0), Some(12.5));
    }
}
