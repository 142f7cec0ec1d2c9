//! Decodes a recording once to find out whether it can be decoded and where it is cut.
//!
//! The built-in decoders come first. ffmpeg, where it is allowed and there, takes what they refuse, and what they
//! may have made too little of.

use std::path::Path;

use actors::domain::audio::{Decoder, Plan, SAMPLE_RATE, Span, secs};
use actors::domain::jobs::selection::Selection;
use actors::ports::{AudioError, CancelToken};
use tracing::{debug, warn};

use super::analysis::Analysis;
use super::fallback::{check_length, second_opinion, with_fallback};
use super::mix::Downmix;
use super::planner::{find_speech, first_chunk, language_windows, plan_chunks};
use super::source::open;
use super::source::pcm::Pcm;
use super::source::sample_stream::Doubt;
use super::{AudioSettings, Channels};

/// So much of a recording is analysed before the first chunk can be final; from then on that is tried as often.
const FIRST_CHUNK_SAMPLES: u64 = 42 * SAMPLE_RATE as u64;
const NEXT_TRY_SAMPLES: u64 = 10 * SAMPLE_RATE as u64;

/// So many detectors of voices in a row may die over one recording before that is an error: what killed the first
/// one may have meant no harm to the job.
const DETECTORS: usize = 3;

/// Two decoders may differ by so many samples over a codec's lead alone: 0.1 s.
const SAME_LENGTH: u64 = 1_600;

/// By so many samples more a decoder has clearly made more of a recording: 1 s.
const CLEARLY_LONGER: u64 = 16_000;

/// Makes sure that at least one sample of the selected track can be decoded. The range is ignored.
///
/// # Blocking
/// Reads and decodes the beginning.
pub fn probe_file(path: &Path, selection: &Selection, settings: &AudioSettings) -> Result<(), AudioError> {
    let (selection, cancel) = (selection.without_range(), CancelToken::default());
    with_fallback(path, settings, |decoder| {
        let mut pcm = open(path, decoder, Downmix::Mean, &selection, settings.ffmpeg.as_ref(), &cancel)?;
        while pcm.next_block()?.is_some() {
            if pcm.position() > 0 {
                break;
            }
        }
        pcm.position_or_none().map(drop)
    })
}

/// Decodes the selected track and range of the file once and decides where it is cut; times in the plan are those of the
/// whole recording. `first` is called in advance with a plan of the first chunk alone, once that is final unless the
/// whole recording turns out to be decoded otherwise.
///
/// # Blocking
/// For as long as decoding takes, from the beginning up to the end of the range: about 1 s for every 15 min of audio.
/// `cancel` is polled at every packet.
pub fn plan_file(
    path: &Path,
    selection: &Selection,
    settings: &AudioSettings,
    cancel: &CancelToken,
    first: &mut dyn FnMut(Plan),
) -> Result<Plan, AudioError> {
    let recording = Recording { path, selection, settings, cancel };
    let mut is_reported = false;
    let mut once = |plan| {
        if !std::mem::replace(&mut is_reported, true) {
            first(plan);
        }
    };
    let Planned { plan, doubt } =
        with_fallback(path, settings, |decoder| plan_with(decoder, recording, &mut once))?;
    let theirs = || Ok(plan_with(Decoder::Ffmpeg, recording, &mut |_| {})?.plan);
    second_opinion(plan, doubt, settings, theirs, better)
}

/// What is planned, and how.
#[derive(Clone, Copy)]
struct Recording<'a> {
    path: &'a Path,
    selection: &'a Selection,
    settings: &'a AudioSettings,
    cancel: &'a CancelToken,
}

struct Planned {
    plan: Plan,
    /// Why another decoder may make more of the recording, if it may.
    doubt: Option<Doubt>,
}

fn plan_with(
    decoder: Decoder,
    recording: Recording<'_>,
    first: &mut dyn FnMut(Plan),
) -> Result<Planned, AudioError> {
    let Recording { path, selection, settings, cancel } = recording;
    let analyse = |downmix, first: &mut dyn FnMut(Plan)| {
        let mut detectors = 1;
        loop {
            let pcm = open(path, decoder, downmix, selection, settings.ffmpeg.as_ref(), cancel)?;
            match analyse(pcm, recording, &mut |plan| first(Plan { decoder, ..plan })) {
                Err(_) if cancel.is_cancelled() => return Err(AudioError::Cancelled),
                Err(Trouble::Detector(error)) if detectors < DETECTORS => {
                    warn!(%error, "voice detector failed; starting again");
                    detectors += 1;
                }
                Err(Trouble::Detector(error) | Trouble::Recording(error)) => return Err(error),
                Ok(analysed) => return Ok(analysed),
            }
        }
    };
    let mut planned = match settings.channels {
        Channels::Mix => analyse(Downmix::Mean, first)?.0,
        Channels::Split => {
            let (one, channels) = analyse(Downmix::Channel(0), &mut |_| {})?;
            let mut all = vec![one];
            for channel in 1..u8::try_from(channels).unwrap_or(u8::MAX) {
                all.push(analyse(Downmix::Channel(channel), &mut |_| {})?.0);
            }
            side_by_side(all)
        }
    };
    planned.plan.decoder = decoder;
    planned.plan.selection = selection.clone();
    let Plan { samples, chunks, .. } = &planned.plan;
    debug!(audio.secs = secs(*samples), audio.chunks = chunks.len(), ?decoder, "recording planned");
    Ok(planned)
}

/// Where an error comes from.
enum Trouble {
    Recording(AudioError),
    /// Another try may succeed.
    Detector(AudioError),
}

impl From<AudioError> for Trouble {
    fn from(error: AudioError) -> Self {
        Self::Recording(error)
    }
}

/// A plan of the selected range alone, with its times moved to those of the whole recording.
fn placed(plan: Plan, selection: &Selection) -> Plan {
    let start = selection.start;
    let moved = |spans: Vec<Span>| -> Vec<Span> {
        spans.into_iter().map(|span| Span { start: span.start + start, end: span.end + start }).collect()
    };
    Plan {
        samples: plan.samples + start,
        selection: selection.clone(),
        chunks: moved(plan.chunks),
        speech: moved(plan.speech),
        language_windows: moved(plan.language_windows),
        ..plan
    }
}

/// The plan of one channel, or of all mixed, and how many there are.
fn analyse(
    mut pcm: Pcm,
    recording: Recording<'_>,
    first: &mut dyn FnMut(Plan),
) -> Result<(Planned, usize), Trouble> {
    let Recording { selection, settings, cancel, .. } = recording;
    let mut analysis = Analysis::begin(settings, cancel)?;
    let mut next_try = Some(selection.start.saturating_add(FIRST_CHUNK_SAMPLES));
    while let Some(block) = pcm.next_block()? {
        analysis.push(block).map_err(Trouble::Detector)?;
        check_length(pcm.position(), settings.max_secs)?;
        if next_try.is_some_and(|next_try| pcm.position() >= next_try) {
            let chunk = analysis.so_far().and_then(|frames| first_chunk(&frames, &settings.plan));
            next_try = if chunk.is_none() { Some(pcm.position() + NEXT_TRY_SAMPLES) } else { None };
            if let Some(chunk) = chunk {
                first(placed(Plan { samples: chunk.end, chunks: vec![chunk], ..Plan::default() }, selection));
            }
        }
    }
    let samples = pcm.position_or_none()? - selection.start;
    let frames = analysis.finish().map_err(Trouble::Detector)?;
    let plan = Plan {
        samples,
        chunks: plan_chunks(&frames, samples, &settings.plan),
        speech: find_speech(&frames, samples),
        language_windows: language_windows(&frames, samples),
        warnings: pcm.warnings(),
        ..Plan::default()
    };
    let plan = placed(plan, selection);
    Ok((Planned { plan, doubt: pcm.doubt() }, pcm.channels()))
}

/// The plans of a recording's channels as one: their chunks in the order in which they end, of equals the lower channel
/// first, so that what comes before a finished chunk is finished in all channels but for chunks that end behind it.
fn side_by_side(channels: Vec<Planned>) -> Planned {
    let mut chunks: Vec<_> = (0u8..)
        .zip(&channels)
        .flat_map(|(channel, planned)| planned.plan.chunks.iter().map(move |span| (*span, channel)))
        .collect();
    chunks.sort_by_key(|(span, channel)| (span.end, *channel));
    let samples = channels.iter().map(|planned| planned.plan.samples).max().unwrap_or(0);
    let speaks = channels.iter().find(|planned| !planned.plan.speech.is_empty()).or(channels.first());
    let language_windows = speaks.map(|planned| planned.plan.language_windows.clone()).unwrap_or_default();
    // What is odd about a recording is so in all of its channels.
    let (warnings, doubt) = match channels.into_iter().next() {
        Some(first) => (first.plan.warnings, first.doubt),
        None => (Vec::new(), None),
    };
    let (chunks, channels) = chunks.into_iter().unzip();
    Planned { plan: Plan { samples, chunks, channels, language_windows, warnings, ..Plan::default() }, doubt }
}

/// The plan of the decoder that made more of the recording; ours where they are alike, with what it warns of: ffmpeg
/// says nothing of a recording that is cut short.
fn better(ours: Plan, theirs: Plan, doubt: Doubt) -> Plan {
    let is_better = match doubt {
        Doubt::Short => theirs.samples > ours.samples + CLEARLY_LONGER,
        Doubt::Undecodable => {
            let is_whole = theirs.samples + SAME_LENGTH >= ours.samples;
            is_whole && theirs.warnings.len() < ours.warnings.len()
        }
    };
    match (is_better, doubt) {
        (false, _) => ours,
        (true, Doubt::Undecodable) => theirs,
        (true, Doubt::Short) => {
            let disagreement = format!(
                "the built-in decoder decoded {:.1} s of the recording and ffmpeg {:.1} s: the longer one was transcribed",
                ours.selected_secs(),
                theirs.selected_secs()
            );
            let warnings = [theirs.warnings, vec![disagreement]].concat();
            Plan { warnings, ..theirs }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(secs: u64, warnings: &[&str], decoder: Decoder) -> Plan {
        let warnings = warnings.iter().map(|warning| (*warning).to_owned()).collect();
        Plan { samples: secs * 16_000, warnings, decoder, ..Plan::default() }
    }

    #[test]
    fn the_decoder_that_makes_more_of_a_recording_is_taken() {
        use Decoder::{BuiltIn, Ffmpeg};
        let taken = |ours, theirs, doubt| better(ours, theirs, doubt).decoder;
        let cut = || plan(10, &["it stops early"], BuiltIn);
        assert_eq!(
            taken(cut(), plan(10, &[], Ffmpeg), Doubt::Short),
            BuiltIn,
            "ffmpeg does not report that it is cut"
        );
        let longer = better(cut(), plan(20, &["some places"], Ffmpeg), Doubt::Short);
        let disagreement = "the built-in decoder decoded 10.0 s of the recording and ffmpeg 20.0 s: the longer one was transcribed";
        assert_eq!(
            (longer.decoder, longer.warnings),
            (Ffmpeg, vec!["some places".into(), disagreement.into()])
        );
        let full_of_holes = || plan(10, &["9 of 10 packets could not be decoded"], BuiltIn);
        assert_eq!(taken(full_of_holes(), plan(10, &[], Ffmpeg), Doubt::Undecodable), Ffmpeg);
        assert_eq!(taken(full_of_holes(), plan(10, &["some places"], Ffmpeg), Doubt::Undecodable), BuiltIn);
        assert_eq!(
            taken(full_of_holes(), plan(5, &[], Ffmpeg), Doubt::Undecodable),
            BuiltIn,
            "times would shift"
        );
    }
}
