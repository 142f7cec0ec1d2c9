//! The place of the recordings: whether it can be read.

use super::finding::Finding;
use crate::compose;
use crate::settings::Settings;
use crate::store::{OpenBlobsError, check_bucket};

const CHECK: &str = "recordings";

/// # Blocking
/// Until a bucket has answered, for 35 s at most.
pub(super) fn check(settings: &Settings) -> Finding {
    let checked = compose::blobs(settings).map_err(OpenBlobsError::from).and_then(|(place, config)| {
        let system = actix_web::rt::System::new();
        system.block_on(check_bucket(&place, config))?;
        Ok(place)
    });
    match checked {
        Ok(place) => Finding::ok(CHECK, format!("kept in {place}")),
        Err(error) => Finding::error(
            CHECK,
            error.to_string(),
            "set [storage] blobs, or give its server what it asks for",
        ),
    }
}
