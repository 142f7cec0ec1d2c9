//! When to try again what a receiver did not take.

use std::time::Duration;

/// Pauses before the second and every later try, after the Standard Webhooks specification.
const PAUSES_SECS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How far a pause strays from the schedule, so that many receivers are not all tried at once.
const JITTER: f64 = 0.2;

/// The pause after `failed_tries` (from 1) failed tries, or `None` when it is time to give up.
/// `jitter` is any number from -1 to 1.
pub fn pause(failed_tries: u32, jitter: f64) -> Option<Duration> {
    let index = usize::try_from(failed_tries.checked_sub(1)?).ok()?;
    let secs = *PAUSES_SECS.get(index)?;
    Some(Duration::from_secs_f64(secs as f64 * (1.0 + JITTER * jitter.clamp(-1.0, 1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (1..=10).map(|n| pause(n, 0.0)).collect();
        assert_eq!(pauses[0], Some(Duration::from_secs(5)));
        assert!(pauses[..9].is_sorted());
        assert_eq!(pauses[9], None);
        assert_eq!(pause(0, 0.0), None);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        assert_eq!(pause(1, 1.0), Some(Duration::from_secs(6)));
        assert_eq!(pause(1, -9.0), Some(Duration::from_secs(4)));
    }
}
