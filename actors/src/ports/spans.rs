//! Spans of traces, for a collector; without one they are dropped.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::domain::jobs::origin::TraceParent;

/// Something that was done, and is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub name: &'static str,
    /// `None`: a trace of its own.
    pub parent: Option<TraceParent>,
    pub began: SystemTime,
    pub took: Duration,
    pub attributes: Vec<(&'static str, String)>,
}

/// A span that others may be children of before it is over. Dropped, it ends.
pub trait OpenSpan: Send {
    /// What its children name as their parent.
    fn traceparent(&self) -> TraceParent;

    fn end(self: Box<Self>, attributes: Vec<(&'static str, String)>);
}

/// Takes spans to where traces are kept. Calls return at once.
pub trait SpanCollector: Send + Sync + 'static {
    fn begin(&self, name: &'static str, parent: Option<&TraceParent>) -> Box<dyn OpenSpan>;

    fn collect(&self, span: Span);
}

static COLLECTOR: OnceLock<Box<dyn SpanCollector>> = OnceLock::new();

/// From now on spans of the process go there. Only the first call counts.
pub fn collect_spans(collector: Box<dyn SpanCollector>) {
    // A second one would be a mistake of no consequence.
    let _ = COLLECTOR.set(collector);
}

/// `None` without a collector of spans.
pub fn begin_span(name: &'static str, parent: Option<&TraceParent>) -> Option<Box<dyn OpenSpan>> {
    COLLECTOR.get().map(|collector| collector.begin(name, parent))
}

/// Records what has just ended. `attributes` is called only with a collector of spans.
pub fn record_span(
    name: &'static str,
    parent: Option<&TraceParent>,
    took: Duration,
    attributes: impl FnOnce() -> Vec<(&'static str, String)>,
) {
    if let Some(collector) = COLLECTOR.get() {
        let now = SystemTime::now();
        let began = now.checked_sub(took).unwrap_or(now);
        let (parent, attributes) = (parent.cloned(), attributes());
        collector.collect(Span { name, parent, began, took, attributes });
    }
}
