//! Text in lines of a terminal's width, as it comes.

use console::measure_text_width;

/// Takes text piece by piece and gives lines once they are full.
#[derive(Debug)]
pub(super) struct Wrapper {
    width: usize,
    line: String,
    columns: usize,
    /// Whether space stands between the line and what comes next.
    spaced: bool,
}

impl Wrapper {
    pub(super) fn new(width: usize) -> Self {
        // A line has room for a character of two columns at least.
        Self { width: width.max(2), line: String::new(), columns: 0, spaced: false }
    }

    /// Gives the lines that are full now. Runs of space are one space.
    pub(super) fn push(&mut self, text: &str) -> Vec<String> {
        let mut full = Vec::new();
        for (number, word) in text.split(|c: char| c.is_whitespace() || c.is_control()).enumerate() {
            self.spaced |= number > 0;
            if !word.is_empty() {
                self.add(word, &mut full);
            }
        }
        full
    }

    /// The line that is not full yet.
    pub(super) fn open(&self) -> &str {
        &self.line
    }

    /// The last line, if there is one; the next text begins a new one.
    pub(super) fn take(&mut self) -> Option<String> {
        self.columns = 0;
        self.spaced = false;
        Some(std::mem::take(&mut self.line)).filter(|line| !line.is_empty())
    }

    fn add(&mut self, word: &str, full: &mut Vec<String>) {
        let columns = measure_text_width(word);
        let space = usize::from(self.spaced && !self.line.is_empty());
        // Long ones are mostly of languages without spaces, and may be cut anywhere.
        if columns > self.width / 2 {
            self.add_cut(word, space, full);
        } else {
            self.place(word, columns, space, full);
        }
        self.spaced = false;
    }

    fn add_cut(&mut self, word: &str, mut space: usize, full: &mut Vec<String>) {
        let mut buffer = [0; 4];
        for c in word.chars() {
            let text: &str = c.encode_utf8(&mut buffer);
            self.place(text, measure_text_width(text), space, full);
            space = 0;
        }
    }

    fn place(&mut self, text: &str, columns: usize, space: usize, full: &mut Vec<String>) {
        if self.columns + space + columns > self.width && !self.line.is_empty() {
            full.push(std::mem::take(&mut self.line));
            self.columns = 0;
        }
        let space = if self.line.is_empty() { 0 } else { space };
        self.line.push_str(" ".repeat(space).as_str());
        self.line.push_str(text);
        self.columns += space + columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(width: usize, pieces: &[&str]) -> Vec<String> {
        let mut wrapper = Wrapper::new(width);
        let mut lines: Vec<_> = pieces.iter().flat_map(|piece| wrapper.push(piece)).collect();
        lines.extend(wrapper.take());
        lines
    }

    #[test]
    fn lines_break_between_words_whatever_the_pieces() {
        let expected = ["One two", "three four", "five."];
        assert_eq!(wrapped(11, &[" One two three", " four five."]), expected);
        assert_eq!(wrapped(11, &[" One", " two", " three", " f", "our", "\nfive."]), expected);
    }

    #[test]
    fn text_without_spaces_is_cut_at_the_width() {
        assert_eq!(wrapped(6, &["一二三四", "五"]), ["一二三", "四五"]);
        assert_eq!(wrapped(4, &["ab abcdefgh"]), ["ab a", "bcde", "fgh"]);
    }

    #[test]
    fn text_cannot_move_the_cursor() {
        assert_eq!(wrapped(20, &["a\u{1b}[2Jb"]), ["a [2Jb"]);
    }

    #[test]
    fn the_open_line_is_there_before_it_is_full() {
        let mut wrapper = Wrapper::new(20);
        assert!(wrapper.push(" One two").is_empty());
        assert_eq!(wrapper.open(), "One two");
        assert_eq!(wrapper.take().as_deref(), Some("One two"));
        assert_eq!(wrapper.take(), None);
    }
}
