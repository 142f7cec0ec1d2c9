//! What changes in a running service when its settings are read again.

use tracing::{info, warn};

use crate::auth::Keys;
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
        let settings = match (self.0)() {
            Ok(settings) => settings,
            Err(error) => return warn!(%error, "invalid settings ignored; the present ones stay in force"),
        };
        match compose::keys(&settings) {
            Ok(keys) => {
                let count = keys.as_ref().map_or(0, Keys::len);
                service.keys.replace(keys);
                info!(keys = count, log.level = settings.log.level, "settings read again");
            }
            Err(error) => warn!(%error, "invalid keys ignored; the present ones stay in force"),
        }
    }
}
