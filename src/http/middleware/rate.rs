//! How many requests a caller may send.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::AppError;

/// Callers counted at a time before idle ones are dropped.
const MANY: usize = 10_000;

/// Counts requests by caller: so many in a minute, all at once or one after the other.
pub struct Rates {
    limiter: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Rates {
    pub fn per_minute(requests: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::keyed(Quota::per_minute(requests)), clock: DefaultClock::default() }
    }

    /// # Errors
    /// The caller has had their share; with whole seconds until there is more of it.
    pub(in crate::http) fn count(&self, caller: &str) -> Result<(), AppError> {
        if self.limiter.len() > MANY {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&caller.to_owned()).map_err(|early| {
            let wait = early.wait_time_from(self.clock.now());
            AppError::RateLimited { retry_after: wait.as_secs().saturating_add(1) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_share_of_their_own() {
        let rates = Rates::per_minute(NonZeroU32::new(2).unwrap());
        let refused = |caller| match rates.count(caller) {
            Ok(()) => None,
            Err(AppError::RateLimited { retry_after }) => Some(retry_after),
            Err(other) => panic!("{other}"),
        };
        assert_eq!([refused("a"), refused("a")], [None, None]);
        assert!((1..=31).contains(&refused("a").unwrap()));
        assert_eq!(refused("b"), None);
    }
}
