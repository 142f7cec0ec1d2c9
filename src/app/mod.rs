//! Where everything is put together: the order of the start and of the stop.

mod client_sockets;
mod devices;
mod late_models;
#[cfg(target_os = "linux")]
mod process_metrics;
mod reload;
mod retention;
mod signals;
mod start_error;
mod supervisor;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::{Condition, NormalizePath, from_fn};
use actix_web::{App, HttpServer, web};
use actors::clock::Clock;
use actors::domain::event::UnloadReason;
use actors::domain::model::lifecycle::Failure;
use actors::exchange;
use actors::job::JobHandle;
use actors::model::{ModelHandle, ServedModels};
use actors::notifier::{NotifierHandle, NotifierSettings};
use actors::peers::PeersHandle;
use actors::ports::{Peers, WebhookTransport};
use actors::pull::PullHandle;
use futures_util::future::join_all;
use tracing::{error, info, warn};
use tracing_actix_web::TracingLogger;

pub use reload::Reload;
use signals::Signals;
pub use start_error::StartError;

use crate::audio::AudioFiles;
use crate::auth::{Keyring, Keys};
use crate::compose;
use crate::http::{self, Limits, Service};
use crate::outgoing::HttpSources;
use crate::settings::{Effective, Settings};
use crate::store::{
    BlobPlace, Blobs, OpenBlobsError, Sharing, SqlStore, StoreOpenError, UPLOADS_OF_OTHERS, check_is_shared,
    open_blobs,
};
use crate::webhook::{HttpWebhooks, WebhookConfig};
use crate::wyoming;

/// Threads that serve requests. They only forward messages and stream bytes.
const HTTP_THREADS: usize = 2;
/// Answers of a stopping service get this long after everything else is over.
const LAST_ANSWERS_SECS: u64 = 5;

/// Runs the service until SIGTERM or SIGINT. SIGHUP reloads its settings.
///
/// # Blocking
/// For the life of the service.
pub fn serve(effective: Effective, reload: Reload) -> Result<(), StartError> {
    crate::engine::share_one_heap();
    client_sockets::raise_file_limit();
    #[cfg(target_os = "linux")]
    process_metrics::register();
    for (name, meant) in effective.near_misses() {
        warn!("the environment variable {name} is ignored: {meant} may be meant");
    }
    actix_web::rt::System::new().block_on(run(effective.settings, reload))
}

async fn run(settings: Settings, reload: Reload) -> Result<(), StartError> {
    // First what may refuse the start: nothing is running yet.
    let listener = listen(&settings, settings.server.port)?;
    let wyoming = match compose::wyoming(&settings) {
        Some(config) => Some((listen(&settings, settings.wyoming.port)?, config)),
        None => None,
    };
    let webhooks = compose::webhooks(&settings)?;
    webhooks.check()?;
    let audio = compose::audio(&settings)?;
    let (place, bucket) = compose::blobs(&settings).map_err(OpenBlobsError::from)?;
    let keys = compose::keys(&settings)?;
    if keys.as_ref().is_some_and(Keys::is_empty) {
        let file = settings.auth.keys_file.display();
        warn!(%file, "there are no keys, so every request is refused: make one with `verbatim keys create --owner NAME`");
    }
    let store = open_store(&settings, &place).await?;
    let blobs = open_blobs(&place, &settings.storage.dir, bucket).await?;
    let needed = store.blob_keys().await?;
    let mut unneeded_after = Duration::ZERO;
    if store.has_other_services() {
        check_is_shared(&store, &*blobs, &needed, &place).await?;
        unneeded_after = UPLOADS_OF_OTHERS;
    }
    let requeued = JobHandle::recover(&store).await?;
    let removed_files = match blobs.keep_only(&needed, unneeded_after).await {
        Ok(removed) => removed,
        Err(error) => {
            warn!(%error, "cannot remove recordings that no job needs; the next start removes them");
            0
        }
    };
    info!(requeued, removed_files, storage.dir = %settings.storage.dir.display(), "storage opened");
    let (store, of_devices) = match &settings.devices[..] {
        [] => (store, vec![]),
        devices => store.for_workers(devices.iter().map(|device| device.name.as_str())),
    };
    let store = Arc::new(store);
    let watched = store.clone();
    actix_web::rt::spawn(async move {
        watched.taken_over().await;
        error!("another service has taken the database over; shutting down");
        std::process::exit(1);
    });
    let recordings = AudioFiles::new(blobs.clone(), audio);
    let keys = Keyring::new(keys);
    let (peers, sender) = PeersHandle::new(store.clone());
    sender.read(&*store).await;
    let stores = Stores { store: store.clone(), of_devices, peers, blobs };
    let (service, devices) = start_actors(&settings, stores, recordings, webhooks, keys)?;
    if !devices.is_empty() {
        for device in devices {
            device.start_exchange(&service).await;
        }
        sender.read(&*store).await;
    }
    let stalled = Duration::from_secs(settings.limits.stalled_client_secs);
    let idle = Duration::from_secs(settings.server.keep_alive_secs);
    let (server, address) = start_server(service.clone(), listener, stalled, idle)?;
    if let Some(keep) = compose::retention(&settings) {
        actix_web::rt::spawn(retention::keep_for(keep, store.clone(), service.blobs.clone()));
    }
    for model in service.models() {
        warn_of_unusable_models(&service, model);
        actix_web::rt::spawn(late_models::load_when_there(model.clone(), store.clone()));
    }
    let indexed = store.clone();
    actix_web::rt::spawn(async move {
        match indexed.index_jobs().await {
            Ok(0) => {}
            Ok(jobs) => info!(jobs, "jobs of an earlier version indexed for search"),
            Err(error) => warn!(%error, "cannot index jobs for search"),
        }
    });
    let reporter = service.clone();
    let (model, jobs) = (service.model.clone(), service.jobs.clone());
    // All devices have the same notifier.
    let notifier = store.has_other_services().then(|| service.notifier.clone());
    let report = move || http::report(&reporter);
    let exchange = actix_web::rt::spawn(exchange::run(sender, store.clone(), model, jobs, notifier, report));
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);
    if let Some((listener, config)) = wyoming {
        wyoming::serve(service.clone(), listener, config).map_err(StartError::Server)?;
    }
    // A program that reads this line may stop the service at once.
    let signals = Signals::catch().map_err(StartError::Server)?;
    announce(address);
    supervisor::ready();
    let watchdog = actix_web::rt::spawn(supervisor::feed_watchdog(service.clone()));
    signals.asked_to_stop(|| reload.read_again(&service)).await;
    supervisor::stopping();
    watchdog.abort();
    stop(&service, &handle, Duration::from_secs(settings.server.shutdown_secs)).await;
    // Others would take a last report for that of a service that runs.
    exchange.abort();
    if serving.await.is_err() {
        warn!("the HTTP server stopped unexpectedly");
    }
    store.close().await;
    info!("stopped");
    Ok(())
}

async fn open_store(settings: &Settings, place: &BlobPlace) -> Result<SqlStore, StoreOpenError> {
    let storage = &settings.storage;
    let sharing = if *place == BlobPlace::Own { Sharing::Alone } else { Sharing::Shared };
    match storage.postgres() {
        None => SqlStore::open(&storage.dir).await,
        Some(url) => SqlStore::open_postgres(&storage.dir, url, sharing).await,
    }
}

/// Jobs wait for as long as it takes, so the log says at once what they will wait for.
fn warn_of_unusable_models(service: &Service, model: &ModelHandle) {
    let models = model.status().models.into_iter().filter(|known| known.is_served_here);
    for known in models.filter(|known| !service.pulls.is_pulling(&known.facts.id)) {
        if let Some(Failure { message, .. }) = known.facts.unusable {
            warn!(model = known.facts.id, "{message}");
        }
    }
}

fn listen(settings: &Settings, port: u16) -> Result<TcpListener, StartError> {
    let host = settings.server.host.as_str();
    let refused = |source| StartError::Listen { host: host.to_owned(), port, source };
    let listener = TcpListener::bind((host, port)).map_err(refused)?;
    Ok(listener)
}

/// What is stored, and who else has it.
struct Stores {
    store: Arc<SqlStore>,
    /// In the order of the settings.
    of_devices: Vec<SqlStore>,
    peers: PeersHandle,
    blobs: Arc<dyn Blobs>,
}

fn start_actors(
    settings: &Settings,
    Stores { store, of_devices, peers, blobs }: Stores,
    recordings: AudioFiles,
    webhooks: WebhookConfig,
    keys: Keyring,
) -> Result<(Arc<Service>, Vec<devices::StartedDevice>), StartError> {
    let clock = Clock::start();
    let memory = compose::memory(settings);
    let pulls = PullHandle::new(Arc::new(compose::shelf(settings)));
    let recordings = Arc::new(recordings);
    let webhook_rules = webhooks.rules.clone();
    let node = compose::node(settings);
    let of_notifier = NotifierSettings {
        worker: store.has_other_services().then(|| node.name.clone()),
        sends_webhooks: node.role.sends_webhooks(),
    };
    let notifier =
        NotifierHandle::start(of_notifier, store.clone(), move || transport(webhooks), actor_stopped);
    let parts = devices::SharedParts {
        settings,
        recordings: recordings.clone(),
        notifier: notifier.clone(),
        pulls: pulls.clone(),
        clock: clock.clone(),
        on_actor_stop: actor_stopped,
    };
    let started = parts.start_devices(of_devices)?;
    info!(models = settings.model_files().len(), devices = started.len(), "models named");
    let model = if node.role.runs_jobs() && started.is_empty() {
        parts.start_model(settings, ServedModels::All, memory.clone(), notifier.clone())?
    } else {
        let engines = compose::engines(settings, &memory).map_err(StartError::Program)?;
        ModelHandle::elsewhere(&engines, compose::policy(settings), peers.clone())
    };
    let jobs = parts.start_jobs(settings, store, model.clone(), peers.clone(), notifier.clone());
    let devices: Vec<_> = started.iter().map(|started| started.device.clone()).collect();
    let jobs = jobs.in_front_of(devices.iter().map(|device| device.jobs.clone()).collect());
    let sources = Arc::new(HttpSources::new(webhook_rules.clone()));
    let limits = Limits {
        max_upload_bytes: settings.server.max_upload_bytes,
        min_upload_bytes_per_sec: settings.limits.min_upload_bytes_per_sec,
        fetch_timeout: Duration::from_secs(settings.fetch.timeout_secs),
        unload_hold: Duration::from_secs(settings.model.unload_hold_secs),
        webhook_rules,
        sites: compose::sites(settings),
    };
    let service = Arc::new(Service {
        model,
        jobs,
        devices,
        pulls,
        notifier,
        peers,
        node,
        blobs,
        recordings,
        sources,
        memory,
        clock,
        keys,
        limits,
        wait_policy: compose::wait_policy(settings),
        rates: compose::rates(settings),
        streams: compose::streams(settings),
        callers: Arc::default(),
        answers: http::Answers::default(),
        started: Instant::now(),
        stopping: AtomicBool::new(false),
        draining: AtomicBool::new(false),
    });
    Ok((service, started))
}

/// Made on the notifier's own thread: the client in it cannot change threads.
fn transport(webhooks: WebhookConfig) -> Box<dyn WebhookTransport> {
    match HttpWebhooks::new(webhooks) {
        Ok(transport) => Box::new(transport),
        // The same settings were checked before anything was started.
        Err(error) => unreachable!("webhook settings that were good before: {error}"),
    }
}

/// An actor has stopped for good. All state is on disk, and a new process takes it up.
fn actor_stopped(actor: &'static str, state: &str) {
    error!(actor, state, "actor stopped unexpectedly; shutting down");
    std::process::exit(1);
}

fn start_server(
    service: Arc<Service>,
    listener: TcpListener,
    stalled: Duration,
    idle: Duration,
) -> Result<(Server, SocketAddr), StartError> {
    let address = listener.local_addr().map_err(StartError::Server)?;
    let data = web::Data::from(service);
    let sites = data.limits.sites.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .configure(http::extractors)
            .configure(http::routes)
            .wrap(from_fn(http::authorize))
            .wrap(from_fn(http::refuse_foreign_sites))
            .wrap(Condition::new(!sites.origins.is_empty(), http::cors(&sites)))
            // What follows judges paths: double slashes are ignored.
            .wrap(NormalizePath::trim())
            .wrap(from_fn(http::measure_requests))
            .wrap(from_fn(http::announce_close))
            .wrap(http::security_headers())
            .wrap(from_fn(http::give_request_id))
            .wrap(TracingLogger::<http::RequestSpan>::new())
    })
    .on_connect(move |connection, data| {
        client_sockets::drop_if_stalled(connection, stalled);
        http::keep_socket(connection, data);
    })
    .keep_alive(idle)
    // A connection that was opened ahead of its first request is idle as well.
    .client_request_timeout(idle)
    .workers(HTTP_THREADS)
    .disable_signals()
    .shutdown_timeout(LAST_ANSWERS_SECS)
    .listen(listener)
    .map_err(StartError::Server)?;
    Ok((server.run(), address))
}

/// The one line on stdout: connections are accepted from here on.
fn announce(address: SocketAddr) {
    let mut stdout = std::io::stdout();
    let written = writeln!(stdout, "listening on http://{address}").and_then(|()| stdout.flush());
    if let Err(error) = written {
        warn!(%error, "cannot write to stdout");
    }
    info!(%address, "listening");
}

/// Takes nothing new, puts running jobs back, gives the memory back, says goodbye, and only then
/// closes the sockets.
async fn stop(service: &Service, server: &ServerHandle, limit: Duration) {
    info!("stopping");
    service.stop();
    service.jobs.stop(limit).await;
    let unloads = service.models().map(|model| model.unload_and_wait(UnloadReason::Shutdown, None));
    for error in join_all(unloads).await.into_iter().filter_map(Result::err) {
        warn!(%error, "the model was not unloaded");
    }
    service.notifier.stop().await;
    service.pulls.stop();
    server.stop(true).await;
}
