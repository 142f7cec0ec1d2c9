//! The loudness of recordings, measured once and kept.

use std::time::{Duration, Instant};

use actix_web::web;
use actors::domain::jobs::job::Job;
use actors::domain::peaks::Peaks;
use actors::ports::{AudioError, CancelToken, StoredBlob};
use tokio::sync::Mutex;

use super::detached::detached;
use super::service::Service;
use crate::error::AppError;

/// Decoding takes about 1 s for every 15 min of audio: whatever takes this long has no end.
const LIMIT: Duration = Duration::from_secs(600);
/// How often it is looked whether the service stops meanwhile.
const LOOK: Duration = Duration::from_millis(200);

/// One recording is decoded for its loudness at a time: jobs need the processors.
static TURN: Mutex<()> = Mutex::const_new(());

/// What was kept of the job's recording, or is measured and kept now. The work continues when its client disconnects: the next one
/// has its result.
pub(super) async fn peaks_of(service: web::Data<Service>, job: Job) -> Result<Peaks, AppError> {
    let store = service.jobs.store();
    if let Some(kept) = store.peaks(job.id).await? {
        return Ok(kept);
    }
    let turn = TURN.lock().await;
    if let Some(kept) = store.peaks(job.id).await? {
        return Ok(kept);
    }
    detached(async move {
        let _turn = turn;
        let peaks = measured(&service, &job).await?;
        service.jobs.store().keep_peaks(job.id, &peaks).await?;
        Ok(peaks)
    })
    .await
}

async fn measured(service: &Service, job: &Job) -> Result<Peaks, AppError> {
    let cancel = CancelToken::default();
    let (recordings, blob) = (service.recordings.clone(), StoredBlob::from(&job.audio));
    let (selection, cancelled, begun) = (job.options.selection.clone(), cancel.clone(), Instant::now());
    let decoding = web::block(move || recordings.peaks(&blob, &selection, &cancelled));
    tokio::pin!(decoding);
    let decoded = loop {
        tokio::select! {
            decoded = &mut decoding => break decoded.map_err(AppError::internal)?,
            () = actix_web::rt::time::sleep(LOOK) => {
                if service.is_stopping() || begun.elapsed() > LIMIT {
                    cancel.cancel();
                }
            }
        }
    };
    match decoded {
        Err(AudioError::Cancelled) if service.is_stopping() => Err(AppError::ShuttingDown),
        Err(AudioError::Cancelled) => {
            let secs = LIMIT.as_secs();
            Err(AppError::UnsupportedMedia(format!("decoding the recording took longer than {secs} s")))
        }
        decoded => Ok(decoded?),
    }
}
