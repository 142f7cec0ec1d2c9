//! The consequence of a fault of the engine, or of the recording, for the job.

use tracing::error;

use super::super::control::Order;
use super::{EngineHealth, Leave, Run, Stop};
use crate::domain::event::RequeueReason;
use crate::domain::jobs::engine_exits::EngineExits;
use crate::domain::jobs::job::JobError;
use crate::model::State;
use crate::ports::{AudioError, EngineFault};

impl Run {
    /// The consequence of a fault of the engine for the job.
    pub(super) fn judge(&mut self, fault: EngineFault) -> Stop {
        match fault {
            EngineFault::Cancelled => self.interrupted().into(),
            EngineFault::OutOfMemory { needed_bytes, free_bytes } => {
                self.engine = EngineHealth::Lost;
                self.deps.model.ran_out_of_memory(&self.lease, needed_bytes, free_bytes);
                Leave::GiveBack(RequeueReason::OutOfMemory).into()
            }
            EngineFault::Exited { detail } => {
                let exits = self.claim.exits.with_crash();
                self.engine_lost(&detail, exits, RequeueReason::EngineExited)
            }
            EngineFault::Killed => {
                let exits = self.claim.exits.with_kill();
                self.engine_lost("it was killed", exits, RequeueReason::EngineKilled)
            }
            EngineFault::Unloaded => {
                self.engine = EngineHealth::Lost;
                Leave::GiveBack(self.unload_reason()).into()
            }
            EngineFault::Refused { message } => {
                Stop::Fail(JobError { code: "engine_refused".into(), message })
            }
        }
    }

    fn engine_lost(&mut self, detail: &str, exits: EngineExits, reason: RequeueReason) -> Stop {
        self.engine = EngineHealth::Lost;
        let EngineExits { crashes, kills } = exits;
        error!(job.id = %self.claim.job.id, detail, crashes, kills, "engine process exited during a job");
        // An engine that was taken down with the service did not crash.
        if let Order::GiveBack(reason) = self.control.order(self.deps.model.state()) {
            return Leave::GiveBack(reason).into();
        }
        if !exits.are_the_jobs_fault() {
            return Leave::GiveBack(reason).into();
        }
        let times = crashes.saturating_add(kills);
        Stop::Fail(JobError {
            code: "engine_crashed".into(),
            message: format!("the engine exited {times} times in a row on the same chunk"),
        })
    }

    /// What took the model away from under a job that had no part in it.
    fn unload_reason(&self) -> RequeueReason {
        let state = self.deps.model.state();
        match (self.control.order(state), state) {
            (Order::GiveBack(reason), _) => reason,
            // Another chunk, beside this one or before it, found no room.
            (Order::GoOn, State::WaitingForGpu) => RequeueReason::OutOfMemory,
            (Order::GoOn, _) => RequeueReason::ModelUnloading,
        }
    }

    pub(super) fn bad_audio(&self, error: &AudioError) -> Stop {
        let code = match error {
            AudioError::Cancelled => return self.interrupted().into(),
            AudioError::Unsupported(_) | AudioError::TooLong { .. } => "unsupported_media",
            AudioError::NoSuchTrack(_) | AudioError::StartsPastEnd { .. } => "invalid_option",
            AudioError::EmptyFile | AudioError::NoSamples => "no_audio",
            AudioError::Corrupt(_) => "corrupt_audio",
            AudioError::Io(_) | AudioError::Unreachable(_) => "audio_unreadable",
        };
        Stop::Fail(JobError { code: code.into(), message: error.to_string() })
    }
}
