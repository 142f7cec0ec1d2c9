//! How far the work on a plan is.

use std::time::Instant;

use actors::domain::audio::{Plan, Span};
use actors::domain::jobs::progress::{Pace, Progress};

use crate::cli::progress::Step;

/// How far the work on a plan is, and how fast it goes.
pub(super) struct Track<'a> {
    plan: &'a Plan,
    started: Instant,
    done: u32,
    audio_secs: f64,
    processed_secs: Option<f64>,
    /// As it was when a chunk last ended: inside a chunk it would only seem to fall.
    pace: Option<Pace>,
}

impl<'a> Track<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan, started: Instant::now(), done: 0, audio_secs: 0.0, processed_secs: None, pace: None }
    }

    pub(super) fn finish(&mut self, span: Span) {
        self.done += 1;
        self.audio_secs += (span.end_secs() - span.start_secs()) / f64::from(self.plan.passes());
        self.processed_secs = Some(span.end_secs());
        let wall_secs = self.started.elapsed().as_secs_f64();
        self.pace = Some(Pace { audio_secs: self.audio_secs, wall_secs });
    }

    /// With `fraction` of the present chunk done as well.
    pub(super) fn step(&self, fraction: f64, chunk: Span) -> Step {
        let secs = chunk.end_secs() - chunk.start_secs();
        let progress = self.plan.progress(self.done, self.processed_secs, self.pace);
        let Progress { percent, chunk, chunks_total, eta_secs, .. } =
            progress.within_chunk(fraction, secs, self.plan.selected_secs());
        Step { percent, chunk, chunks_total, eta_secs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_the_chunk_being_worked_on_and_what_is_done_of_it() {
        let chunks = vec![Span { start: 0, end: 160_000 }, Span { start: 160_000, end: 320_000 }];
        let plan = Plan { samples: 320_000, chunks: chunks.clone(), ..Plan::default() };
        let mut track = Track::new(&plan);
        let begun = track.step(0.5, chunks[0]);
        assert_eq!((begun.chunk, begun.chunks_total, begun.percent), (1, 2, 25.0));
        track.finish(chunks[0]);
        let second = track.step(0.0, chunks[1]);
        assert_eq!((second.chunk, second.percent), (2, 50.0));
    }
}
