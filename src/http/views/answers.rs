//! How many answers the service gave.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::StatusCode;

/// Answers since the start, by the first digit of their status.
#[derive(Debug, Default)]
pub struct Answers([AtomicU64; 5]);

impl Answers {
    pub(in crate::http) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|class| self.0.get(class)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(in crate::http) fn by_class(&self) -> impl Iterator<Item = (String, u64)> {
        (1..).zip(&self.0).map(|(digit, counter)| (format!("{digit}xx"), counter.load(Ordering::Relaxed)))
    }
}
