//! The layers that settings come from, each a table whose values have an origin.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use config::{Config, File, FileFormat, Value, ValueKind};

use super::error::Problem;
use super::layer::{Layer, Table, insert};
use super::overrides::Overrides;
use super::place::Place;
use super::{manual, models, values};

/// The section and key that each of the two names from the first system stands for.
const PLAIN_NAMES: [(&str, &str, &str); 2] = [
    ("IDLE_TIMEOUT_SECS", "model", "idle_timeout_secs"),
    ("GPU_POLL_INTERVAL_SECS", "model", "gpu_poll_interval_secs"),
];
const PREFIX: &str = "VERBATIM__";
const SEPARATOR: &str = "__";

/// Where to look for settings. Nothing else is looked at, so tests bring an environment of their own.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The file of `--config`.
    pub config_file: Option<PathBuf>,
    pub env: BTreeMap<OsString, OsString>,
    pub place: Place,
    /// Options of the command line.
    pub overrides: Overrides,
}

impl Sources {
    /// What a started program goes by: its environment, its working folder and its options.
    ///
    /// # Blocking
    /// Looks at two small files of the working folder.
    pub fn of_process(config_file: Option<PathBuf>, overrides: Overrides) -> Self {
        let env = std::env::vars_os().collect();
        let place = Place::of(&env, Path::new("."));
        Self { config_file, env, place, overrides }
    }
}

/// The compiled-in defaults.
pub fn defaults() -> Result<Layer, Problem> {
    let unreadable = |message| Problem::Unreadable {
        path: PathBuf::from("config/default.toml"),
        role: "compiled-in defaults",
        message,
    };
    parse(manual::TEXT, FileFormat::Toml, "default").map(Layer).map_err(unreadable)
}

/// The layers above the defaults, the strongest last. What cannot be read goes to `problems`.
///
/// # Blocking
/// Reads up to four small files.
pub fn above(sources: &Sources, defaults: &Table, problems: &mut Vec<Problem>) -> Vec<Layer> {
    let place = &sources.place;
    let files = [system_file(place), settings_file(place), profile(sources), config_file(sources)];
    let mut layers = vec![place.layer()];
    for file in files {
        match file {
            Ok(Some(layer)) => layers.push(layer),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    layers.push(environment(sources, defaults, problems));
    layers.push(plain_names(sources, defaults, problems));
    layers.push(sources.overrides.layer());
    layers
}

fn system_file(place: &Place) -> Result<Option<Layer>, Problem> {
    // The service that it is meant for can read it.
    let file = place.system_file.as_deref().filter(|path| fs::File::open(path).is_ok());
    file.map(|path| read(path, FileFormat::Toml, "machine's settings file", "file")).transpose()
}

fn settings_file(place: &Place) -> Result<Option<Layer>, Problem> {
    let file = place.settings_file.as_deref().filter(|path| path.exists());
    file.map(|path| read(path, FileFormat::Toml, "settings file", "file")).transpose()
}

fn profile(sources: &Sources) -> Result<Option<Layer>, Problem> {
    let Some(name) = sources.env.get(OsStr::new("VERBATIM_PROFILE")).filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let name = name.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    // A profile is a name and no path: it cannot lead out of the folder.
    if !name.chars().all(plain) || name.starts_with('.') {
        return Err(Problem::BadProfile { name: name.into_owned() });
    }
    let path = sources.place.profile_dir.join(format!("{name}.toml"));
    read(&path, FileFormat::Toml, "profile that VERBATIM_PROFILE names", "profile").map(Some)
}

fn config_file(sources: &Sources) -> Result<Option<Layer>, Problem> {
    let Some(path) = &sources.config_file else { return Ok(None) };
    let format = match path.extension().and_then(OsStr::to_str) {
        Some("json") => FileFormat::Json,
        Some("yaml" | "yml") => FileFormat::Yaml,
        Some(_) | None => FileFormat::Toml,
    };
    read(path, format, "file of --config", "--config").map(Some)
}

fn read(path: &Path, format: FileFormat, role: &'static str, label: &str) -> Result<Layer, Problem> {
    let unreadable = |message| Problem::Unreadable { path: path.to_owned(), role, message };
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(&text, format, &format!("{label} {}", path.display())).map(Layer).map_err(unreadable)
}

/// The table that `text` holds, each value labelled with its origin.
fn parse(text: &str, format: FileFormat, origin: &str) -> Result<Table, String> {
    let file = File::from_str(text, format);
    let config =
        Config::builder().add_source(file).build().map_err(|error| without_excerpt(&error.to_string()))?;
    let table = config.cache.into_table().map_err(|error| error.to_string())?;
    Ok(label(table, &origin.to_owned()))
}

/// Parsers show the line that they stumble over, and that line may hold a secret.
fn without_excerpt(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !is_excerpt(line)).collect();
    lines.join(": ")
}

fn is_excerpt(line: &str) -> bool {
    let gutter = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    line.is_empty() || gutter.starts_with('|')
}

fn label(table: Table, origin: &String) -> Table {
    table
        .into_iter()
        .map(|(key, value)| match value.kind {
            ValueKind::Table(inner) => {
                (key, Value::new(Some(origin), ValueKind::Table(label(inner, origin))))
            }
            leaf => (key, Value::new(Some(origin), leaf)),
        })
        .collect()
}

/// `VERBATIM__SECTION__KEY`, in any case.
fn environment(sources: &Sources, defaults: &Table, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Table::new();
    for (name, text) in &sources.env {
        let shown = name.to_string_lossy();
        let upper = shown.to_ascii_uppercase();
        let Some(path) = upper.strip_prefix(PREFIX) else { continue };
        let path = path.to_ascii_lowercase();
        let (section, key) = path.split_once(SEPARATOR).unwrap_or((&path, ""));
        match variable(&shown, text, section, key, defaults) {
            Ok(value) => insert(&mut layer, section, key, value),
            Err(problem) => problems.push(problem),
        }
    }
    Layer(layer)
}

/// A variable that looks like a setting and is not.
pub struct NearMiss {
    pub name: String,
    /// The name that is probably meant.
    pub meant: String,
    /// It bears this program's name, so it cannot be meant for another one.
    pub is_ours: bool,
}

/// Variables that are not settings though they look like some.
pub fn near_misses(sources: &Sources, defaults: &Table) -> Vec<NearMiss> {
    let keys: Vec<(String, String)> = defaults
        .iter()
        .filter_map(|(section, value)| match &value.kind {
            ValueKind::Table(keys) => Some(keys.keys().map(move |key| (section.clone(), key.clone()))),
            _ => None,
        })
        .flatten()
        .collect();
    let meant = |name: &str| -> Option<String> {
        let plain = |(right, ..): &(&str, &str, &str)| {
            let stem = right.trim_end_matches("_SECS");
            name != *right && name.starts_with(stem)
        };
        if let Some((right, ..)) = PLAIN_NAMES.iter().find(|names| plain(names)) {
            return Some((*right).to_owned());
        }
        let path = name.strip_prefix("VERBATIM_")?.trim_start_matches('_').to_ascii_lowercase();
        let is_it =
            |(section, key): &&(String, String)| format!("{section}_{key}") == path.replace("__", "_");
        let (section, key) = keys.iter().find(is_it)?;
        Some(format!("{PREFIX}{section}{SEPARATOR}{key}").to_ascii_uppercase())
    };
    let near_miss = |(name, value): (&OsString, &OsString)| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        let meant = meant(&name).filter(|_| !name.starts_with(PREFIX))?;
        // Kubernetes sets VERBATIM_SERVER_PORT in every container beside a service `verbatim-server`.
        let value = value.to_string_lossy();
        let is_link = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
        Some(NearMiss { is_ours: name.starts_with("VERBATIM_") && !is_link, name, meant })
    };
    sources.env.iter().filter_map(near_miss).collect()
}

fn plain_names(sources: &Sources, defaults: &Table, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Table::new();
    for (name, section, key) in PLAIN_NAMES {
        let Some(text) = sources.env.get(OsStr::new(name)) else { continue };
        match variable(name, text, section, key, defaults) {
            Ok(value) => insert(&mut layer, section, key, value),
            Err(problem) => problems.push(problem),
        }
    }
    Layer(layer)
}

/// A variable's text is read as the type that the key's default has: a name of digits stays a name.
fn variable(name: &str, text: &OsStr, section: &str, key: &str, defaults: &Table) -> Result<Value, Problem> {
    let origin = format!("environment {name}");
    let path = if key.is_empty() { section.to_owned() } else { format!("{section}.{key}") };
    if let (models::SECTION, false, Some(path)) = (section, key.is_empty(), text.to_str()) {
        return Ok(Value::new(Some(&origin), path));
    }
    let Some(default) = values::lookup(defaults, section, key) else {
        return Err(Problem::UnknownKey { key: path, origin, hint: values::hint(defaults, section) });
    };
    let Some(text) = text.to_str() else {
        return Err(Problem::Refused { key: path, message: "is not valid UTF-8".to_owned(), origin });
    };
    let Some(kind) = read_as(&default.kind, text) else {
        let found = if text.is_empty() { "empty" } else { "other text" };
        return Err(Problem::WrongType {
            key: path,
            expected: values::expected(&default.kind),
            found,
            origin,
        });
    };
    Ok(Value::new(Some(&origin), kind))
}

fn read_as(default: &ValueKind, text: &str) -> Option<ValueKind> {
    let word = text.trim();
    match default {
        ValueKind::String(_) => Some(ValueKind::String(text.to_owned())),
        ValueKind::I64(_) => word.parse().ok().map(ValueKind::I64),
        ValueKind::Float(_) => word.parse().ok().map(ValueKind::Float),
        ValueKind::Boolean(_) => truth(word).map(ValueKind::Boolean),
        ValueKind::Array(_) => {
            let items = word.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(ValueKind::from(items.map(str::to_owned).collect::<Vec<_>>()))
        }
        // No default is of these kinds.
        _ => None,
    }
}

fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}
