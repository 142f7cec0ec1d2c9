//! ffmpeg, and the sandbox around it.

use super::finding::Finding;
use crate::audio::{Ffmpeg, NoFfmpeg};
use crate::settings::{self, Settings};

const CHECK: &str = "ffmpeg";

pub(super) fn check(settings: &Settings) -> Finding {
    let wanted = settings.audio.ffmpeg;
    if wanted == settings::Ffmpeg::Off {
        return Finding::ok(CHECK, "not used, as [audio] ffmpeg = \"off\" asks for");
    }
    let ffmpeg = Ffmpeg::look(settings.audio.max_secs);
    let found = ffmpeg.installed().map(|found| (found.version(), found.is_sandboxed()));
    judge(wanted == settings::Ffmpeg::Required, found)
}

/// `found` is the version, and whether bubblewrap keeps it from other files.
fn judge(is_required: bool, found: Result<(&str, bool), &NoFfmpeg>) -> Finding {
    // "ffmpeg version 5.1 Copyright (c) …"
    let short = |version: &str| version.split(" Copyright").next().unwrap_or_default().to_owned();
    let without = "recordings that the built-in decoders do not know are refused";
    match found {
        Ok((version, true)) => Finding::ok(CHECK, format!("{}, in a sandbox", short(version))),
        Ok((version, false)) => Finding::warning(
            CHECK,
            format!("{}, without a sandbox", short(version)),
            "install bubblewrap and see that `bwrap --ro-bind / / --unshare-all true` works",
        ),
        Err(error) if is_required => Finding::error_sentence(CHECK, &error.to_string()),
        Err(NoFfmpeg::NotFound) => {
            Finding::warning(CHECK, format!("not installed: {without}"), "install ffmpeg and bubblewrap")
        }
        Err(NoFfmpeg::Unusable { path, reason }) => Finding::warning(
            CHECK,
            format!("{} does not work ({reason}): {without}", path.display()),
            "install it again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_missing_program_is_an_error_only_where_it_is_required() {
        let missing = NoFfmpeg::NotFound;
        assert_eq!(judge(false, Err(&missing)).level, Level::Warning);
        assert_eq!(judge(true, Err(&missing)).level, Level::Error);
        let broken = NoFfmpeg::Unusable { path: "/usr/bin/ffmpeg".into(), reason: "no libx".into() };
        assert!(judge(false, Err(&broken)).detail.contains("no libx"));
    }

    #[test]
    fn ffmpeg_without_a_sandbox_is_a_warning() {
        let closed = judge(true, Ok(("ffmpeg version 5.1 Copyright (c) 2000", true)));
        assert_eq!((closed.level, closed.detail.as_str()), (Level::Ok, "ffmpeg version 5.1, in a sandbox"));
        let open = judge(false, Ok(("ffmpeg 5.1", false)));
        assert_eq!(open.level, Level::Warning);
        assert!(open.advice.unwrap().contains("bubblewrap"));
    }
}
