//! Logs: to stderr and nowhere else, so that stdout stays the program's own.

use std::io::{self, IsTerminal};

use serde::Deserialize;
use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people, with colours on a terminal.
    Auto,
    /// For people.
    Human,
    /// One JSON object in each line.
    Json,
}

#[derive(Debug, Error)]
pub enum TelemetryError {
    #[error("log.level: {reason}")]
    BadFilter { reason: String },
    #[error("logs are set up already")]
    AlreadySet,
}

impl TelemetryError {
    /// What is wrong, without the key's name.
    pub fn reason(&self) -> &str {
        match self {
            TelemetryError::BadFilter { reason } => reason,
            TelemetryError::AlreadySet => "logs are set up already",
        }
    }
}

/// Changes what the process logs while it runs.
pub struct LogLevel(Box<dyn Fn(EnvFilter) + Send + Sync>);

impl LogLevel {
    /// # Errors
    /// A filter that cannot be read: what was logged before is logged still.
    pub fn set(&self, level: &str) -> Result<(), TelemetryError> {
        (self.0)(filter(level)?);
        Ok(())
    }
}

/// Sends the logs of the whole process to stderr from now on. Every line carries the fields of the
/// spans it was written in, a request's id among them.
///
/// # Errors
/// A filter that cannot be read, or a second call.
pub fn init(level: &str, format: LogFormat) -> Result<LogLevel, TelemetryError> {
    let colours =
        colours(io::stderr().is_terminal(), std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()));
    let (subscriber, level) = subscriber(filter(level)?, format, colours, io::stderr);
    subscriber.try_init().map_err(|_| TelemetryError::AlreadySet)?;
    Ok(level)
}

/// Whether lines are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

fn colours(terminal: bool, unwanted: bool) -> Colours {
    if terminal && !unwanted { Colours::On } else { Colours::Off }
}

fn subscriber<W>(
    filter: EnvFilter,
    format: LogFormat,
    colours: Colours,
    writer: W,
) -> (Box<dyn Subscriber + Send + Sync>, LogLevel)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Auto | LogFormat::Human => {
            let lines = lines.with_ansi(colours == Colours::On).with_filter_reloading();
            let level = level(lines.reload_handle());
            (Box::new(lines.finish()), level)
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let level = level(lines.reload_handle());
            (Box::new(lines.finish()), level)
        }
    }
}

fn level<S: 'static>(handle: Handle<EnvFilter, S>) -> LogLevel {
    // It fails only once the subscriber is dropped, and with it the logs.
    LogLevel(Box::new(move |filter| drop(handle.reload(filter))))
}

/// Libraries that log more than an operator needs: about junk bytes in every other MP4, about
/// each thread of the server, an error about each request that is not HTTP. A filter that names them says otherwise.
const QUIET: &str = "symphonia=error,actix_server=warn,mp4parse=error,actix_http::h1::dispatcher=off";

/// Reads `log.level`: a level, or a filter such as "info,actors=debug".
///
/// # Errors
/// Says which part cannot be read. A word that is not a level is one of them: the filter's own grammar
/// takes it for a module and would then log nothing else.
pub fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let bad = |reason: String| TelemetryError::BadFilter { reason };
    let spans = level.contains('[');
    let parts = level.split(',').map(str::trim);
    let unknown = parts
        .filter(|part| !spans && !part.contains('='))
        .find(|p| p.parse::<LevelFilter>().is_err() || p.is_empty());
    if let Some(word) = unknown {
        return Err(bad(format!(
            "{word:?} is not a level: use error, warn, info, debug, trace or off, or a filter such as \"info,actors=debug\""
        )));
    }
    EnvFilter::builder()
        .parse(format!("{QUIET},{level}"))
        .map_err(|error| bad(format!("{level:?} is not a filter: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written when a debug and an info line are logged inside a request's span.
    fn logged(level: &str, format: LogFormat, colours: Colours) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let (subscriber, _) = subscriber(filter(level).unwrap(), format, colours, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::error_span!("request", request_id = "r-1");
            let _inside = span.enter();
            tracing::debug!("not shown at info");
            tracing::info!(load_ms = 12, "model loaded");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_text_line_has_fields_and_span_fields_without_colours() {
        let text = logged("info", LogFormat::Auto, Colours::Off);
        assert_eq!(text.lines().count(), 1);
        for part in ["INFO", "request_id=\"r-1\"", "model loaded", "load_ms=12"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_json_line_is_one_object_with_the_fields_of_its_span() {
        let text = logged("debug", LogFormat::Json, Colours::On);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["message"], "model loaded");
        assert_eq!(lines[1]["load_ms"], 12);
        assert_eq!(lines[1]["spans"][0]["request_id"], "r-1");
    }

    #[test]
    fn the_level_changes_while_the_process_runs() {
        let kept = Kept::default();
        let writer = kept.clone();
        let (subscriber, level) =
            subscriber(filter("info").unwrap(), LogFormat::Human, Colours::Off, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("first");
            level.set("debug").unwrap();
            tracing::debug!("second");
            assert!(level.set("loud").is_err());
            tracing::debug!("third");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("first") && text.contains("second") && text.contains("third"), "{text}");
    }

    #[test]
    fn colours_are_for_terminals_only() {
        assert_eq!(colours(true, false), Colours::On);
        assert_eq!(colours(true, true), Colours::Off);
        assert_eq!(colours(false, false), Colours::Off);
        assert!(logged("info", LogFormat::Human, Colours::On).contains('\u{1b}'));
    }

    #[test]
    fn a_filter_that_cannot_be_read_names_the_key_and_the_part() {
        for (level, part) in [
            ("inof", "inof"),
            ("", "\"\""),
            ("info,", "\"\""),
            ("actors=loud", "actors=loud"),
            ("info,,debug", "\"\""),
        ] {
            let message = filter(level).unwrap_err().to_string();
            assert!(message.starts_with("log.level: ") && message.contains(part), "{level:?}: {message}");
        }
    }

    #[test]
    fn levels_and_filters_are_taken() {
        for level in ["info", "WARN", "off", "info,actors=debug", " debug ", "info,actors[job{id=1}]=trace"] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }
}
