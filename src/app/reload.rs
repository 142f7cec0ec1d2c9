//! What changes in a running service when its settings are read again.

use tracing::{info, warn};

use crate::compose;
use crate::http::Service;
use crate::settings::{Settings, SettingsError};

/// Reads the settings again. The API keys take effect at once, everything else that concerns the service at the next start.
pub struct Reload(Box<dyn Fn() -> Result<Settings, SettingsError>>);

impl Reload {
    pub fn new(load: impl Fn() -> Result<Settings, SettingsError> + 'static) -> Self {
        Self(Box::new(load))
    }

    /// Settings that are refused change nothing.
    ///
    /// # Blocking
    /// For reading the files of the settings.
    pub(super) fn read_again(&self, service: &Service) {
        match (self.0)() {
            Ok(settings) => {
                service.keys.replace(compose::keys(&settings));
                info!(keys = settings.auth.keys.len(), log.level = settings.log.level, "settings read again");
            }
            Err(error) => warn!(%error, "invalid settings ignored; the present ones stay in force"),
        }
    }
}
