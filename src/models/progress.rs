//! A download's progress bar.

use std::borrow::Cow;
use std::io::{IsTerminal, stderr};

use actors::ports::{PullStage, PullStep};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const WITH_TOTAL: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} ETA {eta}";
const VERIFYING: &str = "{msg} {bytes}, verifying";
const WITHOUT_TOTAL: &str = "{msg} {bytes} {bytes_per_sec}";

/// Bytes, speed and time left on stderr; nothing at all where stderr is not a terminal.
pub struct PullBar(ProgressBar);

impl PullBar {
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_style(style(WITHOUT_TOTAL));
        Self(bar.with_message(name))
    }

    /// Shows how far a download is. What is there at the first call does not count as speed.
    pub fn update(&self, PullStep { stage, bytes, total_bytes }: PullStep) {
        match (total_bytes, self.0.length()) {
            (Some(total), None) => {
                self.0.set_length(total);
                self.0.set_style(style(WITH_TOTAL));
                self.0.set_position(bytes);
                self.0.reset_eta();
            }
            (Some(total), Some(shown)) if shown != total => self.0.set_length(total),
            (Some(_) | None, _) => {}
        }
        if stage == PullStage::Verifying && !self.0.is_finished() {
            self.0.set_style(style(VERIFYING));
        }
        self.0.set_position(bytes);
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

#[allow(clippy::expect_used, reason = "the templates are constants that the test below builds")]
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a constant template").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_are_well_formed_and_the_bar_follows() {
        let bar = PullBar::new("tiny");
        let update = |stage, bytes, total_bytes| bar.update(PullStep { stage, bytes, total_bytes });
        update(PullStage::Pulling, 5, None);
        update(PullStage::Pulling, 10, Some(100));
        assert_eq!((bar.0.position(), bar.0.length()), (10, Some(100)));
        update(PullStage::Verifying, 100, Some(100));
        bar.finish();
    }
}
