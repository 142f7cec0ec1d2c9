//! `verbatim keys list`.

use secrecy::ExposeSecret;
use serde_json::json;

use crate::auth::{self, Keys, Listed};
use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::stdout;
use crate::cli::table::table;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, form: Form) -> Result<(), Failure> {
    let all = all(settings)?;
    if form.is_json() {
        let keys: Vec<_> = all
            .iter()
            .map(|(from, Listed { key, comment })| {
                json!({ "id": key.id, "owner": key.owner, "scopes": key.scopes, "from": from, "comment": comment })
            })
            .collect();
        return stdout::print(&format!("{}\n", json!({ "keys": keys })));
    }
    let rows = all.into_iter().map(|(from, Listed { key, comment })| {
        vec![key.id, key.owner, key.scopes.join("+"), from.to_owned(), comment]
    });
    stdout::print(&table(&["ID", "OWNER", "SCOPES", "FROM", "COMMENT"], &rows.collect::<Vec<_>>()))
}

/// Those of the settings first.
fn all(settings: &Settings) -> Result<Vec<(&'static str, Listed)>, Failure> {
    // The checks have let through nothing that is not a key.
    let entries = settings.auth.keys.iter().map(ExposeSecret::expose_secret);
    let of_settings = Keys::parse(entries).unwrap_or_default();
    let mut all: Vec<_> =
        of_settings.described().map(|key| ("settings", Listed { key, comment: String::new() })).collect();
    if !settings.auth.keys_file.as_os_str().is_empty() {
        all.extend(auth::list(&settings.auth.keys_file)?.into_iter().map(|listed| ("file", listed)));
    }
    Ok(all)
}
