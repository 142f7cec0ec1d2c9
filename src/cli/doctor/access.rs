//! Who may call the service.

use super::finding::Finding;
use crate::compose;
use crate::settings::Settings;

const CHECK: &str = "access";

pub(super) fn check(settings: &Settings) -> Finding {
    match compose::keys(settings) {
        Ok(keys) => judge(&settings.server.host, settings.server.is_loopback(), keys.map(|keys| keys.len())),
        Err(error) => Finding::error(CHECK, format!("auth.keys_file: {error}"), "correct the file"),
    }
}

/// `keys` is `None` where everyone may call.
fn judge(host: &str, is_loopback: bool, keys: Option<usize>) -> Finding {
    match (keys, is_loopback) {
        (Some(0), _) => Finding::warning(
            CHECK,
            "there are no keys, so every request is refused",
            "make one with `verbatim keys create --owner NAME`",
        ),
        (Some(keys), _) => Finding::ok(CHECK, format!("by {keys} API keys, at {host}")),
        (None, true) => Finding::ok(CHECK, format!("from this machine only ({host}), without keys")),
        (None, false) => Finding::warning(
            CHECK,
            format!("everyone who reaches {host} may use the service and read all transcripts"),
            "set [auth] mode = \"keys\" and list keys, or let a proxy in front ask for a password",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_service_for_everyone_or_for_nobody_is_a_warning() {
        assert_eq!(judge("0.0.0.0", false, None).level, Level::Warning);
        assert_eq!(judge("127.0.0.1", true, None).level, Level::Ok);
        assert_eq!(judge("0.0.0.0", false, Some(2)).level, Level::Ok);
        assert_eq!(judge("0.0.0.0", false, Some(0)).level, Level::Warning);
    }
}
