//! What events ask for.

use actors::domain::jobs::options::{Options, Priority};
use serde_json::{Map, Value};

use crate::error::AppError;
use crate::http::{language, prompt};
use crate::raw_pcm::Pcm;

const RATES: std::ops::RangeInclusive<u64> = 4_000..=384_000;
const WIDTHS: std::ops::RangeInclusive<u64> = 1..=4;
const CHANNELS: std::ops::RangeInclusive<u64> = 1..=8;

/// The options of a `transcribe`; what it calls the model is not among them.
pub(super) fn options(data: &Map<String, Value>) -> Result<Options, AppError> {
    Ok(Options {
        language: text(data, "language").map(language).transpose()?.flatten(),
        prompt: hints(data),
        priority: Priority::Interactive,
        ..Options::default()
    })
}

/// Names and terms that may be said, as a text that the model takes for what came before. Of a long one the end counts,
/// so names, which matter more, come last.
fn hints(data: &Map<String, Value>) -> Option<String> {
    let list =
        |name: &str| data.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let hints: Vec<_> = list("transcript_terms").chain(list("transcript_names")).collect();
    (!hints.is_empty()).then(|| prompt(&hints.join(", ")))
}

/// How the samples of an event are to be read.
pub(super) fn format(data: &Map<String, Value>) -> Result<Pcm, AppError> {
    let number = |name: &str, allowed: std::ops::RangeInclusive<u64>| {
        let given = data.get(name).and_then(Value::as_u64).filter(|number| allowed.contains(number));
        given.ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            AppError::UnsupportedMedia(format!("audio needs a {name} from {least} to {most}"))
        })
    };
    let (rate, width, channels) =
        (number("rate", RATES)?, number("width", WIDTHS)?, number("channels", CHANNELS)?);
    let small = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    Ok(Pcm { rate: u32::try_from(rate).unwrap_or(u32::MAX), width: small(width), channels: small(channels) })
}

/// A text that is there and not empty.
pub(super) fn text<'a>(data: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    data.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_language_may_have_a_region_and_be_left_out() {
        let language = |value: Value| options(&map(value)).map(|options| options.language.map(|l| l.code()));
        assert_eq!(language(json!({ "language": "en-US" })).unwrap(), Some("en"));
        assert_eq!(language(json!({ "language": "pt_BR" })).unwrap(), Some("pt"));
        assert_eq!(language(json!({ "language": null, "context": {} })).unwrap(), None);
        assert!(matches!(language(json!({ "language": "klingon" })), Err(AppError::InvalidLanguage(_))));
    }

    #[test]
    fn names_and_terms_become_a_prompt() {
        let asked = map(json!({ "transcript_names": ["Ada", "Grace"], "transcript_terms": ["compiler", 7] }));
        assert_eq!(options(&asked).unwrap().prompt.as_deref(), Some("compiler, Ada, Grace"));
        assert_eq!(options(&map(json!({ "transcript_names": [] }))).unwrap().prompt, None);
    }

    #[test]
    fn samples_are_read_as_the_event_says_or_not_at_all() {
        let good = json!({ "rate": 44100, "width": 3, "channels": 2, "timestamp": 0 });
        assert_eq!(format(&map(good)).unwrap(), Pcm { rate: 44_100, width: 3, channels: 2 });
        for bad in [
            json!({ "rate": 0, "width": 2, "channels": 1 }),
            json!({ "rate": 16000, "width": 5, "channels": 1 }),
            json!({ "rate": 16000, "width": 2, "channels": 9 }),
            json!({ "rate": 16000.5, "width": 2, "channels": 1 }),
            json!({ "width": 2, "channels": 1 }),
        ] {
            assert!(matches!(format(&map(bad.clone())), Err(AppError::UnsupportedMedia(_))), "{bad}");
        }
    }
}
