//! Tables and lists for people. Colours only on a terminal, and not under NO_COLOR.

use console::{measure_text_width, style};

/// Rows under headings, columns aligned; nothing is cut.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell));
        cells.chain(headings.get(column).map(|heading| heading.len())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>();
    let first = style(line(&headings, &widths)).bold().to_string();
    let lines = rows.iter().map(|row| line(row, &widths));
    std::iter::once(first).chain(lines).map(|line| line + "\n").collect()
}

/// Names and values, one a line; values that are empty are left out.
pub(super) fn list(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().map(|(name, value)| format!("{name:<width$}  {}\n", printable(value))).collect()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let padding = width.saturating_sub(measure_text_width(cell));
        format!("{cell}{}", " ".repeat(padding))
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Without control characters, which would move the cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let rows = [vec!["一二".to_owned(), "x".to_owned()], vec!["abc".to_owned(), "a\u{1b}[2J".to_owned()]];
        assert_eq!(table(&["NAME", "FILE"], &rows), "NAME  FILE\n一二  x\nabc   a?[2J\n");
    }

    #[test]
    fn a_list_leaves_out_what_is_empty() {
        let pairs = [("id", "1".to_owned()), ("error", String::new()), ("state", "ready".to_owned())];
        assert_eq!(list(&pairs), "id     1\nstate  ready\n");
    }
}
