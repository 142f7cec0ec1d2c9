//! When a job is to blame for the engine's end.

/// Deaths of the engine under one chunk, in a row. A finished chunk begins anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deaths {
    /// It aborted, broke down or hung.
    pub crashes: u32,
    /// Someone killed it from outside.
    pub kills: u32,
}

/// A chunk under which the engine crashes this often is not tried again.
const CRASHES_ALLOWED: u32 = 3;
/// So many kills are an operator's or the kernel's doing; more of them speak against the chunk.
const KILLS_FORGIVEN: u32 = 9;

impl Deaths {
    #[must_use]
    pub fn with_crash(self) -> Self {
        Self { crashes: self.crashes.saturating_add(1), ..self }
    }

    #[must_use]
    pub fn with_kill(self) -> Self {
        Self { kills: self.kills.saturating_add(1), ..self }
    }

    /// Whether the job is to fail rather than be tried again.
    pub fn are_the_jobs_fault(self) -> bool {
        self.crashes.saturating_add(self.kills.saturating_sub(KILLS_FORGIVEN)) >= CRASHES_ALLOWED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_crashes_are_too_many_and_nine_kills_are_not() {
        let deaths = |crashes, kills| Deaths { crashes, kills }.are_the_jobs_fault();
        assert!(!deaths(2, 9) && deaths(3, 0));
        assert!(deaths(2, 10) && !deaths(0, 11) && deaths(0, 12));
        assert_eq!(Deaths::default().with_crash().with_kill(), Deaths { crashes: 1, kills: 1 });
    }
}
