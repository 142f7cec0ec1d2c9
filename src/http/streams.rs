//! How many event streams are open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::AppError;

/// Streams that are open now, of all callers and of each.
#[derive(Debug, Clone)]
pub struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: u64,
    /// `None`: as many as there may be of all.
    most_of_each: Option<u64>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: u64,
    by_caller: HashMap<String, u64>,
}

/// The right to one open stream, given back when it is dropped.
#[derive(Debug)]
pub(super) struct OpenStream {
    streams: Streams,
    caller: String,
}

impl Streams {
    pub fn at_most(most: u64, most_of_each: Option<u64>) -> Self {
        Self(Arc::new(Shared { most, most_of_each, open: Mutex::default() }))
    }

    pub(super) fn open(&self, caller: &str) -> Result<OpenStream, AppError> {
        let Shared { most, most_of_each, .. } = *self.0;
        let mut open = self.lock();
        let own = open.by_caller.get(caller).copied().unwrap_or(0);
        if open.all >= most || most_of_each.is_some_and(|most| own >= most) {
            return Err(AppError::TooManyStreams);
        }
        open.all += 1;
        open.by_caller.insert(caller.to_owned(), own + 1);
        Ok(OpenStream { streams: self.clone(), caller: caller.to_owned() })
    }

    /// How many are open.
    pub(super) fn count(&self) -> u64 {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.all -= 1;
        match open.by_caller.get_mut(&self.caller) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(open.by_caller.remove(&self.caller)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_stream_makes_room() {
        let streams = Streams::at_most(3, Some(2));
        let mut mine = vec![streams.open("me").unwrap(), streams.open("me").unwrap()];
        assert!(matches!(streams.open("me"), Err(AppError::TooManyStreams)));
        let _yours = streams.open("you").unwrap();
        assert!(matches!(streams.open("they"), Err(AppError::TooManyStreams)));
        mine.pop();
        assert!(streams.open("they").is_ok());
        mine.clear();
        assert_eq!(streams.lock().by_caller.len(), 1);
    }
}
