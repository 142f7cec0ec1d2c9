//! When a job is to blame for the engine's end.

/// How often in a row the engine exited while it had the same chunk. A finished chunk resets both counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EngineExits {
    /// It aborted, broke down or hung.
    pub crashes: u32,
    /// It was killed from outside.
    pub kills: u32,
}

/// A chunk under which the engine crashes this often is not tried again.
const CRASHES_ALLOWED: u32 = 3;
/// So many kills are an operator's or the kernel's doing; more of them speak against the chunk.
const KILLS_FORGIVEN: u32 = 9;

impl EngineExits {
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
        let at_fault = |crashes, kills| EngineExits { crashes, kills }.are_the_jobs_fault();
        assert!(!at_fault(2, 9) && at_fault(3, 0));
        assert!(at_fault(2, 10) && !at_fault(0, 11) && at_fault(0, 12));
        assert_eq!(EngineExits::default().with_crash().with_kill(), EngineExits { crashes: 1, kills: 1 });
    }
}
