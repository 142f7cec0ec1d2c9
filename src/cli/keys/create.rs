//! `verbatim keys create`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::place::{RELOAD, file};
use crate::auth::{self, Keys, Scope, hashed_entry};
use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::{stderr, stdout};
use crate::settings::{AuthMode, Settings};

/// Makes a key recognisable where it turns up.
const PREFIX: &str = "vb_";

pub(super) fn run(settings: &Settings, owner: &str, scopes: &[Scope], form: Form) -> Result<(), Failure> {
    let path = file(settings)?;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::NoRandomness(error.to_string()))?;
    let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let entry = hashed_entry(&key, owner, scopes);
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d");
    auth::append(&path, &entry, &format!("created {now}"))?;
    let id = Keys::parse([entry.as_str()]).ok().and_then(|keys| keys.described().next().map(|key| key.id));
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    if form.is_json() {
        let made = json!({ "id": id, "key": key, "owner": owner, "scopes": names });
        stdout::print(&format!("{made}\n"))?;
    } else {
        stdout::print(&format!("{key}\n"))?;
        stderr::print_line("this is the only time that the key is shown; the file has its hash");
    }
    if settings.auth.mode == AuthMode::None {
        stderr::print_line(
            "note: [auth] mode is \"none\", so the service asks for no key: set it to \"keys\"",
        );
    }
    stderr::print_line(RELOAD);
    Ok(())
}
