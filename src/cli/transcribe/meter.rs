//! Progress on stderr: a bar on a terminal, lines where they are asked for, else nothing.

use std::cell::RefCell;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::ProgressMode;
use crate::cli::stderr;

const WITH_BAR: &str = "[{bar:24}] {wide_msg}";
const WITHOUT_BAR: &str = "{spinner} {wide_msg}";
const TICK: Duration = Duration::from_millis(120);

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
pub(super) struct Step {
    pub percent: f64,
    /// The one being worked on, from 1.
    pub chunk: u32,
    pub chunks_total: u32,
    pub eta_secs: Option<f64>,
}

/// Shows one recording's progress at a time; clones show the same one.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    mode: Shown,
    now: Rc<RefCell<Now>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Bar,
    Lines,
    Nothing,
}

#[derive(Debug, Default)]
struct Now {
    name: String,
    bar: Option<ProgressBar>,
    /// The last line written, which is not written again.
    line: String,
}

impl Meter {
    pub(super) fn new(mode: ProgressMode) -> Self {
        let mode = match mode {
            ProgressMode::Auto if stderr().is_terminal() => Shown::Bar,
            ProgressMode::Auto | ProgressMode::None => Shown::Nothing,
            ProgressMode::Plain => Shown::Lines,
        };
        Self { mode, now: Rc::default() }
    }

    /// The next recording begins.
    pub(super) fn begin(&self, file: &Path) {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        // A name may hold what would move the cursor.
        let name = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        *self.now.borrow_mut() = Now { name, ..Now::default() };
    }

    /// Something goes on that cannot be measured.
    pub(super) fn say(&self, what: &str) {
        let mut now = self.now.borrow_mut();
        match self.mode {
            Shown::Nothing => {}
            Shown::Lines => now.write(what.to_owned()),
            Shown::Bar => {
                let message = format!("{}: {what}", now.name);
                now.bar().set_style(style(WITHOUT_BAR));
                now.bar().set_message(message);
            }
        }
    }

    /// `done` of `total` bytes have been sent.
    pub(super) fn sent(&self, done: u64, total: u64) {
        // As lines this would be nothing but noise.
        if self.mode == Shown::Bar {
            let percent = done as f64 / total.max(1) as f64 * 100.0;
            self.now.borrow_mut().draw(percent, &format!("sending, {} %", percent.floor()));
        }
    }

    pub(super) fn step(&self, step: &Step) {
        let mut now = self.now.borrow_mut();
        match self.mode {
            Shown::Nothing => {}
            Shown::Lines => now.write(words(step)),
            Shown::Bar => now.draw(step.percent, &words(step)),
        }
    }

    /// A warning for the recording's owner; shown whatever the mode.
    pub(super) fn warn(&self, warning: &str) {
        let now = self.now.borrow();
        let print = || stderr::print_line(&format!("warning: {}: {warning}", now.name));
        match &now.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        if let Some(bar) = self.now.borrow_mut().bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Now {
    fn bar(&mut self) -> &ProgressBar {
        self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
            bar
        })
    }

    fn draw(&mut self, percent: f64, words: &str) {
        let message = format!("{}: {words}", self.name);
        let bar = self.bar();
        bar.set_style(style(WITH_BAR));
        // The conversion saturates: a number that is none counts as 0.
        bar.set_position((percent * 10.0) as u64);
        bar.set_message(message);
    }

    fn write(&mut self, what: String) {
        if what != self.line {
            stderr::print_line(&format!("[{}] {what}", self.name));
            self.line = what;
        }
    }
}

/// Percentages are rounded down: 100 % is said when it is true.
fn words(step: &Step) -> String {
    let done = format!("chunk {} of {}, {} %", step.chunk, step.chunks_total, step.percent.floor());
    match step.eta_secs {
        Some(secs) if step.percent < 100.0 => format!("{done}, {} left", span(secs)),
        Some(_) | None => done,
    }
}

/// A length of time as people say it.
fn span(secs: f64) -> String {
    // The conversion saturates.
    let secs = secs.ceil() as u64;
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs} s"),
        (0, mins, secs) => format!("{mins} min {secs} s"),
        (hours, mins, _) => format!("{hours} h {mins} min"),
    }
}

#[allow(clippy::expect_used, reason = "both templates are constants that the test below builds")]
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a constant template").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(percent: f64, eta_secs: Option<f64>) -> Step {
        Step { percent, chunk: 19, chunks_total: 51, eta_secs }
    }

    #[test]
    fn a_step_tells_chunk_percentage_and_what_is_left() {
        assert_eq!(words(&step(36.9, Some(40.2))), "chunk 19 of 51, 36 %, 41 s left");
        assert_eq!(words(&step(0.0, None)), "chunk 19 of 51, 0 %");
        assert_eq!(words(&step(100.0, Some(0.0))), "chunk 19 of 51, 100 %");
    }

    #[test]
    fn long_times_are_said_in_minutes_and_hours() {
        assert_eq!((span(61.0), span(7321.0)), ("1 min 1 s".into(), "2 h 2 min".into()));
    }

    #[test]
    fn both_templates_are_well_formed_and_the_bar_follows() {
        let meter = Meter { mode: Shown::Bar, now: Rc::default() };
        meter.begin(Path::new("dir/talk.wav"));
        meter.say("loading model");
        meter.sent(1, 4);
        meter.step(&step(36.1, None));
        let position = meter.now.borrow().bar.as_ref().map(ProgressBar::position);
        assert_eq!(position, Some(361));
        meter.clear();
        assert!(meter.now.borrow().bar.is_none());
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let meter = Meter::new(ProgressMode::None);
        meter.begin(Path::new("evil\u{1b}[2J.wav"));
        assert_eq!(meter.now.borrow().name, "evil?[2J.wav");
    }
}
