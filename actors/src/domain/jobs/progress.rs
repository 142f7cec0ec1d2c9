//! How far a job is.

use serde::{Deserialize, Serialize};

/// A job's progress as it is stored at every chunk boundary and shown.
///
/// `percent` and `processed_secs` count finished audio only; `chunk` counts from 1 and is the one
/// being worked on or, once the job ended, the last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub percent: f64,
    pub chunk: u32,
    pub chunks_total: u32,
    pub processed_secs: f64,
    /// `None` until there is something to compute it from.
    pub eta_secs: Option<f64>,
}

/// What is known of a running job's speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Seconds of audio done in this run.
    pub audio_secs: f64,
    /// Seconds it took.
    pub wall_secs: f64,
}

impl Progress {
    /// Progress with `done` of `total` chunks finished, up to `processed_secs` of `duration_secs`.
    pub fn new(done: u32, total: u32, processed_secs: f64, duration_secs: f64, pace: Option<Pace>) -> Self {
        let percent = if done >= total || duration_secs <= 0.0 {
            100.0
        } else {
            (processed_secs / duration_secs * 100.0).clamp(0.0, 100.0)
        };
        let left = (duration_secs - processed_secs).max(0.0);
        let eta_secs = pace
            .filter(|p| p.audio_secs > 0.0 && p.wall_secs > 0.0)
            .map(|p| left * p.wall_secs / p.audio_secs)
            .map(|eta| if done >= total { 0.0 } else { eta });
        let chunk = done.saturating_add(1).min(total);
        Self {
            percent: round(percent, 10.0),
            chunk,
            chunks_total: total,
            processed_secs,
            eta_secs: eta_secs.map(|e| round(e, 10.0)),
        }
    }

    /// Of a job that is completed, whatever its last chunk was.
    pub fn completed(self) -> Self {
        Self { percent: 100.0, chunk: self.chunks_total, eta_secs: Some(0.0), ..self }
    }

    /// The same with `fraction` (0 to 1) of the present chunk, which lasts `chunk_secs`, done as well.
    /// For events from inside a chunk; never stored.
    pub fn within_chunk(self, fraction: f64, chunk_secs: f64, duration_secs: f64) -> Self {
        let ahead = fraction.clamp(0.0, 1.0) * chunk_secs;
        let percent = if duration_secs > 0.0 { ahead / duration_secs * 100.0 } else { 0.0 };
        Self { percent: round((self.percent + percent).min(100.0), 10.0), ..self }
    }
}

fn round(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audio::{Plan, SAMPLE_RATE, Span};
    use crate::domain::jobs::selection::Selection;

    #[test]
    fn progress_shows_the_current_chunk_and_finally_the_last() {
        assert_eq!(Progress::new(18, 51, 540.2, 1500.0, None).chunk, 19);
        assert_eq!(Progress::new(51, 51, 1500.0, 1500.0, None).chunk, 51);
    }

    #[test]
    fn silence_is_done_at_once() {
        let progress = Progress::new(0, 0, 5.0, 5.0, None);
        assert_eq!((progress.percent, progress.chunk, progress.chunks_total), (100.0, 0, 0));
    }

    #[test]
    fn the_rest_is_reckoned_at_the_pace_so_far() {
        let pace = Pace { audio_secs: 60.0, wall_secs: 6.0 };
        let progress = Progress::new(2, 4, 60.0, 120.0, Some(pace));
        assert_eq!((progress.percent, progress.eta_secs), (50.0, Some(6.0)));
    }

    #[test]
    fn inside_a_chunk_the_percentage_grows_and_the_rest_stays() {
        let progress = Progress::new(1, 4, 30.0, 120.0, None).within_chunk(0.5, 30.0, 120.0);
        assert_eq!((progress.percent, progress.chunk, progress.processed_secs), (37.5, 2, 30.0));
    }

    #[test]
    fn of_a_range_only_the_range_counts() {
        let second = u64::from(SAMPLE_RATE);
        let selection = Selection { start: 100 * second, end: Some(200 * second), ..Selection::default() };
        let chunks = vec![Span { start: 100 * second, end: 125 * second }; 4];
        let plan = Plan { samples: 200 * second, selection, chunks, ..Plan::default() };
        let pace = Pace { audio_secs: 25.0, wall_secs: 5.0 };
        let percent = |progress: Progress| (progress.percent, progress.processed_secs, progress.eta_secs);
        assert_eq!(percent(plan.progress(0, None, None)), (0.0, 100.0, None));
        assert_eq!(percent(plan.progress(1, Some(125.0), Some(pace))), (25.0, 125.0, Some(15.0)));
        assert_eq!(percent(plan.progress(4, Some(190.0), Some(pace))), (100.0, 200.0, Some(0.0)));
    }
}
