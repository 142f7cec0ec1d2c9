//! The text format of Prometheus.

use std::fmt::{Display, Write};

/// Samples that are read when they are asked for.
#[derive(Default)]
pub(in crate::http) struct Page(String);

impl Page {
    pub(in crate::http) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP verbatim_{name} {help}"));
        self.line(format_args!("# TYPE verbatim_{name} {kind}"));
    }

    /// `value` has no character that would have to be escaped.
    pub(in crate::http) fn sample(&mut self, name: &str, label: &str, value: &str, number: u64) {
        self.line(format_args!("verbatim_{name}{{{label}=\"{value}\"}} {number}"));
    }

    pub(in crate::http) fn single(&mut self, name: &str, kind: &str, help: &str, number: u64) {
        self.family(name, kind, help);
        self.line(format_args!("verbatim_{name} {number}"));
    }

    pub(in crate::http) fn jobs_of_model(&mut self, model: &str, status: &str, number: u64) {
        let model = model.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        self.line(format_args!("verbatim_jobs_by_model{{model=\"{model}\",status=\"{status}\"}} {number}"));
    }

    /// With all that was counted and timed since the start.
    pub(in crate::http) fn with_measures(mut self) -> Result<String, prometheus::Error> {
        prometheus::TextEncoder::new().encode_utf8(&prometheus::gather(), &mut self.0)?;
        Ok(self.0)
    }

    fn line(&mut self, line: impl Display) {
        // A String takes everything.
        let _ = writeln!(self.0, "{line}");
    }
}
