//! What every format renders.

use actors::domain::jobs::options::Task;
use actors::domain::language::Language;
use actors::domain::transcript::Segment;

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
}
