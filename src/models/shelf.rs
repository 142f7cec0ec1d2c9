//! The models folder and the catalogue, for the service.

use std::path::Path;

use actors::domain::model::lifecycle::Failure;
use actors::ports::{ModelShelf, PullStep, ShelfModel};

use super::installed::installed;
use super::pull::{PullConfig, pull};
use super::wanted::Wanted;

/// The port's implementation: only models of the catalogue are downloaded for clients of the service, never addresses.
pub struct Shelf {
    config: PullConfig,
    /// Whether the model there transcribes languages other than English; `None` if it cannot be read.
    is_multilingual: fn(&Path) -> Option<bool>,
}

impl Shelf {
    pub fn new(config: PullConfig, is_multilingual: fn(&Path) -> Option<bool>) -> Self {
        Self { config, is_multilingual }
    }
}

impl ModelShelf for Shelf {
    fn list(&self) -> Vec<ShelfModel> {
        let PullConfig { dir, catalog, .. } = &self.config;
        let known = catalog.models().map(|model| ShelfModel {
            name: model.name.to_owned(),
            bytes: model.bytes,
            multilingual: Some(model.is_multilingual()),
            is_installed: model.is_in(dir),
            engine: model.format().engine(),
        });
        let others = installed(dir, *catalog).into_iter().filter(|model| !model.is_known);
        let others = others.map(|model| ShelfModel {
            name: model.title(),
            bytes: model.bytes,
            multilingual: (self.is_multilingual)(&model.path),
            is_installed: true,
            engine: model.format.engine(),
        });
        known.chain(others).collect()
    }

    fn find(&self, name: &str) -> Option<u64> {
        self.config.catalog.find(name).map(|model| model.bytes)
    }

    fn pull(
        &self,
        name: &str,
        keep_going: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(PullStep),
    ) -> Result<(), Failure> {
        let wanted = Wanted::named(name, self.config.catalog)?;
        pull(&wanted, &self.config, keep_going, progress)?;
        Ok(())
    }
}
