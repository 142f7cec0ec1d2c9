//! `verbatim keys revoke`.

use super::place::{RELOAD, file};
use crate::auth;
use crate::cli::failure::Failure;
use crate::cli::form::Form;
use crate::cli::{stderr, stdout};
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, id: &str, form: Form) -> Result<(), Failure> {
    let path = file(settings)?;
    if auth::remove(&path, id)? == 0 {
        return Err(Failure::NoSuchKey { id: id.to_owned(), path });
    }
    let line = serde_json::json!({ "revoked": id });
    stdout::print(&if form.is_json() { format!("{line}\n") } else { format!("revoked {id}\n") })?;
    stderr::print_line(RELOAD);
    Ok(())
}
