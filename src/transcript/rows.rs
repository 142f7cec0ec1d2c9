//! Tab-separated rows, for spreadsheets and scripts.

use std::fmt::Write;

use actors::domain::transcript::Segment;

use super::millis::millis;
use super::one_line::one_line;

/// A header, then one row for each segment: start and end in milliseconds, and the text in one line.
pub(super) fn tsv(segments: &[Segment]) -> String {
    let mut document = String::from("start\tend\ttext\n");
    for segment in segments {
        let (start, end) = (millis(segment.start), millis(segment.end));
        // Writing to a string cannot fail.
        let _ = writeln!(document, "{start}\t{end}\t{}", one_line(&segment.text));
    }
    document
}
