//! Each failure of a model is retried once.

use std::collections::BTreeMap;

use crate::domain::model::models::ModelNo;

/// Which failures were retried after their cause had ended. The actor may be busy for long: a second try of the same failure would
/// wait behind the first, and follow whatever came of that.
#[derive(Debug, Default)]
pub struct Retries(BTreeMap<ModelNo, u64>);

impl Retries {
    /// Whether the latest of so many failures of a model was not retried yet; it counts as retried from now on.
    pub fn begin(&mut self, model: ModelNo, failures: u64) -> bool {
        self.0.insert(model, failures) != Some(failures)
    }
}
