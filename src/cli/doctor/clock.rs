//! Whether the clock can be right.

use std::time::{Duration, SystemTime};

use super::finding::Finding;

const CHECK: &str = "clock";
/// 2026-01-01: this program is younger.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);
/// 2100-01-01.
const LATEST: Duration = Duration::from_secs(4_102_444_800);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn check() -> Finding {
    let program = std::env::current_exe().and_then(|file| file.metadata()?.modified());
    judge(SystemTime::now(), program.ok())
}

/// `program` is when this program's own file was written.
fn judge(now: SystemTime, program: Option<SystemTime>) -> Finding {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let shown =
        jiff::Timestamp::try_from(now).map_or_else(|_| "far off".to_owned(), |now| format!("{now:.0}"));
    let advice = "set it, for example by `timedatectl set-ntp true`: certificates, keep_days and signatures of webhooks depend on it";
    if !(EARLIEST..LATEST).contains(&since) {
        return Finding::error(CHECK, format!("it says {shown}, which cannot be"), advice);
    }
    if program.is_some_and(|program| now + DAY < program) {
        return Finding::warning(
            CHECK,
            format!("it says {shown}, before this program was installed"),
            advice,
        );
    }
    Finding::ok(CHECK, format!("it says {shown}"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn an_unset_clock_is_an_error_and_one_behind_a_warning() {
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        let level = |now, program| judge(at(now), Some(at(program))).level;
        assert_eq!(level(60, 60), Level::Error);
        assert_eq!(level(5_000_000_000, 0), Level::Error);
        assert_eq!(level(1_800_000_000, 1_900_000_000), Level::Warning);
        assert_eq!(level(1_800_000_000, 1_800_000_000), Level::Ok);
        assert_eq!(judge(at(1_800_000_000), None).detail, "it says 2027-01-15T08:00:00Z");
    }
}
