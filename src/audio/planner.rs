//! Decides where a recording is cut: a pure function of its voice activity.
//!
//! The engine hears 30 s at a time, whatever the chunk's length, and loses a word that is cut in two.
//! So chunks are long, and end where nobody speaks.

use std::ops::Range;

use actors::domain::audio::{SAMPLE_RATE, Span};

use super::vad::FRAME;

/// How a recording is cut. Lengths are in seconds, probabilities from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSettings {
    /// Speech begins where its probability reaches this …
    pub speech_begins: f32,
    /// … and ends where it falls below this.
    pub speech_ends: f32,
    /// Speech that stands alone and is nowhere as likely as this is taken for noise. Measured: the
    /// first moment of noise reaches 0.64, every phrase of speech 0.88, and 0.69 when 42 dB quieter.
    pub speech_sure: f32,
    /// Speech that stands alone and is shorter is taken for a click.
    pub least_speech: f64,
    /// Pauses shorter than this do not make what they separate stand alone.
    pub joining_pause: f64,
    /// Silence kept at the edges of a chunk, where there is any. Speech sounds before and behind what
    /// the detector hears lie within it.
    pub edge: f64,
    /// From this length on a chunk ends at the next long pause.
    pub good_length: f64,
    /// The long pause that ends such a chunk.
    pub long_pause: f64,
    /// A pause this long ends any chunk: the times behind it would suffer, and the engine makes up
    /// words in long silence.
    pub always_ends: f64,
    /// No chunk is longer. 29 and not 30, so that the engine's own end rules stay out of it.
    pub most: f64,
    /// Where a chunk must be cut, the latest pause of at least this length is taken, near its middle …
    pub clear_pause: f64,
    /// … else the longest of at least this length, else the least likely moment of speech.
    pub short_pause: f64,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            speech_begins: 0.5,
            speech_ends: 0.35,
            speech_sure: 0.65,
            least_speech: 0.25,
            joining_pause: 0.4,
            edge: 0.5,
            good_length: 15.0,
            long_pause: 2.0,
            always_ends: 10.0,
            most: 29.0,
            clear_pause: 0.3,
            short_pause: 0.1,
        }
    }
}

/// What is left behind a cut is at least this long, so that no chunk is a word's last sound.
const LEAST_REST_SECS: f64 = 1.0;

/// By how much a pause is heard too late, in frames: 0.1 s.
const LATENESS: usize = 6;

/// Frames over which the probability is averaged to find its lowest point.
const SMOOTHING: usize = 5;

/// The chunks of a recording of `samples` samples whose frames are speech with the probabilities
/// `activity` (0 to 255, one for each `FRAME` samples).
///
/// Chunks are in order, do not overlap, are at most [`PlanSettings::most`] long, and hold every frame
/// of speech that is neither a click nor noise. Without speech there are none.
pub fn plan_chunks(activity: &[u8], samples: u64, settings: &PlanSettings) -> Vec<Span> {
    let limits = Limits::new(settings);
    let speech = find_speech(activity, &limits);
    let cutter = Cutter { activity, limits: &limits, frames: samples.div_ceil(FRAME as u64) as usize };
    cutter.chunks(speech).into_iter().filter_map(|chunk| span(chunk, samples)).collect()
}

/// Where somebody speaks in such a recording, clicks and noise left out.
pub fn find_voices(activity: &[u8], samples: u64, settings: &PlanSettings) -> Vec<Span> {
    let speech = find_speech(activity, &Limits::new(settings));
    speech.into_iter().filter_map(|stretch| span(stretch, samples)).collect()
}

/// The settings in frames.
struct Limits {
    begins: u8,
    ends: u8,
    sure: u8,
    least_speech: usize,
    joining: usize,
    edge: usize,
    good: usize,
    long: usize,
    always: usize,
    most: usize,
    clear: usize,
    short: usize,
    rest: usize,
}

impl Limits {
    fn new(settings: &PlanSettings) -> Self {
        let most = frames(settings.most).clamp(frames(2.0), frames(30.0));
        Self {
            begins: level(settings.speech_begins),
            ends: level(settings.speech_ends.min(settings.speech_begins)),
            sure: level(settings.speech_sure),
            least_speech: frames(settings.least_speech),
            joining: frames(settings.joining_pause),
            // Two edges and some speech fit into a chunk, whatever the settings.
            edge: frames(settings.edge).min(most / 4),
            good: frames(settings.good_length).min(most / 2),
            long: frames(settings.long_pause).max(1),
            always: frames(settings.always_ends).max(1),
            most,
            clear: frames(settings.clear_pause).max(1),
            short: frames(settings.short_pause).max(1),
            rest: frames(LEAST_REST_SECS).min(most / 4),
        }
    }
}

/// Stretches of speech in frames, in order: what the detector hears, less lone clicks and noise.
fn find_speech(activity: &[u8], limits: &Limits) -> Vec<Range<usize>> {
    let heard = hear(activity, limits);
    let mut kept = Vec::with_capacity(heard.len());
    for group in heard.chunk_by(|a, b| b.start - a.end < limits.joining) {
        let length = group.iter().map(Range::len).sum::<usize>();
        let mut heard = group.iter().filter_map(|stretch| activity.get(stretch.clone())).flatten();
        if length >= limits.least_speech && heard.any(|p| *p >= limits.sure) {
            kept.extend_from_slice(group);
        }
    }
    kept
}

/// Speech begins at one level and ends below a lower one, so that a dip inside a word is no pause.
fn hear(activity: &[u8], limits: &Limits) -> Vec<Range<usize>> {
    let mut heard = Vec::new();
    let mut start = None;
    for (frame, &p) in activity.iter().enumerate() {
        match start {
            None if p >= limits.begins => start = Some(frame),
            Some(begun) if p < limits.ends => {
                heard.push(begun..frame);
                start = None;
            }
            None | Some(_) => {}
        }
    }
    heard.extend(start.map(|begun| begun..activity.len()));
    heard
}

struct Cutter<'a> {
    activity: &'a [u8],
    limits: &'a Limits,
    /// Length of the recording.
    frames: usize,
}

impl Cutter<'_> {
    fn chunks(&self, mut speech: Vec<Range<usize>>) -> Vec<Range<usize>> {
        let mut chunks = Vec::new();
        let (mut next, mut free) = (0, 0);
        while let Some(left) = speech.get_mut(next..).filter(|left| !left.is_empty()) {
            let (chunk, done) = self.chunk(free, left);
            free = chunk.end;
            next += done;
            chunks.push(chunk);
        }
        chunks
    }

    /// The next chunk, which begins at `free` or later, and how many stretches of speech are done
    /// with it. A stretch that is cut in two is left with its second part.
    fn chunk(&self, free: usize, speech: &mut [Range<usize>]) -> (Range<usize>, usize) {
        let run = self.run_length(speech);
        let (first, last) = match speech.get(..run) {
            Some([only]) => (only.start, only.end),
            Some([first, .., last]) => (first.start, last.end),
            Some([]) | None => (free, free),
        };
        let start = first.saturating_sub(self.limits.edge).max(free);
        if last - first <= self.limits.most {
            // Speech that fits is never cut for the sake of the silence before it.
            let start = start.max(last.saturating_sub(self.limits.most));
            let next = speech.get(run).map_or(self.frames, |next| last + (next.start - last) / 2);
            return (start..self.with_edge(start, last, next), run);
        }
        let cut = self.cut(start, last, speech);
        let done = speech.partition_point(|stretch| stretch.end <= cut);
        if let Some(halved) = speech.get_mut(done).filter(|stretch| stretch.start < cut) {
            halved.start = cut;
            return (start..cut, done);
        }
        let last = speech.get(..done).and_then(<[_]>::last).map_or(cut, |stretch| stretch.end);
        (start..self.with_edge(start, last, cut), done)
    }

    /// How many stretches belong together: up to a pause that ends the chunk by itself, or until
    /// there are more than fit.
    fn run_length(&self, speech: &[Range<usize>]) -> usize {
        let first = speech.first().map_or(0, |stretch| stretch.start);
        let ends = |pair: &[Range<usize>]| {
            let [a, b] = pair else { return false };
            let (length, pause) = (a.end - first, b.start - a.end);
            let long = pause >= self.limits.long && length >= self.limits.good;
            long || pause >= self.limits.always || length > self.limits.most
        };
        speech.windows(2).position(ends).map_or(speech.len(), |at| at + 1)
    }

    /// The end of speech with its edge of silence, up to `bound`, within the longest length.
    fn with_edge(&self, start: usize, last: usize, bound: usize) -> usize {
        (last + self.limits.edge).min(bound).min(start + self.limits.most).max(last)
    }

    /// The best place to cut speech that goes on for too long.
    fn cut(&self, start: usize, last: usize, speech: &[Range<usize>]) -> usize {
        let latest = (start + self.limits.most).min(last - self.limits.rest);
        // Behind the chunk's first speech in any case, so that every cut is a step forward.
        let earliest = start + self.limits.good.max(self.limits.edge + 1);
        let window = earliest.min(latest - 1)..latest;
        let pauses: Vec<_> = pauses(speech).map(|pause| clip(&pause, &window)).collect();
        let clear = pauses.iter().rfind(|pause| pause.len() >= self.limits.clear);
        let short = || pauses.iter().filter(|p| p.len() >= self.limits.short).max_by_key(|p| p.len());
        match clear.or_else(short) {
            Some(pause) => middle(pause),
            None => self.quietest(&window),
        }
    }

    /// The least likely moment of speech, the latest of equals.
    fn quietest(&self, window: &Range<usize>) -> usize {
        let smoothed = |at: &usize| {
            let from = at.saturating_sub(SMOOTHING / 2);
            let around = self.activity.get(from..(at + SMOOTHING / 2 + 1).min(self.activity.len()));
            around.unwrap_or_default().iter().map(|p| u32::from(*p)).sum::<u32>()
        };
        window.clone().rev().min_by_key(smoothed).unwrap_or(window.start)
    }
}

/// The middle of a pause as it truly is. The detector is late at both ends: by up to 0.16 s where
/// speech begins, by 0.04 to 0.4 s (the quieter, the later) where it ends.
fn middle(pause: &Range<usize>) -> usize {
    pause.start + pause.len() / 2 - (pause.len() / 4).min(LATENESS)
}

fn pauses(speech: &[Range<usize>]) -> impl Iterator<Item = Range<usize>> {
    speech.windows(2).filter_map(|pair| match pair {
        [a, b] => Some(a.end..b.start),
        _ => None,
    })
}

fn clip(range: &Range<usize>, window: &Range<usize>) -> Range<usize> {
    let start = range.start.clamp(window.start, window.end);
    start..range.end.clamp(start, window.end)
}

fn span(chunk: Range<usize>, samples: u64) -> Option<Span> {
    let at = |frame: usize| (frame as u64 * FRAME as u64).min(samples);
    let span = Span { start: at(chunk.start), end: at(chunk.end) };
    (span.samples() > 0).then_some(span)
}

/// Rounded down, so that no limit is exceeded.
fn frames(secs: f64) -> usize {
    (secs.max(0.0) * f64::from(SAMPLE_RATE) / FRAME as f64) as usize
}

fn level(probability: f32) -> u8 {
    (probability.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Activity made of stretches: frames and probability.
    fn activity(stretches: &[(usize, u8)]) -> Vec<u8> {
        stretches.iter().flat_map(|&(length, p)| std::iter::repeat_n(p, length)).collect()
    }

    fn plan(activity: &[u8]) -> Vec<Span> {
        plan_chunks(activity, (activity.len() * FRAME) as u64, &PlanSettings::default())
    }

    fn secs(spans: &[Span]) -> Vec<(f64, f64)> {
        spans.iter().map(|s| (s.start_secs(), s.end_secs())).collect()
    }

    /// 1 s = 62.5 frames.
    const SECOND: usize = 62;

    #[test]
    fn silence_and_lone_clicks_are_in_no_chunk() {
        assert_eq!(plan(&[]), []);
        assert_eq!(plan(&activity(&[(1_000, 80)])), []);
        assert_eq!(plan(&activity(&[(100, 0), (10, 255), (300, 0)])), []);
        assert_eq!(plan(&activity(&[(100, 0), (40, 160), (300, 0)])), []);
    }

    #[test]
    fn a_click_beside_speech_stays_with_it() {
        let spans = plan(&activity(&[(100, 0), (10, 255), (20, 0), (100, 255), (300, 0)]));
        assert_eq!(secs(&spans), [(1.104, 4.176)]);
    }

    #[test]
    fn silence_at_the_edges_is_trimmed() {
        let spans = plan(&activity(&[(1_000, 0), (100, 255), (1_000, 0)]));
        assert_eq!(secs(&spans), [(15.504, 18.096)]);
    }

    #[test]
    fn a_long_pause_ends_a_chunk_only_once_it_is_long_enough() {
        let speech = (10 * SECOND, 255);
        let spans = plan(&activity(&[speech, (3 * SECOND, 0), speech, (3 * SECOND, 0), speech]));
        assert_eq!(spans.len(), 2);
        assert!(spans[0].end_secs() > 22.0 && spans[1].start_secs() > 25.0);
    }

    #[test]
    fn very_long_silence_ends_any_chunk() {
        assert_eq!(plan(&activity(&[(SECOND, 255), (11 * SECOND, 0), (SECOND, 255)])).len(), 2);
    }

    #[test]
    fn the_latest_clear_pause_is_cut_rather_than_a_longer_one_before_it() {
        let spans =
            plan(&activity(&[(17 * SECOND, 255), (60, 0), (8 * SECOND, 255), (20, 0), (8 * SECOND, 255)]));
        assert_eq!(spans.len(), 2);
        let pause = (25 * SECOND + 60) as f64 * 0.016;
        assert!(spans[0].end_secs() > pause && spans[1].start_secs() < pause + 20.0 * 0.016);
    }

    #[test]
    fn without_a_clear_pause_the_longest_short_one_is_cut() {
        let spans =
            plan(&activity(&[(17 * SECOND, 255), (15, 0), (8 * SECOND, 255), (8, 0), (8 * SECOND, 255)]));
        let pause = (17 * SECOND) as f64 * 0.016;
        assert!(spans[0].end_secs() > pause && spans[0].end_secs() < pause + 15.0 * 0.016);
    }

    #[test]
    fn speech_without_any_pause_is_cut_where_it_is_least_likely() {
        let spans = plan(&activity(&[(20 * SECOND, 250), (5, 120), (20 * SECOND, 250)]));
        assert_eq!(spans[0].end, spans[1].start);
        let dip = (20 * SECOND) as f64 * 0.016;
        assert!((spans[0].end_secs() - dip).abs() < 0.1, "{}", spans[0].end_secs());
    }

    #[test]
    fn speech_that_just_fits_is_not_cut_for_the_silence_before_it() {
        let spans = plan(&activity(&[(100, 0), (1_810, 255), (100, 0)]));
        assert_eq!(spans.len(), 1);
        assert!(spans[0].start <= 100 * FRAME as u64 && spans[0].end >= 1_910 * FRAME as u64);
    }

    fn stretches() -> impl Strategy<Value = Vec<(usize, u8)>> {
        let length = prop_oneof![4 => 1usize..40, 2 => 40usize..400, 1 => 400usize..4_000];
        let p = prop_oneof![Just(0u8), Just(255u8), any::<u8>()];
        prop::collection::vec((length, p), 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

        #[test]
        fn chunks_are_in_order_apart_and_neither_too_long_nor_too_short(
            stretches in stretches(),
            missing in 0u64..FRAME as u64,
        ) {
            let activity = activity(&stretches);
            let samples = ((activity.len() * FRAME) as u64).saturating_sub(missing);
            let spans = plan_chunks(&activity, samples, &PlanSettings::default());
            for span in &spans {
                prop_assert!(span.samples() <= 29 * 16_000, "{span:?}");
                prop_assert!(span.samples() >= 3_200, "{span:?}");
                prop_assert!(span.end <= samples);
            }
            for pair in spans.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start, "{pair:?}");
            }
            prop_assert_eq!(&spans, &plan_chunks(&activity, samples, &PlanSettings::default()));
        }

        #[test]
        fn every_frame_of_speech_is_in_a_chunk(stretches in stretches()) {
            let activity = activity(&stretches);
            let spans = plan(&activity);
            for speech in find_speech(&activity, &Limits::new(&PlanSettings::default())) {
                for frame in speech {
                    let (start, end) = ((frame * FRAME) as u64, ((frame + 1) * FRAME) as u64);
                    prop_assert!(spans.iter().any(|s| s.start <= start && end <= s.end), "frame {frame}");
                }
            }
        }

        #[test]
        fn no_settings_break_the_planner(
            stretches in stretches(),
            lengths in prop::collection::vec(-1.0f64..60.0, 9),
            levels in prop::collection::vec(-1.0f32..2.0, 3),
        ) {
            let settings = PlanSettings {
                speech_begins: levels[0],
                speech_ends: levels[1],
                speech_sure: levels[2],
                least_speech: lengths[0],
                joining_pause: lengths[1],
                edge: lengths[2],
                good_length: lengths[3],
                long_pause: lengths[4],
                always_ends: lengths[5],
                most: lengths[6],
                clear_pause: lengths[7],
                short_pause: lengths[8],
            };
            let activity = activity(&stretches);
            let spans = plan_chunks(&activity, (activity.len() * FRAME) as u64, &settings);
            for pair in spans.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            prop_assert!(spans.iter().all(|s| s.samples() > 0 && s.samples() <= 30 * 16_000));
        }
    }
}
