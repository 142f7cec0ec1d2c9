//! Asking an actor for its state, for an operator who debugs a service that is stuck.

use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

/// An actor that takes longer to answer is reported as unresponsive.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The state that was asked for, or that there was no answer in time. In JSON the state, or `"unresponsive"`.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed<S> {
    State(S),
    Unresponsive,
}

impl<S: Serialize> Serialize for Observed<S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        match self {
            Self::State(state) => state.serialize(serializer),
            Self::Unresponsive => serializer.serialize_str("unresponsive"),
        }
    }
}

/// Waits for an answer, at most a second. An error counts as no answer: the actor has stopped, or the store fails.
///
/// # Cancel safety
/// Only reads.
pub(crate) async fn ask<S, E>(answer: impl Future<Output = Result<S, E>>) -> Observed<S> {
    match actix::clock::timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(state)) => Observed::State(state),
        Ok(Err(_)) | Err(_) => Observed::Unresponsive,
    }
}

/// Seconds since `moment`, in milliseconds.
pub(crate) fn secs_since(moment: Instant, now: Instant) -> f64 {
    now.saturating_duration_since(moment).as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[actix::test]
    async fn no_answer_within_a_second_is_unresponsive() {
        tokio::time::pause();
        let asked = tokio::time::Instant::now();
        let observed = ask(pending::<Result<u8, ()>>()).await;
        assert_eq!((observed, asked.elapsed().as_secs()), (Observed::Unresponsive, ANSWER_WITHIN.as_secs()));
        assert_eq!(ask(ready(Err::<u8, _>("stopped"))).await, Observed::Unresponsive);
    }

    #[actix::test]
    async fn in_json_it_is_the_state_or_a_word() {
        let observed = ask(ready(Ok::<_, ()>([1, 2]))).await;
        assert_eq!(serde_json::to_string(&observed).unwrap(), "[1,2]");
        let none = Observed::<u8>::Unresponsive;
        assert_eq!(serde_json::to_string(&none).unwrap(), "\"unresponsive\"");
    }
}
