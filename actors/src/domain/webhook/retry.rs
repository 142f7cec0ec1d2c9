//! When to try again what a receiver did not take, and when to stop.

use std::time::Duration;

/// Pauses before the second and every later try, after the Standard Webhooks specification.
const PAUSES_SECS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How far a pause strays from the schedule, so that many receivers are not all tried at once.
const JITTER: f64 = 0.2;

/// The longest pause that a receiver can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// How long receivers that say themselves when to come back are tried: as long as the schedule takes
/// with those that don't.
pub const LONGEST_TRYING: Duration = Duration::from_secs(272_105);

/// A subscriber is switched off after this long with failures and nothing else.
pub const OFF_AFTER: Duration = Duration::from_secs(5 * 86_400);

/// Failures so far, by who said when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    /// The schedule.
    pub scheduled: u32,
    /// The receiver, by `Retry-After`.
    pub asked: u32,
}

/// What follows a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Again { failures: Failures, pause: Duration },
    GiveUp,
}

/// What follows one more failure, after `failures` before it and `trying` since the first try was due.
///
/// `Retry-After` goes before the schedule and takes no step of it. Since some servers say "in a second"
/// for days, the pause is at least 1 s, 2 s, 4 s and so on. `jitter` is any number from -1 to 1; it
/// never shortens what was asked for.
pub fn next(failures: Failures, trying: Duration, retry_after: Option<Duration>, jitter: f64) -> Next {
    match retry_after {
        None => scheduled(failures, jitter),
        Some(_) if trying >= LONGEST_TRYING => Next::GiveUp,
        Some(wanted) => Next::Again {
            failures: Failures { asked: failures.asked.saturating_add(1), ..failures },
            pause: stray(wanted.max(growing(failures.asked)).min(LONGEST_PAUSE), jitter.abs()),
        },
    }
}

fn scheduled(failures: Failures, jitter: f64) -> Next {
    let step = usize::try_from(failures.scheduled).ok();
    let Some(secs) = step.and_then(|step| PAUSES_SECS.get(step)) else { return Next::GiveUp };
    Next::Again {
        failures: Failures { scheduled: failures.scheduled.saturating_add(1), ..failures },
        pause: stray(Duration::from_secs(*secs), jitter),
    }
}

fn growing(asked: u32) -> Duration {
    Duration::from_secs(1u64.checked_shl(asked).unwrap_or(u64::MAX))
}

fn stray(pause: Duration, jitter: f64) -> Duration {
    pause.mul_f64(1.0 + JITTER * jitter.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Failures = Failures { scheduled: 0, asked: 0 };

    /// The pauses until it is given up, one failure after the other at the times they lead to.
    fn pauses(retry_after: Option<u64>, jitter: f64) -> Vec<u64> {
        let (mut failures, mut trying, mut pauses) = (NONE, Duration::ZERO, vec![]);
        while let Next::Again { failures: more, pause } =
            next(failures, trying, retry_after.map(Duration::from_secs), jitter)
        {
            (failures, trying) = (more, trying + pause);
            pauses.push(pause.as_secs());
        }
        pauses
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pauses(None, 0.0), PAUSES_SECS);
        assert_eq!(Duration::from_secs(PAUSES_SECS.iter().sum()), LONGEST_TRYING);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        assert_eq!(pauses(None, 1.0)[0], 6);
        assert_eq!(pauses(None, -9.0)[0], 4);
    }

    #[test]
    fn retry_after_is_honoured_and_skips_no_schedule_step() {
        let failures = Failures { scheduled: 3, asked: 0 };
        let asked = next(failures, Duration::ZERO, Some(Duration::from_secs(77)), -1.0);
        let Next::Again { failures, pause } = asked else { panic!("{asked:?}") };
        assert_eq!((failures, pause.as_secs()), (Failures { scheduled: 3, asked: 1 }, 92), "only ever later");
        let Next::Again { pause, .. } = next(failures, Duration::ZERO, None, 0.0) else { panic!() };
        assert_eq!(pause.as_secs(), PAUSES_SECS[3]);
    }

    #[test]
    fn retry_after_of_a_second_is_retried_for_days_not_often() {
        let pauses = pauses(Some(0), 0.0);
        assert_eq!(pauses[..5], [1, 2, 4, 8, 16]);
        assert!(pauses.len() < 25, "{pauses:?}");
        assert!(pauses.iter().sum::<u64>() >= LONGEST_TRYING.as_secs());
    }

    #[test]
    fn more_than_a_day_cannot_be_asked_for() {
        assert_eq!(pauses(Some(u64::MAX), 0.0)[0], 86_400);
    }
}
