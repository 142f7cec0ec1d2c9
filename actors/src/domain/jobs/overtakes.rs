//! How many jobs of the loaded model run while a job for another model waits.
//!
//! Loading takes as long as many a job, so jobs of the loaded model go before one of another model that would be
//! next, but not for ever: at most eight of them, and none once they have decoded ten minutes of audio. Then the other
//! model is loaded, and the job is taken. Each line counts for itself, from the last time that its first was taken.
//!
//! The table in `job/search.rs` has this among all that decides which job is next.

use serde::Serialize;

use super::options::Priority;

/// As many jobs of the loaded model pass the first of a line.
pub const MOST_JOBS: u32 = 8;
/// After as many seconds of audio no further one does.
pub const MOST_AUDIO_SECS: f64 = 600.0;

/// Who is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Interactive,
    Batch,
    /// A client whose request was answered 503, with a `Retry-After` for when its model is loaded.
    Client,
}

impl From<Priority> for Line {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Interactive => Self::Interactive,
            Priority::Batch => Self::Batch,
        }
    }
}

/// How much work has overtaken the first job of each line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Overtakes {
    interactive: Passed,
    batch: Passed,
    client: Passed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Passed {
    jobs: u32,
    audio_secs: f64,
}

impl Overtakes {
    /// Whether one more may go before the first of that line.
    pub fn allow(&self, line: Line) -> bool {
        let passed = match line {
            Line::Interactive => self.interactive,
            Line::Batch => self.batch,
            Line::Client => self.client,
        };
        passed.jobs < MOST_JOBS && passed.audio_secs < MOST_AUDIO_SECS
    }

    /// Whether a job may go before one of another model that would be next: a batch job before no interactive one.
    pub fn may_overtake(first: Priority, sooner: Priority) -> bool {
        first == Priority::Batch || sooner == first
    }

    /// A job went before the first of that line.
    pub fn record_job(&mut self, line: Line) {
        let passed = self.of(line);
        passed.jobs = passed.jobs.saturating_add(1);
    }

    /// The audio that such a job has decoded when it ended, or was given back.
    pub fn add_audio(&mut self, line: Line, audio_secs: f64) {
        self.of(line).audio_secs += audio_secs;
    }

    /// The first of that line was taken.
    pub fn served(&mut self, line: Line) {
        *self.of(line) = Passed::default();
    }

    fn of(&mut self, line: Line) -> &mut Passed {
        match line {
            Line::Interactive => &mut self.interactive,
            Line::Batch => &mut self.batch,
            Line::Client => &mut self.client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_jobs_pass_and_then_the_first_is_taken() {
        let mut overtakes = Overtakes::default();
        for _ in 0..MOST_JOBS {
            assert!(overtakes.allow(Line::Batch));
            overtakes.record_job(Line::Batch);
        }
        assert!(!overtakes.allow(Line::Batch));
        assert!(overtakes.allow(Line::Interactive), "another line counts for itself");
        overtakes.served(Line::Interactive);
        assert!(!overtakes.allow(Line::Batch), "and says nothing of this one");
        overtakes.served(Line::Batch);
        assert!(overtakes.allow(Line::Batch));
    }

    #[test]
    fn one_long_job_is_as_much_as_many() {
        let mut overtakes = Overtakes::default();
        overtakes.record_job(Line::Batch);
        overtakes.add_audio(Line::Batch, MOST_AUDIO_SECS - 1.0);
        assert!(overtakes.allow(Line::Batch));
        overtakes.record_job(Line::Batch);
        overtakes.add_audio(Line::Batch, 1.0);
        assert!(!overtakes.allow(Line::Batch));
    }
}
