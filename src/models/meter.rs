//! What a download reports while it runs, and whether it is still wanted.

use actors::ports::{PullStage, PullStep};

use super::error::PullError;

pub(super) struct Meter<'a> {
    keep_going: &'a dyn Fn() -> bool,
    progress: &'a mut dyn FnMut(PullStep),
    /// Bytes of the files before the present one.
    before: u64,
    /// Of all files, where that is known ahead.
    whole: Option<u64>,
    last: PullStep,
}

impl<'a> Meter<'a> {
    pub(super) fn new(
        whole: Option<u64>,
        keep_going: &'a dyn Fn() -> bool,
        progress: &'a mut dyn FnMut(PullStep),
    ) -> Self {
        let last = PullStep { stage: PullStage::Pulling, bytes: 0, total_bytes: whole };
        Self { keep_going, progress, before: 0, whole, last }
    }

    /// So many bytes of the present file are here.
    pub(super) fn pulling(&mut self, bytes: u64, total: Option<u64>) {
        let bytes = self.before + bytes;
        // The server's length of its file counts.
        let of_file = total.map(|total| self.before + total);
        let total_bytes = self.whole.max(of_file).map(|total| total.max(bytes));
        self.report(PullStep { stage: PullStage::Pulling, bytes, total_bytes });
    }

    pub(super) fn verifying(&mut self) {
        self.report(PullStep { stage: PullStage::Verifying, ..self.last });
    }

    /// A file of so many bytes is whole; another one follows, or none.
    pub(super) fn file_done(&mut self, bytes: u64) {
        self.before += bytes;
    }

    pub(super) fn check(&self) -> Result<(), PullError> {
        if (self.keep_going)() { Ok(()) } else { Err(PullError::Cancelled) }
    }

    pub(super) fn keep_going(&self) -> &'a dyn Fn() -> bool {
        self.keep_going
    }

    fn report(&mut self, step: PullStep) {
        self.last = step;
        (self.progress)(step);
    }
}
