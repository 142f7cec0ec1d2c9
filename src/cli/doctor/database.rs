//! The PostgreSQL database, where the settings name one.

use super::finding::Finding;
use crate::settings::Settings;
use crate::store::check_postgres;

const CHECK: &str = "database";

/// Nothing with SQLite, whose file is in the data folder.
pub(super) fn check(settings: &Settings) -> Option<Finding> {
    let url = settings.storage.postgres()?;
    Some(match actix_web::rt::System::new().block_on(check_postgres(url)) {
        Ok(server) => Finding::ok(CHECK, format!("{server} can be used")),
        Err(error) => Finding::error(CHECK, error.to_string(), "see \"PostgreSQL\" in docs/OPERATIONS.md"),
    })
}
