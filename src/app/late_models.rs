//! Notices model files that come while jobs wait for them.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::time::sleep;
use actors::domain::model::lifecycle::Demand;
use actors::domain::model::models::ModelNo;
use actors::model::{ModelHandle, ModelStatus, Retries};
use actors::ports::{JobStore, StoreError};
use tracing::{info, warn};

const LOOK: Duration = Duration::from_secs(1);

/// Has a model whose file was not there loaded once it is, if jobs are queued. Runs for as long as the service.
pub(super) async fn load_when_there(model: ModelHandle, jobs: Arc<dyn JobStore>) {
    let (mut status, mut retries) = (model.watch(), Retries::default());
    // An error means that the model's actor has stopped.
    while status.wait_for(|shown| !missing(shown).is_empty()).await.is_ok() {
        sleep(LOOK).await;
        if let Err(error) = look(&model, jobs.as_ref(), &mut retries).await {
            warn!(%error, "cannot look for jobs that wait for a model file");
        }
    }
}

/// The models of which the last load found no file.
fn missing(status: &ModelStatus) -> Vec<ModelNo> {
    let numbered = status.models.iter().enumerate();
    let missing = numbered
        .filter(|(_, known)| known.failure.as_ref().is_some_and(|failure| failure.code == "model_not_found"));
    missing.map(|(number, _)| ModelNo(number)).collect()
}

async fn look(model: &ModelHandle, jobs: &dyn JobStore, retries: &mut Retries) -> Result<(), StoreError> {
    let waiting = jobs.models_waited_for().await?;
    let is_waited_for =
        |number: &ModelNo| waiting.iter().any(|name| model.find(name.as_deref()) == Some(*number));
    let status = model.status();
    for number in missing(&status).into_iter().filter(is_waited_for) {
        let handle = model.clone();
        // A thread that panicked has found nothing.
        let facts = actix_web::web::block(move || handle.describe(number)).await.ok().flatten();
        if let Some(facts) = facts.filter(|facts| facts.unusable.is_none())
            && retries.begin(number, status.failures(number))
        {
            info!(model = facts.id, path = facts.path, "model file found");
            model.demand(Demand::NewJob, number);
        }
    }
    Ok(())
}
