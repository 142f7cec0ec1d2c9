//! `sqlite://FOLDER`: the folder of a service, written as the URL of its database.

use std::path::{Path, PathBuf};

use config::{Value, ValueKind};
use percent_encoding::percent_decode_str;

use super::error::Problem;
use super::layer::{Table, insert};
use super::values;

const SCHEME: &str = "sqlite:";
/// In the folder of a service.
const DATABASE: &str = "verbatim.db";
pub const FORM: &str = "sqlite:///folder with percent-encoded special characters and no parameters: the folder of a service, whose \
    database is verbatim.db there";

/// The folder that `sqlite:///folder` or `sqlite://folder` names, the latter in the working folder. The database in it may be
/// named as well.
pub fn sqlite_folder(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix(SCHEME)?.strip_prefix("//")?;
    if path.contains(['?', '#']) {
        return None;
    }
    let path = percent_decode_str(path).decode_utf8().ok().filter(|path| !path.is_empty())?;
    let path = Path::new(path.as_ref());
    let folder = match path.file_name() {
        Some(name) if name == DATABASE => path.parent()?,
        _ => path,
    };
    // A file of another name would become a folder.
    let is_file = folder.extension().is_some_and(|extension| extension == "db" || extension == "sqlite");
    match (is_file, folder.as_os_str().is_empty()) {
        (true, _) => None,
        (false, true) => Some(PathBuf::from(".")),
        (false, false) => Some(folder.to_owned()),
    }
}

/// In a layer, `storage.url = "sqlite://FOLDER"` becomes `storage.dir = "FOLDER"`, from the same origin, and so is stronger or
/// weaker than `storage.dir` of other layers.
pub fn settle(layer: &mut Table, problems: &mut Vec<Problem>) {
    let Some(url) = values::lookup(layer, "storage", "url").cloned() else { return };
    let Some(text) = text_of(&url).filter(|text| text.starts_with(SCHEME)) else { return };
    let mut refuse = |message: String| {
        let origin = values::origin(&url);
        problems.push(Problem::Refused { key: "storage.url".to_owned(), message, origin });
    };
    let Some(folder) = sqlite_folder(text) else { return refuse(format!("must be {FORM}")) };
    let dir = values::lookup(layer, "storage", "dir").and_then(text_of);
    if dir.is_some_and(|dir| Path::new(dir) != folder) {
        return refuse("names another folder than storage.dir: set one of them".to_owned());
    }
    let origin = url.origin().map(str::to_owned);
    let folder = folder.to_string_lossy().into_owned();
    insert(layer, "storage", "dir", Value::new(origin.as_ref(), folder));
    insert(layer, "storage", "url", Value::new(origin.as_ref(), ""));
}

fn text_of(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_sqlite_names_the_folder_of_its_database() {
        let folder = |url| sqlite_folder(url).map(|folder| folder.to_str().unwrap().to_owned());
        for (url, expected) in [
            ("sqlite:///srv/a%20b", "/srv/a b"),
            ("sqlite:///srv/data/verbatim.db", "/srv/data"),
            ("sqlite://data", "data"),
            ("sqlite://../data", "../data"),
            ("sqlite://verbatim.db", "."),
        ] {
            assert_eq!(folder(url).as_deref(), Some(expected), "{url}");
        }
        for url in [
            "sqlite://",
            "sqlite:data",
            "sqlite::memory:",
            "sqlite:///a?mode=ro",
            "sqlite:///srv/jobs.db",
            "data",
        ] {
            assert_eq!(folder(url), None, "{url}");
        }
    }
}
