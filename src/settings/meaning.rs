//! What types and bounds cannot say of the settings.

use actors::domain::language::Language;
use actors::domain::services::Role;
use secrecy::ExposeSecret;
use url::Url;

use super::devices;
use super::error::{Problem, SettingsError};
use super::layer::Table;
use super::models;
use super::schema::{AuthMode, Settings};
use super::values;
use crate::auth::Keys;

/// 24 to 64 bytes, as Standard Webhooks asks for, in base64.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 32..=88;

/// Of the URL of a database.
const URL_PARAMETERS: [&str; 9] =
    ["host", "port", "user", "password", "application_name", "sslmode", "sslrootcert", "sslcert", "sslkey"];

/// # Errors
/// Everything that is wrong, each with its origin from `merged`.
pub fn validate(settings: &Settings, merged: &Table) -> Result<(), SettingsError> {
    let rules: [fn(&Settings) -> Fault; 16] = [
        host,
        storage,
        model_name,
        source_url,
        auth,
        secret,
        allow,
        wyoming,
        level,
        hub_url,
        languages,
        allowed_hosts,
        cors_origins,
        database_url,
        role,
        node_name,
    ];
    let faults = rules.into_iter().filter_map(|rule| rule(settings));
    let mut problems: Vec<Problem> = faults
        .chain(unauthenticated_address(settings, merged))
        .chain(keyless_wyoming(settings))
        .map(|(path, message)| {
            let (section, key) = path.split_once('.').unwrap_or((path, ""));
            let origin = values::lookup(merged, section, key).map_or("default".to_owned(), values::origin);
            Problem::Refused { key: path.to_owned(), message, origin }
        })
        .collect();
    problems.extend(models::clashes(settings, merged));
    problems.extend(devices::clashes(settings, merged));
    if problems.is_empty() { Ok(()) } else { Err(SettingsError(problems)) }
}

type Fault = Option<(&'static str, String)>;

fn fault_if(wrong: bool, key: &'static str, message: &str) -> Fault {
    wrong.then(|| (key, message.to_owned()))
}

fn host(settings: &Settings) -> Fault {
    let host = &settings.server.host;
    let wrong = host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/');
    fault_if(wrong, "server.host", "must be an IP address or a host name, without scheme and port")
}

fn storage(settings: &Settings) -> Fault {
    fault_if(settings.storage.dir.as_os_str().is_empty(), "storage.dir", "must name a folder")
}

fn database_url(settings: &Settings) -> Fault {
    // The driver ignores others, and logs them with their values.
    let is_known = |parameter: &str| URL_PARAMETERS.contains(&parameter);
    let is_database = |url: Url| {
        matches!(url.scheme(), "postgres" | "postgresql")
            && url.path().len() > 1
            && url.query_pairs().all(|(parameter, _)| is_known(&parameter))
    };
    let right = settings.storage.postgres().is_none_or(|url| Url::parse(url).is_ok_and(is_database));
    let message = format!(
        "must be postgres://user:password@host:5432/database with percent-encoded special characters and no parameters but {}; sqlite:///folder; or \"\" for SQLite in storage.dir",
        URL_PARAMETERS.join(", ")
    );
    fault_if(!right, "storage.url", &message)
}

/// Jobs and recordings come to a service with another role only from other services.
fn role(settings: &Settings) -> Fault {
    let shares = settings.storage.postgres().is_some() && !settings.storage.blobs.is_empty();
    let message = "must be \"all\" unless storage.url is a PostgreSQL database and storage.blobs a place that several services share";
    fault_if(settings.node.role != Role::All && !shares, "node.role", message)
}

fn node_name(settings: &Settings) -> Fault {
    fault_if(
        !values::is_name(&settings.node.name),
        "node.name",
        "must be a name of at most 100 bytes, without control characters",
    )
}

/// The name becomes part of a path and must not lead out of `model.dir`.
fn model_name(settings: &Settings) -> Fault {
    let name = &settings.model.name;
    let unused = name.is_empty() && !settings.model.path.as_os_str().is_empty();
    let wrong = !unused && !models::is_name(name);
    fault_if(
        wrong,
        "model.name",
        "must be a model's name such as \"base\", of letters, digits, dots, dashes and underscores; to name a file set model.path",
    )
}

fn source_url(settings: &Settings) -> Fault {
    http(&settings.model.source_url, "model.source_url")
}

fn hub_url(settings: &Settings) -> Fault {
    http(&settings.model.hub_url, "model.hub_url")
}

fn http(url: &str, key: &'static str) -> Fault {
    let is_http = url.starts_with("https://") || url.starts_with("http://");
    fault_if(!is_http, key, "must begin with https:// or http://")
}

fn auth(settings: &Settings) -> Fault {
    let auth = &settings.auth;
    let keys = Keys::parse(auth.keys.iter().map(ExposeSecret::expose_secret));
    if let Err((number, bad)) = keys {
        return Some(("auth.keys", format!("entry {number} {bad}")));
    }
    let no_keys =
        auth.mode == AuthMode::Keys && auth.keys.is_empty() && auth.keys_file.as_os_str().is_empty();
    fault_if(
        no_keys,
        "auth.keys",
        "must hold a key when auth.mode is \"keys\", or auth.keys_file must name a file of keys",
    )
}

/// A service that is open to a network needs an auth mode.
fn unauthenticated_address(settings: &Settings, merged: &Table) -> Fault {
    let said = values::lookup(merged, "auth", "mode").is_some_and(|mode| values::origin(mode) != "default");
    fault_if(
        !settings.server.is_loopback() && !said,
        "server.host",
        "opens the service to others than this machine: set auth.mode to \"keys\" and list auth.keys, or write auth.mode = \"none\" to let everyone in",
    )
}

fn allowed_hosts(settings: &Settings) -> Fault {
    let list = &settings.server.allowed_hosts;
    let is_name = |name: &str| {
        name == "*"
            || !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    let number = list.iter().position(|entry| !is_name(entry))? + 1;
    Some((
        "server.allowed_hosts",
        format!("entry {number} must be a host name without scheme and port, or *"),
    ))
}

fn cors_origins(settings: &Settings) -> Fault {
    let list = &settings.server.cors_origins;
    let is_origin = |entry: &str| {
        // An origin is what a browser writes: without a path, not even a slash.
        entry == "*" || Url::parse(entry).is_ok_and(|url| url.origin().ascii_serialization() == entry)
    };
    let number = list.iter().position(|entry| !is_origin(entry))? + 1;
    let message =
        format!("entry {number} must be an origin such as https://app.example.com, without a path, or *");
    Some(("server.cors_origins", message))
}

/// A port without keys beside one with keys is opened by who says whose it is.
fn keyless_wyoming(settings: &Settings) -> Fault {
    let wyoming = &settings.wyoming;
    if wyoming.port == 0 || settings.auth.mode != AuthMode::Keys {
        return None;
    }
    let may_be_in_file = !settings.auth.keys_file.as_os_str().is_empty();
    let owner = wyoming.owner.trim();
    // Bad keys are reported separately.
    let keys = Keys::parse(settings.auth.keys.iter().map(ExposeSecret::expose_secret)).ok()?;
    let message = match owner {
        "" => {
            "must name an owner of keys when auth.mode is \"keys\": the Wyoming protocol has none, and everyone who reaches wyoming.port acts in that name; or set wyoming.port = 0".into()
        }
        owner if !may_be_in_file && keys.owners().all(|known| known != owner) => {
            format!("is \"{owner}\", and no key of auth.keys has that owner: no client could see those jobs")
        }
        _ => return None,
    };
    Some(("wyoming.owner", message))
}

fn secret(settings: &Settings) -> Fault {
    let secret = settings.webhooks.secret.expose_secret();
    if secret.is_empty() {
        return None;
    }
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let right = secret
        .strip_prefix("whsec_")
        .is_some_and(|rest| rest.chars().all(base64) && SECRET_CHARS.contains(&rest.len()));
    fault_if(!right, "webhooks.secret", "must be whsec_ and 24 to 64 bytes in base64")
}

fn languages(settings: &Settings) -> Fault {
    let unknown = |code: &String| code.parse::<Language>().err();
    let error = settings.decode.languages.iter().find_map(unknown)?;
    Some(("decode.languages", format!("must be a list of languages: {error}")))
}

fn allow(settings: &Settings) -> Fault {
    let list = &settings.webhooks.allow;
    let number = list.iter().position(|entry| !is_network_or_host(entry))? + 1;
    let message =
        "must be a network such as 10.0.0.0/8, an IP address or a host name, without scheme and port";
    Some(("webhooks.allow", format!("entry {number} {message}")))
}

fn is_network_or_host(entry: &str) -> bool {
    // Resolvers read what ends in a number as an address, and it did not parse as one.
    let is_name = |name: &str| {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        name.chars().all(plain) && last.chars().any(char::is_alphabetic)
    };
    entry.parse::<ipnet::IpNet>().is_ok() || entry.parse::<std::net::IpAddr>().is_ok() || is_name(entry)
}

fn wyoming(settings: &Settings) -> Fault {
    let port = settings.wyoming.port;
    fault_if(
        port != 0 && port == settings.server.port,
        "wyoming.port",
        "is server.port as well: choose another",
    )
}

fn level(settings: &Settings) -> Fault {
    crate::telemetry::filter(&settings.log.level).err().map(|error| ("log.level", error.reason().to_owned()))
}
