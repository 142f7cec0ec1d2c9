//! Progress on stderr: bars on a terminal, lines where they are asked for, else nothing. Text that is decoded appears above it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use indicatif::ProgressDrawTarget;

use super::bars::Bars;
use super::live_text::LiveText;
use super::mode::{ProgressMode, Shown};
use super::speed::Speed;
use super::step::{Step, times, words};
use crate::cli::stderr;
use crate::cli::table::printable;

/// Shows one recording's progress at a time; clones show the same one.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Meter {
    shown: Shown,
    now: Rc<RefCell<Now>>,
}

#[derive(Debug)]
struct Now {
    bars: Bars,
    live: Option<LiveText>,
    total: Total,
    name: String,
    /// Stands above the recording's text, and was not shown yet.
    title: Option<String>,
    is_titled: bool,
    speed: Speed,
    last_speed: Option<f64>,
    /// The number of the next segment; earlier ones are not shown again.
    next_segment: u32,
    /// The last line written, which is not written again.
    line: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Total {
    of: usize,
    done: usize,
    failed: usize,
}

impl Meter {
    pub(in crate::cli) fn new(mode: ProgressMode) -> Self {
        Self::with(mode.shown(), ProgressDrawTarget::stderr())
    }

    fn with(shown: Shown, target: ProgressDrawTarget) -> Self {
        let bars = Bars::new(if shown == Shown::Bars { target } else { ProgressDrawTarget::hidden() });
        let now = Now {
            bars,
            live: None,
            total: Total::default(),
            name: String::new(),
            title: None,
            is_titled: false,
            speed: Speed::default(),
            last_speed: None,
            next_segment: 0,
            line: String::new(),
        };
        Self { shown, now: Rc::new(RefCell::new(now)) }
    }

    /// Text is shown as it is decoded where stdout is a terminal.
    pub(in crate::cli) fn show_text(&self) {
        self.now.borrow_mut().live = LiveText::of_stdout();
    }

    /// Whether whole transcripts need not be printed.
    pub(in crate::cli) fn shows_text(&self) -> bool {
        self.now.borrow().live.is_some()
    }

    /// So many recordings more are to be done.
    pub(in crate::cli) fn expect(&self, recordings: usize) {
        let mut now = self.now.borrow_mut();
        now.total.of += recordings;
        now.draw_total(self.shown);
    }

    /// The next recording begins. `title` is the line above its text.
    pub(in crate::cli) fn begin(&self, name: &str, title: Option<String>) {
        let mut now = self.now.borrow_mut();
        now.is_titled = title.is_some();
        now.title = title;
        now.name = printable(name);
        now.speed = Speed::default();
        now.last_speed = None;
        now.next_segment = 0;
        now.line.clear();
    }

    /// What is transcribed of the recording is this long.
    pub(in crate::cli) fn length(&self, secs: f64) {
        self.now.borrow_mut().speed.audio_secs = Some(secs);
    }

    /// A step without a percentage.
    pub(in crate::cli) fn say(&self, what: &str) {
        let mut now = self.now.borrow_mut();
        match self.shown {
            Shown::Nothing => {}
            Shown::Lines => now.write(what.to_owned()),
            Shown::Bars => {
                let message = now.of_recording(what);
                now.bars.spin(message);
            }
        }
    }

    /// `done` of `total` bytes have been sent or received.
    pub(in crate::cli) fn bytes(&self, doing: &str, done: u64, total: u64) {
        // As lines this would be nothing but noise.
        if self.shown == Shown::Bars {
            let percent = done as f64 / total.max(1) as f64 * 100.0;
            let mut now = self.now.borrow_mut();
            let message = now.of_recording(&format!("{doing}, {} %", percent.floor()));
            now.bars.draw(percent, message);
        }
    }

    pub(in crate::cli) fn step(&self, step: &Step) {
        let mut now = self.now.borrow_mut();
        let speed = now.speed.at(Instant::now(), step.percent);
        now.last_speed = speed.or(now.last_speed);
        let words = words(step, now.last_speed);
        match self.shown {
            Shown::Nothing => {}
            Shown::Lines => now.write(words),
            Shown::Bars => {
                let message = now.of_recording(&words);
                now.bars.draw(step.percent, message);
            }
        }
    }

    /// Text of a segment, counted from 0. A job that started again sends its first segments again.
    pub(in crate::cli) fn text(&self, segment: u32, text: &str) {
        let mut now = self.now.borrow_mut();
        if segment < now.next_segment {
            return;
        }
        now.next_segment = segment + 1;
        now.add_text(text);
    }

    /// A line on stderr, whatever the mode.
    pub(in crate::cli) fn print(&self, line: &str) {
        self.now.borrow().bars.suspend(|| stderr::print_line(line));
    }

    /// Writes to the terminal without the bars in between.
    pub(in crate::cli) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.now.borrow().bars.suspend(print)
    }

    /// A warning for the recording's owner; shown whatever the mode.
    pub(in crate::cli) fn warn(&self, warning: &str) {
        let line = format!("warning: {}: {warning}", self.now.borrow().name);
        self.print(&line);
    }

    /// The recording has its transcript, of which `text` is shown if none was before.
    pub(in crate::cli) fn done(&self, text: &str) {
        let mut now = self.now.borrow_mut();
        if now.next_segment == 0 {
            now.add_text(text);
        }
        now.end_text();
        now.total.done += 1;
        if now.total.of > 1 && self.shown == Shown::Bars {
            let speed = now.last_speed.map(|speed| format!(", {}", times(speed))).unwrap_or_default();
            let message = now.of_recording(&format!("done{speed}"));
            now.bars.leave(&message);
        }
        now.bars.clear_recording();
        now.draw_total(self.shown);
    }

    /// The recording has none.
    pub(in crate::cli) fn failed(&self) {
        let mut now = self.now.borrow_mut();
        now.title = None;
        now.is_titled &= now.next_segment > 0;
        now.end_text();
        now.total.done += 1;
        now.total.failed += 1;
        now.bars.clear_recording();
        now.draw_total(self.shown);
    }

    /// Takes the bars off the screen.
    pub(in crate::cli) fn clear(&self) {
        let mut now = self.now.borrow_mut();
        now.bars.clear_recording();
        now.bars.clear_total();
    }
}

impl Now {
    fn of_recording(&self, what: &str) -> String {
        format!("{}: {what}", self.name)
    }

    fn write(&mut self, what: String) {
        if what != self.line {
            stderr::print_line(&format!("[{}] {what}", self.name));
            self.line = what;
        }
    }

    fn draw_total(&mut self, shown: Shown) {
        let Total { of, done, failed } = self.total;
        if of > 1 && shown == Shown::Bars {
            let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
            self.bars.total(done, of, format!("{done} of {of} recordings{failed}"));
        }
    }

    fn add_text(&mut self, text: &str) {
        let Self { live: Some(live), bars, title, .. } = self else { return };
        let mut full: Vec<String> = title.take().into_iter().collect();
        full.extend(live.wrapper.push(text));
        if !full.is_empty() {
            // On the screen there is no other line than the bars', which are drawn again.
            bars.text("");
            bars.suspend(|| live.print(full));
        }
        bars.text(live.wrapper.open());
    }

    fn end_text(&mut self) {
        let Self { live: Some(live), bars, is_titled, .. } = self else { return };
        let blank = std::mem::take(is_titled).then(String::new);
        let last: Vec<String> = live.wrapper.take().into_iter().chain(blank).collect();
        bars.text("");
        if !last.is_empty() {
            bars.suspend(|| live.print(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn on_a_terminal() -> (Meter, InMemoryTerm, Rc<RefCell<Vec<String>>>) {
        let term = InMemoryTerm::new(10, 70);
        let meter = Meter::with(Shown::Bars, ProgressDrawTarget::term_like(Box::new(term.clone())));
        let printed: Rc<RefCell<Vec<String>>> = Rc::default();
        let lines = printed.clone();
        let live = LiveText::new(20, move |line| lines.borrow_mut().push(line.to_owned()));
        meter.now.borrow_mut().live = Some(live);
        (meter, term, printed)
    }

    fn step(percent: f64) -> Step {
        Step { percent, chunk: 19, chunks_total: 51, eta_secs: None }
    }

    #[test]
    fn text_appears_above_the_bar_and_full_lines_are_printed() {
        let (meter, term, printed) = on_a_terminal();
        meter.begin("talk.wav", None);
        meter.step(&step(50.0));
        meter.text(0, " One two");
        assert!(term.contents().starts_with("One two\n[==="), "{}", term.contents());
        meter.text(1, " three four five");
        assert_eq!(*printed.borrow(), ["One two three four"]);
        assert!(term.contents().starts_with("five\n"), "{}", term.contents());
        meter.done("");
        assert_eq!(*printed.borrow(), ["One two three four", "five"]);
        assert_eq!(term.contents(), "");
    }

    #[test]
    fn a_job_that_begins_anew_shows_no_text_twice() {
        let (meter, _term, printed) = on_a_terminal();
        meter.begin("talk.wav", None);
        for (segment, text) in [(0, " One"), (1, " two"), (0, " One"), (1, " two"), (2, " three")] {
            meter.text(segment, text);
        }
        meter.done("");
        assert_eq!(*printed.borrow(), ["One two three"]);
    }

    #[test]
    fn each_recording_leaves_its_bar_and_the_total_counts() {
        let (meter, term, _printed) = on_a_terminal();
        meter.expect(3);
        meter.begin("a.wav", None);
        meter.step(&step(36.1));
        meter.done("");
        meter.begin("b.wav", None);
        meter.failed();
        meter.begin("c.wav", None);
        meter.step(&step(10.0));
        let shown = term.contents();
        assert!(shown.contains("[========================] a.wav: done"), "{shown}");
        assert!(shown.contains("c.wav: chunk 19/51, 10 %"), "{shown}");
        assert!(shown.contains("2 of 3 recordings, 1 failed"), "{shown}");
        meter.clear();
        assert!(!term.contents().contains("recordings"));
    }

    #[test]
    fn a_title_stands_above_text_and_an_empty_line_below_it() {
        let (meter, _term, printed) = on_a_terminal();
        for (name, text) in [("a.wav", "One two."), ("b.wav", "")] {
            meter.begin(name, Some(format!("==> {name} <==")));
            meter.done(text);
        }
        meter.begin("c.wav", Some("==> c.wav <==".to_owned()));
        meter.failed();
        assert_eq!(*printed.borrow(), ["==> a.wav <==", "One two.", "", "==> b.wav <==", ""]);
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let meter = Meter::new(ProgressMode::None);
        meter.begin("evil\u{1b}[2J.wav", None);
        assert_eq!(meter.now.borrow().name, "evil?[2J.wav");
    }
}
