//! The limit of open files, which is one of connections too.

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::settings::Settings;

const CHECK: &str = "open files";
/// The database, recordings, the engine, and requests other than streams.
const BESIDE_STREAMS: u64 = 500;
/// Below this even a few clients run into it.
const LEAST: u64 = 256;

pub(super) fn check(settings: &Settings) -> Finding {
    judge(getrlimit(Resource::Nofile).maximum, settings.limits.max_event_streams)
}

/// The service raises its limit to `maximum`; `None` means unlimited.
fn judge(maximum: Option<u64>, event_streams: u64) -> Finding {
    let Some(maximum) = maximum else { return Finding::ok(CHECK, "no limit") };
    let wanted = event_streams.saturating_add(BESIDE_STREAMS);
    let detail = format!("at most {maximum}");
    let advice = format!(
        "raise it to {wanted}, by LimitNOFILE of systemd or `ulimit -Hn`, or lower [limits] max_event_streams"
    );
    if maximum < LEAST {
        return Finding::error(CHECK, detail, advice);
    }
    if maximum < wanted {
        let detail = format!("{detail}, too few for {event_streams} event streams");
        return Finding::warning(CHECK, detail, advice);
    }
    Finding::ok(CHECK, detail)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn the_limit_must_allow_for_the_event_streams() {
        let level = |maximum| judge(maximum, 20_000).level;
        assert_eq!(
            [level(None), level(Some(20_500)), level(Some(4_096)), level(Some(64))],
            [Level::Ok, Level::Ok, Level::Warning, Level::Error]
        );
    }
}
