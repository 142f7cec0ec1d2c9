//! Whose turn it is: interactive jobs go first, and batch jobs get on all the same.
//!
//! The table in `job/search.rs` has this among all that decides which job is next.

use super::options::Priority;

/// How many interactive jobs may overtake the batch jobs before one of these has a turn.
const OVERTAKING: u32 = 4;

/// Counts the jobs that were taken. A batch job that has its turn while interactive ones wait gives way again at its
/// next chunk boundary: of any five turns it has one, and in that it gets one chunk further at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turns {
    overtaken: u32,
}

impl Turns {
    /// Whose job is to be taken next, if there is one of it.
    pub fn next(self) -> Priority {
        if self.overtaken < OVERTAKING { Priority::Interactive } else { Priority::Batch }
    }

    /// A job of that priority was taken.
    pub fn taken(&mut self, priority: Priority) {
        self.overtaken = match priority {
            Priority::Interactive => self.overtaken.saturating_add(1),
            Priority::Batch => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_five_turns_one_is_for_batch() {
        let mut turns = Turns::default();
        let taken: Vec<_> = std::iter::repeat_with(|| {
            let next = turns.next();
            turns.taken(next);
            next
        })
        .take(10)
        .collect();
        let batch = [4, 9].map(|turn| taken[turn]);
        assert_eq!(batch, [Priority::Batch; 2]);
        assert_eq!(taken.iter().filter(|priority| **priority == Priority::Batch).count(), 2);
    }

    #[test]
    fn a_batch_job_that_comes_late_has_not_long_to_wait() {
        let mut turns = Turns::default();
        (0..1000).for_each(|_| turns.taken(Priority::Interactive));
        assert_eq!(turns.next(), Priority::Batch);
    }
}
