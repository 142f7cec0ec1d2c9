//! A download's progress bar.

use std::borrow::Cow;
use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const WITH_TOTAL: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} ETA {eta}";
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

    /// `done` of `total` bytes are here, those of an earlier run included. What is there at the first
    /// call does not count as speed.
    pub fn update(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total
            && self.0.length().is_none()
        {
            self.0.set_length(total);
            self.0.set_style(style(WITH_TOTAL));
            self.0.set_position(done);
            self.0.reset_eta();
        }
        self.0.set_position(done);
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

#[allow(clippy::expect_used, reason = "both templates are constants that the test below builds")]
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a constant template").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_well_formed_and_the_bar_follows() {
        let bar = PullBar::new("tiny");
        bar.update(5, None);
        bar.update(10, Some(100));
        assert_eq!((bar.0.position(), bar.0.length()), (10, Some(100)));
        bar.finish();
    }
}
