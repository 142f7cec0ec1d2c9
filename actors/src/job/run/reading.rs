//! A run's recording: where it is cut, and its samples, read beside the engine's work.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::{Early, Run, Started, Stop, chunk_index};
use crate::domain::audio::Plan;
use crate::domain::jobs::options::Extent;
use crate::ports::{AudioError, ChunkAudio, StoredBlob, VoiceActivity};

impl Run {
    /// The plan of an earlier run or, the first time, a new one; and with a new one, the first chunk,
    /// where the engine could begin with it while the rest was being planned.
    pub(super) async fn plan(&mut self) -> Result<(Plan, Option<Started>), Stop> {
        let (deps, facts) = (self.deps.clone(), self.lease.model().facts());
        // Another ffmpeg, or none, means nothing for what the built-in decoders read.
        let made_with = |decoder| deps.made_with(&facts, decoder);
        match self.claim.plan.take() {
            Some(plan) if plan.made_with == made_with(plan.decoder) => return Ok((plan, None)),
            Some(_) => self.begin_anew(),
            None => {}
        }
        let (recordings, blob) = (self.deps.recordings.clone(), StoredBlob::from(&self.claim.job.audio));
        let (selection, cancel) = (self.claim.job.options.selection.clone(), self.control.cancel.clone());
        let (sender, first) = oneshot::channel();
        let mut sender = Some(sender);
        let planning = tokio::task::spawn_blocking(move || {
            recordings.plan(&blob, &selection, &cancel, &mut |begun| {
                if let Some(sender) = sender.take() {
                    // A run that is over has dropped the receiver.
                    let _ = sender.send(begun);
                }
            })
        });
        let ahead = self.begin(first).await;
        let plan = self
            .unless_called_off(planning)
            .await?
            .unwrap_or_else(|_| Err(AudioError::Corrupt("the recording could not be decoded".into())))
            .map_err(|error| self.bad_audio(&error))?;
        let mut plan = Plan { made_with: made_with(plan.decoder), ..plan };
        if self.claim.job.options.extent == Extent::Beginning {
            plan.chunks.truncate(1);
        }
        let progress = self.progress(&plan, 0);
        let (store, fence) = (self.deps.store.clone(), self.fence());
        self.write(|| store.planned(fence, &plan, progress)).await?;
        // What the plan says counts; an answer to anything else is not waited for. The first chunk went without word
        // of its voices and neighbours.
        let is_plain = plan.has_voices(0) && !plan.overlaps_previous(1);
        let is_of = |begun: &Plan| {
            is_plain && begun.decoder == plan.decoder && begun.chunks.first() == plan.chunks.first()
        };
        let ahead = ahead.filter(|(begun, _)| is_of(begun));
        Ok((plan, ahead.map(|(_, started)| started)))
    }

    /// What an earlier run did was done with another model, or by another version: a transcript is of one
    /// piece.
    fn begin_anew(&mut self) {
        info!(job.id = %self.claim.job.id, "job restarted: the model or the program has changed");
        self.claim.chunks_done = 0;
        self.placement.resume(0);
        self.language = self.claim.job.options.language;
        (self.spoken, self.certainty) = (self.language, None);
    }

    /// Starts on the chunk that will very likely be the first, if there is word of one.
    async fn begin(&self, first: oneshot::Receiver<Plan>) -> Option<(Plan, Started)> {
        let begun = self.unless_called_off(first).await.ok()?.ok()?;
        let samples = self.unless_called_off(self.samples(&begun, 0).recv()).await.ok()??.ok()?;
        let chunk = ChunkAudio { samples, voices: VoiceActivity::Present, is_joined: false };
        let started = self.send(1, vec![chunk], Vec::new(), Early::Yes).await.ok()?;
        Some((begun, started))
    }

    /// The samples of the plan's language windows, in the plan's order: cut out of the chunks that are about to be sent,
    /// or read, where these do not hold them all.
    pub(super) async fn language_windows(
        &self,
        plan: &Plan,
        batch: &Range<u32>,
        samples: &[Arc<[f32]>],
    ) -> Result<Vec<Arc<[f32]>>, Stop> {
        let chunks = chunk_index(batch.start)..chunk_index(batch.end);
        if let Some(windows) = plan.language_windows_in(chunks, samples) {
            return Ok(windows);
        }
        let (recordings, blob, plan) =
            (self.deps.recordings.clone(), StoredBlob::from(&self.claim.job.audio), plan.clone());
        let cancel = self.control.cancel.clone();
        let reading = tokio::task::spawn_blocking(move || {
            recordings.spans(&blob, &plan, &plan.language_windows, &cancel)
        });
        self.unless_called_off(reading)
            .await?
            .unwrap_or_else(|_| Err(AudioError::Corrupt("the recording could not be decoded".into())))
            .map_err(|error| self.bad_audio(&error))
    }

    /// Decodes on a thread of its own, one batch ahead of the engine.
    pub(super) fn samples(&self, plan: &Plan, first: u32) -> mpsc::Receiver<Result<Arc<[f32]>, AudioError>> {
        let (sender, receiver) = mpsc::channel(self.batch_size().max(1));
        let (recordings, blob, plan) =
            (self.deps.recordings.clone(), StoredBlob::from(&self.claim.job.audio), plan.clone());
        let cancel = self.control.cancel.clone();
        tokio::task::spawn_blocking(move || {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            match recordings.chunks(&blob, &plan, first, &cancel) {
                // Ends once the receiver is dropped.
                Ok(mut chunks) => while chunks.next().is_some_and(|c| sender.blocking_send(c).is_ok()) {},
                Err(error) => drop(sender.blocking_send(Err(error))),
            }
        });
        receiver
    }
}
