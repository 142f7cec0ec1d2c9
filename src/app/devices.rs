//! Starting what runs jobs: on one device, or on several at the same time.

use std::path::PathBuf;
use std::sync::Arc;

use actors::clock::Clock;
use actors::domain::model::pulls::Pull;
use actors::exchange;
use actors::job::{JobHandle, JobParts};
use actors::model::{ModelHandle, ModelParts, ServedModels};
use actors::notifier::NotifierHandle;
use actors::peers::{PeersHandle, PeersSender};
use actors::ports::{Engine, MemoryProbe, Peers};
use actors::pull::{OnDemand, PullHandle, Pulled, load_pulled};
use tracing::warn;

use super::start_error::StartError;
use crate::audio::AudioFiles;
use crate::compose;
use crate::http::{self, Device, Service};
use crate::settings::{self, Settings};
use crate::store::SqlStore;

/// What all devices share.
pub(super) struct SharedParts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) recordings: Arc<AudioFiles>,
    pub(super) notifier: NotifierHandle,
    pub(super) pulls: PullHandle,
    pub(super) clock: Clock,
    /// Called with the name and the state of an actor that a panic ended.
    pub(super) on_actor_stop: fn(&'static str, &str),
}

impl SharedParts<'_> {
    /// Starts the model's actor of the device that these settings are for.
    pub(super) fn start_model(
        &self,
        settings: &Settings,
        served: ServedModels,
        memory: Arc<dyn MemoryProbe>,
        notifier: NotifierHandle,
    ) -> Result<ModelHandle, StartError> {
        let mut engines = compose::engines(settings, &memory).map_err(StartError::Program)?;
        let pulled = compose::pulled(settings);
        if settings.model.auto_pull {
            pull_missing(&settings.model_files(), &pulled, &self.pulls, &mut engines);
        }
        let (policy, clock) = (compose::policy(settings), self.clock.clone());
        let parts = ModelParts { engines, served, memory, policy, notifier, clock };
        let model = ModelHandle::start(parts, self.on_actor_stop);
        actix_web::rt::spawn(load_pulled(pulled, self.pulls.clone(), model.clone()));
        Ok(model)
    }

    pub(super) fn start_jobs(
        &self,
        settings: &Settings,
        store: Arc<SqlStore>,
        model: ModelHandle,
        peers: PeersHandle,
        notifier: NotifierHandle,
    ) -> JobHandle {
        JobHandle::start(JobParts {
            store,
            recordings: self.recordings.clone(),
            model,
            notifier,
            peers,
            settings: compose::job_settings(settings),
            on_actor_stop: self.on_actor_stop,
        })
    }

    /// Starts the devices of the settings, each with its store. [`StartedDevice::start_exchange`] follows.
    pub(super) fn start_devices(&self, stores: Vec<SqlStore>) -> Result<Vec<StartedDevice>, StartError> {
        let mut places = vec![];
        let mut started = vec![];
        for (device, store) in self.settings.devices.iter().zip(stores) {
            let settings = self.settings.for_device(device);
            let place = compose::memory_place(&settings);
            let shares_memory = places.contains(&place);
            places.push(place);
            started.push(self.start_device(device, &settings, shares_memory, Arc::new(store))?);
        }
        Ok(started)
    }

    fn start_device(
        &self,
        device: &settings::Device,
        settings: &Settings,
        shares_memory: bool,
        store: Arc<SqlStore>,
    ) -> Result<StartedDevice, StartError> {
        let memory = compose::memory(settings);
        let notifier = self.notifier.of_worker(&device.name);
        let served = match &device.models[..] {
            [] => ServedModels::All,
            some => ServedModels::Only(some.to_vec()),
        };
        let model = self.start_model(settings, served, memory.clone(), notifier.clone())?;
        let (peers, sender) = PeersHandle::new(store.clone());
        let jobs = self.start_jobs(settings, store.clone(), model.clone(), peers, notifier);
        let device = Device { name: device.name.clone(), model, jobs, memory, shares_memory };
        Ok(StartedDevice { device, store, sender })
    }
}

/// A device that runs, and does not yet exchange with the others.
pub(super) struct StartedDevice {
    pub(super) device: Device,
    store: Arc<SqlStore>,
    sender: PeersSender,
}

impl StartedDevice {
    /// It reports, now and for as long as the service runs, and does what it is asked.
    pub(super) async fn start_exchange(self, service: &Arc<Service>) {
        let Self { device, store, sender } = self;
        let (service, model, jobs) = (service.clone(), device.model.clone(), device.jobs.clone());
        let report = move || http::device_report(&service, &device);
        if let Err(error) = store.report(&report()).await {
            warn!(%error, "a device cannot report");
        }
        actix_web::rt::spawn(exchange::run(sender, store, model, jobs, None, report));
    }
}

/// Begins the downloads of models that are missing, and has each tried again when it is missing at a load.
///
/// # Blocking
/// Looks for their files.
fn pull_missing(
    files: &[(String, PathBuf)],
    pulled: &[Pulled],
    pulls: &PullHandle,
    engines: &mut [Arc<dyn Engine>],
) {
    for Pulled { model, name } in pulled {
        let Some(engine) = engines.get_mut(model.0) else { continue };
        if files.get(model.0).is_some_and(|(_, path)| !path.exists()) {
            // Its name is from the catalogue.
            let _: Option<Pull> = pulls.ask(name);
        }
        *engine = Arc::new(OnDemand::new(engine.clone(), name.clone(), pulls.clone()));
    }
}
