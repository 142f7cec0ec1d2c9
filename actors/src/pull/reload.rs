//! Loads a model once its download is over.

use super::handle::PullHandle;
use crate::domain::model::lifecycle::{Demand, Failure};
use crate::domain::model::models::ModelNo;
use crate::model::{ModelHandle, Retries};

/// A model of the settings that the catalogue has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    pub model: ModelNo,
    /// In the catalogue.
    pub name: String,
}

/// Has every model that failed for its download tried again when that is over, whatever came of it: once for each of its
/// failures. Ends with the model's actor.
pub async fn load_pulled(models: Vec<Pulled>, pulls: PullHandle, model: ModelHandle) {
    let (mut table, mut status) = (pulls.watch(), model.watch());
    let mut retries = Retries::default();
    loop {
        table.mark_unchanged();
        let shown = status.borrow_and_update().clone();
        for Pulled { model: number, name } in &models {
            let Some(known) = shown.models.get(number.0) else { continue };
            let waits = known.failure.as_ref().is_some_and(Failure::is_temporary);
            if waits && !pulls.is_pulling(name) && retries.begin(*number, known.failures) {
                // Like a new job, it takes no memory from a model that is in use.
                model.demand(Demand::NewJob, *number);
            }
        }
        let changed = tokio::select! {
            changed = table.changed() => changed,
            changed = status.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}
