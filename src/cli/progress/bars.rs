//! The bars on a terminal: the line of text that is not full yet, the recording's bar, and one for all recordings.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

const WITH_BAR: &str = "[{bar:24}] {wide_msg}";
const WITHOUT_BAR: &str = "{spinner} {wide_msg}";
const TEXT: &str = "{msg}";
const TICK: Duration = Duration::from_millis(120);
/// Parts of a bar: tenths of a percent.
const PARTS: u64 = 1000;

#[derive(Debug)]
pub(super) struct Bars {
    screen: MultiProgress,
    text: Option<ProgressBar>,
    recording: Option<ProgressBar>,
    /// Of several recordings.
    total: Option<ProgressBar>,
}

impl Bars {
    pub(super) fn new(target: ProgressDrawTarget) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        Self { screen, text: None, recording: None, total: None }
    }

    /// Shows `message` without saying how far it is.
    pub(super) fn spin(&mut self, message: String) {
        let bar = self.recording();
        bar.set_style(style(WITHOUT_BAR));
        bar.set_message(message);
    }

    pub(super) fn draw(&mut self, percent: f64, message: String) {
        let bar = self.recording();
        bar.set_style(style(WITH_BAR));
        // The conversion saturates: NaN becomes 0.
        bar.set_position((percent * 10.0) as u64);
        bar.set_message(message);
    }

    /// `done` of `of` recordings are over.
    pub(super) fn total(&mut self, done: usize, of: usize, message: String) {
        let bar = self.total.get_or_insert_with(|| {
            let bar = self.screen.add(ProgressBar::new(PARTS));
            bar.set_style(style(WITH_BAR));
            bar
        });
        bar.set_position(PARTS * done as u64 / (of as u64).max(1));
        bar.set_message(message);
    }

    /// The line of text that is not full yet.
    pub(super) fn text(&mut self, line: &str) {
        if line.is_empty() {
            self.text.take().iter().for_each(|bar| self.remove(bar));
            return;
        }
        let bar = self.text.get_or_insert_with(|| {
            let bar = self.screen.insert(0, ProgressBar::new(PARTS));
            bar.set_style(style(TEXT));
            bar
        });
        bar.set_message(line.to_owned());
    }

    /// Leaves the recording's bar above the others, for good.
    pub(super) fn leave(&mut self, message: &str) {
        let full = format!("[{}] {message}", "=".repeat(24));
        // A closed terminal shows nothing.
        let _ = self.screen.println(full);
        self.clear_recording();
    }

    pub(super) fn clear_recording(&mut self) {
        self.text("");
        self.recording.take().iter().for_each(|bar| self.remove(bar));
    }

    pub(super) fn clear_total(&mut self) {
        self.total.take().iter().for_each(|bar| self.remove(bar));
    }

    /// Something else writes to the terminal meanwhile.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.screen.suspend(print)
    }

    fn remove(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.screen.remove(bar);
    }

    fn recording(&mut self) -> &ProgressBar {
        self.recording.get_or_insert_with(|| {
            let bar = ProgressBar::new(PARTS);
            let bar = match &self.total {
                Some(total) => self.screen.insert_before(total, bar),
                None => self.screen.add(bar),
            };
            bar.enable_steady_tick(TICK);
            bar
        })
    }
}

#[allow(clippy::expect_used, reason = "the templates are constants that the tests build")]
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a constant template").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    #[test]
    fn text_stands_above_the_recording_and_that_above_the_total() {
        let term = InMemoryTerm::new(10, 60);
        let mut bars = Bars::new(ProgressDrawTarget::term_like(Box::new(term.clone())));
        bars.total(1, 4, "1 of 4 recordings".into());
        bars.spin("talk.wav: loading model".into());
        bars.draw(50.0, "talk.wav: chunk 1/2".into());
        bars.text("One two");
        let shown = term.contents();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "One two");
        assert_eq!(lines[1], "[============>           ] talk.wav: chunk 1/2");
        assert_eq!(lines[2], "[======>                 ] 1 of 4 recordings");
    }

    #[test]
    fn a_bar_that_is_left_stays_above_what_comes_next() {
        let term = InMemoryTerm::new(10, 60);
        let mut bars = Bars::new(ProgressDrawTarget::term_like(Box::new(term.clone())));
        bars.draw(90.0, "a.wav: chunk 9/9".into());
        bars.leave("a.wav: done");
        bars.draw(0.0, "b.wav: chunk 1/9".into());
        bars.clear_recording();
        assert_eq!(term.contents().trim_end(), "[========================] a.wav: done");
    }
}
