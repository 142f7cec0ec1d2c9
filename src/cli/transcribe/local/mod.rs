//! Transcribes here, with the engine of the service and without one running.
//!
//! The loop over the chunks is apart from that of the service (`actors/src/job/run.rs`): that one is resumed, preempted and
//! cancelled between batches, and has the engine begin the next batch before this one is stored. What text depends on is
//! the same code for both: plan, batches, prompts, language windows and places of segments.

mod ahead;
mod track;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::domain::audio::{Plan, Span};
use actors::domain::jobs::batches::batches;
use actors::domain::language::Language;
use actors::domain::transcript::context::Context;
use actors::domain::transcript::placement::Placement;
use actors::domain::transcript::{Segment, in_order};
use actors::ports::{
    AudioError, Batch, CancelToken, ChunkAudio, Engine, EngineFault, LoadFailure, LoadedModel,
};

use super::args::Wanted;
use super::english_only;
use super::recording::{Recording, Source};
use super::spool::{self, Downloads};
use super::transcriber::{Interrupts, Stop, Transcriber};
use crate::audio::{AudioSettings, plan_file, spans_of_file};
use crate::cli::failure::Failure;
use crate::cli::progress::Meter;
use crate::cli::serve;
use crate::compose;
use crate::engine::model_file::ModelHeader;
use crate::outgoing::HttpSources;
use crate::settings::Sources;
use crate::transcript::{Transcript, render_shaped};
use ahead::decode_ahead;
use track::Track;

/// Loads the model when it is first needed and keeps it for all recordings. An engine's process ends
/// with this one, however that ends.
pub(super) struct Local {
    engine: Arc<dyn Engine>,
    audio: AudioSettings,
    downloads: Downloads,
    wanted: Wanted,
    condition_on_previous: bool,
    model: Option<Arc<dyn LoadedModel>>,
}

impl Local {
    pub(super) fn new(sources: &Sources, wanted: &Wanted) -> Result<Self, Failure> {
        let settings = serve::load_quietly_from(sources)?.settings;
        let engine = compose::engine(&settings, compose::memory(&settings)).map_err(Failure::NoProgram)?;
        let (id, file) = settings.model_file();
        // Before a long recording is read for nothing.
        let header = ModelHeader::read(&file).map_err(LoadFailure::from)?;
        let mut wanted = wanted.clone();
        if wanted.languages.is_empty() {
            wanted.languages = compose::languages(&settings);
        }
        if !header.multilingual() {
            english_only::check(&id, wanted.language, &wanted.languages, wanted.task)?;
        }
        let condition_on_previous = settings.decode.condition_on_previous;
        let downloads = Downloads {
            sources: HttpSources::new(compose::webhooks(&settings)?.rules),
            limit: Duration::from_secs(settings.fetch.timeout_secs),
            max_bytes: settings.server.max_upload_bytes,
        };
        let audio = compose::audio(&settings)?;
        Ok(Self { engine, audio, downloads, wanted, condition_on_previous, model: None })
    }

    fn model(&mut self, meter: &Meter) -> Result<Arc<dyn LoadedModel>, Failure> {
        if let Some(model) = &self.model {
            return Ok(Arc::clone(model));
        }
        meter.say("loading model");
        // The exit of an engine is an error of the next chunk.
        let model = self.engine.load(&|| true, Box::new(|_| {}))?;
        Ok(Arc::clone(self.model.insert(model)))
    }

    fn decode_chunks(&mut self, file: &Path, plan: &Plan, meter: &Meter) -> Result<Decoded, Stop> {
        let mut decoded = Decoded { language: self.wanted.language, segments: Vec::new() };
        if plan.chunks.is_empty() {
            return Ok(decoded);
        }
        let model = self.model(meter)?;
        let samples =
            decode_ahead(file, &self.audio, plan).map_err(|error| Stop::Later(error.to_string()))?;
        let mut track = Track::new(plan);
        let mut context = Context::default();
        let mut placement = Placement::new(self.wanted.word_timestamps);
        let size = if self.condition_on_previous { 1 } else { model.facts().batch_size };
        for chunks in batches(plan, size) {
            let spans = plan.chunks.get(chunks.clone()).unwrap_or_default();
            let whole = Span {
                start: spans.first().map_or(0, |span| span.start),
                end: spans.last().map_or(0, |span| span.end),
            };
            meter.step(&track.step(0.0, whole));
            let mut audio: Vec<Arc<[f32]>> = Vec::with_capacity(chunks.len());
            for _ in chunks.clone() {
                audio.push(samples.recv().unwrap_or_else(|_| Err(decoder_stopped())).map_err(of_audio)?);
            }
            let language_windows = match decoded.language {
                None => self.language_windows(file, plan, chunks.clone(), &audio)?,
                Some(_) => Vec::new(),
            };
            let audio = chunks.clone().zip(audio);
            let audio = audio.map(|(chunk, samples)| ChunkAudio::of(plan, chunk, samples));
            let batch = Batch {
                language: decoded.language,
                languages: self.wanted.languages.clone(),
                language_windows,
                task: self.wanted.task,
                prompt: context.prompt(self.wanted.prompt.as_deref()),
                word_timestamps: self.wanted.word_timestamps,
                ..Batch::of(audio.collect::<Vec<_>>())
            };
            let mut progress = |fraction: f32| meter.step(&track.step(f64::from(fraction), whole));
            let transcripts = model
                .transcribe(&batch, &CancelToken::default(), &mut progress)
                .map_err(|fault| self.of_engine(fault))?;
            for (chunk, transcript) in chunks.zip(transcripts) {
                decoded.language = decoded.language.or(transcript.language);
                let segments = placement.place(plan, chunk, transcript);
                // Channels are transcribed one after the other, and their text is put in order at the end.
                for segment in segments.iter().filter(|segment| segment.channel.is_none()) {
                    meter.text(segment.id, &segment.text);
                }
                if self.condition_on_previous && plan.channels.is_empty() {
                    context.append(&segments);
                }
                decoded.segments.extend(segments);
                if let Some(span) = plan.chunks.get(chunk) {
                    track.finish(*span);
                }
            }
        }
        decoded.segments = in_order(decoded.segments);
        Ok(decoded)
    }

    fn language_windows(
        &self,
        file: &Path,
        plan: &Plan,
        chunks: Range<usize>,
        samples: &[Arc<[f32]>],
    ) -> Result<Vec<Arc<[f32]>>, Stop> {
        match plan.language_windows_in(chunks, samples) {
            Some(windows) => Ok(windows),
            None => spans_of_file(file, &self.audio, plan, &plan.language_windows, &CancelToken::default())
                .map_err(of_audio),
        }
    }

    /// An engine that exited is started again for the next recording.
    fn of_engine(&mut self, fault: EngineFault) -> Stop {
        match fault {
            EngineFault::Exited { .. }
            | EngineFault::Killed
            | EngineFault::Unloaded
            | EngineFault::OutOfMemory { .. } => {
                self.model = None;
                Stop::Later(fault.to_string())
            }
            EngineFault::Cancelled | EngineFault::Refused { .. } => Stop::File(fault.to_string()),
        }
    }
}

impl Transcriber for Local {
    fn interrupts(&self) -> Interrupts {
        Interrupts::End
    }

    fn transcribe(&mut self, recording: &Recording, meter: &Meter) -> Result<Vec<String>, Stop> {
        match &recording.source {
            Source::File(path) => self.transcribe_file(path, meter),
            Source::Stdin => self.transcribe_file(spool::stdin()?.path(), meter),
            Source::Url(url) => self.transcribe_file(self.downloads.fetch(url, meter)?.path(), meter),
        }
    }
}

impl Local {
    fn transcribe_file(&mut self, file: &Path, meter: &Meter) -> Result<Vec<String>, Stop> {
        meter.say("reading");
        let selection = self.wanted.selection()?;
        let plan = plan_file(file, &selection, &self.audio, &CancelToken::default(), &mut |_| {})
            .map_err(of_audio)?;
        meter.length(plan.selected_secs());
        plan.warnings.iter().for_each(|warning| meter.warn(warning));
        let decoded = self.decode_chunks(file, &plan, meter)?;
        let transcript = Transcript {
            language: decoded.language.filter(|_| !plan.chunks.is_empty()),
            language_probability: None,
            duration_secs: plan.duration_secs(),
            task: self.wanted.task,
            segments: &decoded.segments,
            revision: None,
        };
        let shape = self.wanted.shape()?;
        let formats = self.wanted.formats();
        Ok(formats.iter().map(|format| render_shaped(&transcript, *format, shape.as_ref())).collect())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(model) = self.model.take() {
            model.unload();
        }
    }
}

struct Decoded {
    language: Option<Language>,
    segments: Vec<Segment>,
}

fn of_audio(error: AudioError) -> Stop {
    match error {
        AudioError::Io(_) | AudioError::Unreachable(_) => Stop::Later(error.to_string()),
        _ => Stop::File(error.to_string()),
    }
}

fn decoder_stopped() -> AudioError {
    AudioError::Corrupt("the recording is shorter than when it was planned".into())
}
