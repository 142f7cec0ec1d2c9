//! What every format renders.

use actors::domain::jobs::options::Task;
use actors::domain::language::Language;
use actors::domain::transcript::{Segment, edit, text};

/// What is rendered: a job's segments, all of them or those so far.
#[derive(Debug, Clone, Copy)]
pub struct Transcript<'a> {
    /// `None` where there was no speech.
    pub language: Option<Language>,
    /// How sure that is, 0 to 1; `None` where it was asked for.
    pub language_probability: Option<f32>,
    /// Length of the recording.
    pub duration_secs: f64,
    pub task: Task,
    pub segments: &'a [Segment],
    /// Which revision it is, 0 being what the engine wrote; `None` where documents do not say.
    pub revision: Option<u32>,
}

impl Transcript<'_> {
    /// The whole text in one line, without the speakers' names.
    pub(super) fn text(&self) -> String {
        match self.revision {
            None | Some(0) => text(self.segments),
            Some(_) => edit::joined(self.segments),
        }
    }
}
