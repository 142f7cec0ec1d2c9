//! Text on stdout while it is decoded.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use console::Term;

use super::wrap::Wrapper;

/// The narrowest terminal that lines are cut for.
const NARROWEST: usize = 20;

/// Lines of a terminal.
pub(super) struct LiveText {
    pub(super) wrapper: Wrapper,
    print: Box<dyn Fn(&str)>,
}

impl LiveText {
    /// `None` where stdout is not a terminal: programs want the whole text at once.
    pub(super) fn of_stdout() -> Option<Self> {
        io::stdout().is_terminal().then(|| {
            let (_, columns) = Term::stdout().size();
            // Nothing is left to report a closed stdout to.
            let print = |line: &str| drop(writeln!(io::stdout().lock(), "{line}"));
            Self::new(usize::from(columns).max(NARROWEST), print)
        })
    }

    pub(super) fn new(width: usize, print: impl Fn(&str) + 'static) -> Self {
        Self { wrapper: Wrapper::new(width), print: Box::new(print) }
    }

    pub(super) fn print(&self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        for line in lines {
            (self.print)(line.as_ref());
        }
    }
}

impl fmt::Debug for LiveText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wrapper.fmt(f)
    }
}
