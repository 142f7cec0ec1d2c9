//! Models to download, and downloads, on the wire.

use actors::domain::model::pulls::{Pull, PullState};
use actors::ports::ShelfModel;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::model_view::{FailureView, failure};
use crate::error::one_of;

/// All models that can be downloaded, and all others that are here.
#[derive(Serialize, ToSchema)]
#[schema(as = Shelf)]
pub(in crate::http) struct ModelsView {
    models: Vec<ShelfModelView>,
}

/// A model of the catalogue, or in the models folder.
#[derive(Serialize, ToSchema)]
#[schema(as = ShelfModel)]
struct ShelfModelView {
    /// The settings call it so; the path of a file that they can name by its path only.
    name: String,
    /// Of all its files.
    bytes: u64,
    /// `null` of a file that cannot be read.
    #[schema(required)]
    multilingual: Option<bool>,
    installed: bool,
    /// The library that its files are made for. CTranslate2 runs all of them.
    #[schema(schema_with = engines)]
    engine: &'static str,
}

/// A download of a model.
#[derive(Serialize, ToSchema)]
#[schema(as = Pull)]
pub(in crate::http) struct PullView {
    name: String,
    #[schema(schema_with = states)]
    state: &'static str,
    /// Bytes that are here.
    bytes: u64,
    #[schema(required)]
    total_bytes: Option<u64>,
    /// Of one that failed.
    #[schema(required)]
    error: Option<FailureView>,
}

/// All downloads since the start: of each model the last one.
#[derive(Serialize, ToSchema)]
#[schema(as = Pulls)]
pub(in crate::http) struct PullsView {
    pulls: Vec<PullView>,
}

fn engines() -> Object {
    one_of(["ctranslate2", "whisper_cpp"])
}

fn states() -> Object {
    one_of(PullState::NAMES)
}

pub(in crate::http) fn models_view(models: Vec<ShelfModel>) -> ModelsView {
    let models = models.into_iter().map(|model| ShelfModelView {
        name: model.name,
        bytes: model.bytes,
        multilingual: model.multilingual,
        installed: model.is_installed,
        engine: model.engine,
    });
    ModelsView { models: models.collect() }
}

pub(in crate::http) fn pulls_view(pulls: &[Pull]) -> PullsView {
    PullsView { pulls: pulls.iter().map(pull_view).collect() }
}

pub(in crate::http) fn pull_view(pull: &Pull) -> PullView {
    let error = match &pull.state {
        PullState::Failed(cause) => Some(failure(cause)),
        PullState::Pulling | PullState::Verifying | PullState::Done | PullState::Cancelled => None,
    };
    PullView {
        name: pull.name.clone(),
        state: pull.state.name(),
        bytes: pull.bytes,
        total_bytes: pull.total_bytes,
        error,
    }
}
