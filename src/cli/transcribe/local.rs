//! Transcribes here, with the engine of the service and without one running.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use std::{io, thread};

use actors::domain::audio::{Plan, Span};
use actors::domain::jobs::batches::batches;
use actors::domain::jobs::progress::{Pace, Progress};
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
use crate::audio::{AudioSettings, chunks_of_file, plan_selection, spans_of_file};
use crate::cli::failure::Failure;
use crate::cli::progress::{Meter, Step};
use crate::cli::serve;
use crate::compose;
use crate::engine::model_file::ModelHeader;
use crate::outgoing::HttpSources;
use crate::settings::Sources;
use crate::transcript::{Transcript, render_shaped};

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
        // An engine that dies is met at the next chunk.
        let model = self.engine.load(&|| true, Box::new(|_| {}))?;
        Ok(Arc::clone(self.model.insert(model)))
    }

    fn decode_chunks(&mut self, file: &Path, plan: &Plan, meter: &Meter) -> Result<Decoded, Stop> {
        let mut decoded = Decoded { language: self.wanted.language, segments: Vec::new() };
        if plan.chunks.is_empty() {
            return Ok(decoded);
        }
        let model = self.model(meter)?;
        let samples = decode_ahead(file, &self.audio, plan).map_err(|error| Stop::File(error.to_string()))?;
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
                audio.push(samples.recv().unwrap_or_else(|_| Err(decoder_gone())).map_err(of_audio)?);
            }
            let language_windows = match decoded.language {
                None => self.language_windows(file, plan, chunks.clone(), &audio)?,
                Some(_) => Vec::new(),
            };
            let batch = Batch {
                chunks: chunks
                    .clone()
                    .zip(audio)
                    .map(|(chunk, samples)| ChunkAudio::of(plan, chunk, samples))
                    .collect(),
                language: decoded.language,
                languages: self.wanted.languages.clone(),
                language_windows,
                task: self.wanted.task,
                prompt: context.prompt(self.wanted.prompt.as_deref()),
                hotwords: Vec::new(),
                temperature: None,
                word_timestamps: self.wanted.word_timestamps,
                token_logprobs: false,
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

    /// An engine that is gone is started again for the next recording.
    fn of_engine(&mut self, fault: EngineFault) -> Stop {
        match fault {
            EngineFault::Died { .. }
            | EngineFault::Killed
            | EngineFault::Gone
            | EngineFault::OutOfMemory { .. } => {
                self.model = None;
            }
            EngineFault::Cancelled | EngineFault::Refused { .. } => {}
        }
        Stop::File(fault.to_string())
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
        let plan = plan_selection(file, &selection, &self.audio, &CancelToken::default(), &mut |_| {})
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

/// How far the work on a plan is, and how fast it goes.
struct Track<'a> {
    plan: &'a Plan,
    started: Instant,
    done: u32,
    audio_secs: f64,
    processed_secs: Option<f64>,
    /// As it was when a chunk last ended: inside a chunk it would only seem to fall.
    pace: Option<Pace>,
}

impl<'a> Track<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self { plan, started: Instant::now(), done: 0, audio_secs: 0.0, processed_secs: None, pace: None }
    }

    fn finish(&mut self, span: Span) {
        self.done += 1;
        self.audio_secs += (span.end_secs() - span.start_secs()) / f64::from(self.plan.passes());
        self.processed_secs = Some(span.end_secs());
        let wall_secs = self.started.elapsed().as_secs_f64();
        self.pace = Some(Pace { audio_secs: self.audio_secs, wall_secs });
    }

    /// With `fraction` of the present chunk done as well.
    fn step(&self, fraction: f64, chunk: Span) -> Step {
        let secs = chunk.end_secs() - chunk.start_secs();
        let progress = self.plan.progress(self.done, self.processed_secs, self.pace);
        let Progress { percent, chunk, chunks_total, eta_secs, .. } =
            progress.within_chunk(fraction, secs, self.plan.selected_secs());
        Step { percent, chunk, chunks_total, eta_secs }
    }
}

type Samples = Receiver<Result<Arc<[f32]>, AudioError>>;

/// Decodes on a thread of its own: the next chunk is ready when the engine is.
fn decode_ahead(file: &Path, audio: &AudioSettings, plan: &Plan) -> io::Result<Samples> {
    // Without room in the channel, one chunk waits in the decoder's hands.
    let (sender, receiver) = sync_channel(0);
    let (file, audio, plan): (PathBuf, AudioSettings, Plan) = (file.to_owned(), audio.clone(), plan.clone());
    thread::Builder::new().name("decode".into()).spawn(move || {
        // A receiver that is gone wants no more.
        for chunk in chunks_of_file(&file, &audio, &plan, 0, &CancelToken::default()) {
            if sender.send(chunk).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

fn of_audio(error: AudioError) -> Stop {
    Stop::File(error.to_string())
}

fn decoder_gone() -> AudioError {
    AudioError::Corrupt("the recording is shorter than when it was planned".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_the_chunk_being_worked_on_and_what_is_done_of_it() {
        let chunks = vec![Span { start: 0, end: 160_000 }, Span { start: 160_000, end: 320_000 }];
        let plan = Plan { samples: 320_000, chunks: chunks.clone(), ..Plan::default() };
        let mut track = Track::new(&plan);
        let begun = track.step(0.5, chunks[0]);
        assert_eq!((begun.chunk, begun.chunks_total, begun.percent), (1, 2, 25.0));
        track.finish(chunks[0]);
        let second = track.step(0.0, chunks[1]);
        assert_eq!((second.chunk, second.percent), (2, 50.0));
    }

    #[test]
    fn a_decoder_that_fails_says_so_instead_of_samples() {
        let plan = Plan { samples: 160, chunks: vec![Span { start: 0, end: 160 }], ..Plan::default() };
        let samples = decode_ahead(Path::new("/no/such/file.wav"), &AudioSettings::default(), &plan).unwrap();
        assert!(samples.recv().unwrap().is_err());
        assert!(samples.recv().is_err());
    }
}
