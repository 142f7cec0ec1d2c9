//! Decodes any recording into mono samples, one packet at a time.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use actors::domain::jobs::selection::TrackChoice;
use actors::ports::AudioError;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe, ProbeOptions};
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};
use symphonia::default::{register_enabled_codecs, register_enabled_formats};
use symphonia_adapter_libopus::OpusDecoder;

use super::edit_list::{self, Edit};
use super::health::{Declared, FOUND_BY_SYNC, Health};
use super::parts::{Part, PartSource};
use super::sample_stream::{Doubt, SampleStream};
use super::sniff::io_error;
use super::timeline::Timeline;
use super::tracks::{self, AudioTrack};
use super::{matroska, mp4_tracks};
use crate::audio::mix::{Downmix, check_limits, mix_down};

/// How much of something else may stand before the recording. Enough for the padding that old
/// taggers leave; with more, any large file holds a frame header by chance.
const PROBE_DEPTH: u32 = 64 * 1024;

/// Packets that may fail before anything at all was decoded.
const MAX_FAILED_AT_START: u64 = 200;

/// Links of a chained stream that may follow each other without one packet.
const MAX_EMPTY_LINKS: u32 = 64;

/// Longest silence put in the place of a packet that cannot be decoded: a length that is itself
/// corrupt must not become hours.
const MAX_CONCEALED_SECS: f64 = 1.0;

/// The first frame of AAC is the half of a transform without its other half: every encoder puts at least as much
/// before the recording. If an edit list states how much, that is used instead.
const AAC_LEAD: usize = 1024;

/// Formats as symphonia names them.
const MATROSKA: &str = "matroska";
const MP4: &str = "isomp4";

/// What an encoder puts before a recording is shorter; Opus has 0.08 s at most.
const LONGEST_LEAD_SECS: f64 = 0.12;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<OpusDecoder>();
    codecs
});

static PROBE: LazyLock<Probe> = LazyLock::new(|| {
    let mut probe =
        Probe::new_with_options(&ProbeOptions { max_probe_depth: PROBE_DEPTH, ..ProbeOptions::default() });
    register_enabled_formats(&mut probe);
    probe
});

/// A recording being decoded: one of its audio tracks.
///
/// Holds one packet and its samples, whatever the recording's length. What cannot be decoded on the
/// way is replaced by silence of the same length and counted, so that times stay true.
pub struct AudioStream {
    path: PathBuf,
    part: Part,
    access: Access,
    downmix: Downmix,
    choice: Option<TrackChoice>,
    reader: Box<dyn FormatReader>,
    track: SelectedTrack,
    planes: Vec<Vec<f32>>,
    health: Health,
    timeline: Timeline,
    /// A packet before which others are missing.
    held: Option<Packet>,
    /// When the recording begins by its packets' times, until the track itself begins.
    zero: Option<f64>,
    /// Silence before the track's first packet that is still to come, in seconds.
    delay: f64,
    edit: Option<Edit>,
    /// Samples that are still to be played; `None`: all that come.
    left: Option<usize>,
    /// The rate of what was decoded last.
    rate: Option<u32>,
    /// The most that it had so far.
    channels: usize,
    has_begun: bool,
    /// A stream without a container: its packets have no times of their own.
    is_bare: bool,
    ended: bool,
}

/// How the file is given to the demultiplexer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// With its length: what lies behind the samples (as an index does) is found.
    Seekable,
    /// As if from a pipe: some demultiplexers refuse a file that ends before their container says,
    /// unless they cannot seek.
    Forward,
}

struct SelectedTrack {
    id: u32,
    decoder: Box<dyn AudioDecoder>,
    time_base: Option<TimeBase>,
    trims_itself: bool,
    /// Samples that are decoded and not played, as far as they are still to come.
    hidden: usize,
    /// The warning on several audio tracks where the job selects none.
    unchosen: Option<String>,
}

impl SelectedTrack {
    /// With a decoder that has seen nothing yet.
    fn renew(&mut self) -> Result<(), AudioError> {
        self.decoder = decoder(self.decoder.codec_params())?;
        Ok(())
    }
}

impl AudioStream {
    /// Opens a file and finds out by its content what it is.
    ///
    /// # Blocking
    /// Reads the beginning, and the end where a container keeps its index there.
    pub fn open(
        path: &Path,
        part: &Part,
        downmix: Downmix,
        choice: Option<&TrackChoice>,
    ) -> Result<Self, AudioError> {
        match Self::open_with(path, part, downmix, choice, Access::Seekable) {
            Err(error @ AudioError::Unsupported(_)) => {
                Self::open_with(path, part, downmix, choice, Access::Forward).map_err(|_| error)
            }
            opened => opened,
        }
    }

    fn open_with(
        path: &Path,
        part: &Part,
        downmix: Downmix,
        choice: Option<&TrackChoice>,
        access: Access,
    ) -> Result<Self, AudioError> {
        let source = || PartSource::open(path, part).map_err(io_error);
        let bytes = part.bytes();
        let reader = demultiplex(source()?, access)?;
        let format = reader.format_info().short_name;
        let index = if format == MP4 { edit_list::read_index(source()?).ok().flatten() } else { None };
        let known = match (format, &index) {
            (MATROSKA, _) => matroska::audio_tracks(source()?),
            (_, Some(index)) => mp4_tracks::tracks_in(index),
            (_, None) => Vec::new(),
        };
        let track = select_track(reader.tracks(), known, choice)?;
        let declared = if access == Access::Seekable && FOUND_BY_SYNC.contains(&format) {
            Declared { of_track: declared_length(source()?), of_media: None }
        } else {
            declared(&*reader, track.id)
        };
        let timeline = Timeline::new(declared.of_track.or(declared.of_media));
        let health = Health::new(bytes, format, declared);
        let edit = index.and_then(|index| edit_list::of_track(&index, track.id));
        let path = path.to_path_buf();
        Ok(Self {
            path,
            part: part.clone(),
            access,
            downmix,
            choice: choice.cloned(),
            reader,
            track,
            planes: Vec::new(),
            health,
            timeline,
            held: None,
            zero: None,
            delay: edit.map_or(0.0, |edit| edit.delay),
            edit,
            left: None,
            rate: None,
            channels: 0,
            has_begun: false,
            is_bare: FOUND_BY_SYNC.contains(&format),
            ended: false,
        })
    }

    /// A truncated file of which nothing came is read once more from the beginning, forward only.
    fn start_again(&mut self, error: AudioError, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError> {
        if self.access == Access::Forward || !self.health.nothing_yet() {
            return Err(error);
        }
        let choice = self.choice.as_ref();
        let again = Self::open_with(&self.path, &self.part, self.downmix, choice, Access::Forward);
        let Ok(again) = again else { return Err(error) };
        *self = again;
        self.next_block(mono).map_err(|_| error)
    }

    /// The track begins: from now on it is known what of it is hidden, and how much later than others it starts.
    fn begin(&mut self, packet: &Packet) {
        let Some(rate) = self.rate.or(self.track.decoder.codec_params().sample_rate) else { return };
        self.rate = Some(rate);
        let samples = |secs: f64| (secs * f64::from(rate)).round() as usize;
        if let Some(edit) = self.edit {
            // A decoder that leaves out the encoder's lead by itself must not get it again.
            let is_lead = self.track.trims_itself && edit.skipped < LONGEST_LEAD_SECS;
            self.track.hidden = if is_lead { 0 } else { samples(edit.skipped) };
            self.left = edit.length.map(samples);
        } else if let (Some(zero), Some(at)) = (self.zero, time_of(packet, self.track.time_base)) {
            self.delay = (at - zero).min(self.timeline.longest_gap()).max(0.0);
        }
    }

    /// Fills what is missing before the packet with silence, a piece at a time, and then decodes it.
    fn place(&mut self, packet: Packet, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError> {
        if !self.has_begun {
            self.has_begun = true;
            self.begin(&packet);
        }
        if let (true, Some(rate)) = (self.delay > 0.0, self.rate) {
            let secs = self.delay.min(MAX_CONCEALED_SECS);
            self.held = Some(packet);
            self.delay -= secs;
            mono.resize((secs * f64::from(rate)).round() as usize, 0.0);
            return Ok((!mono.is_empty()).then_some(rate));
        }
        let at = time_of(&packet, self.track.time_base).filter(|_| !self.is_bare);
        let gap = at.and_then(|at| self.timeline.gap_before(at));
        let (Some(gap), Some(rate)) = (gap, self.rate) else { return self.decode(packet, mono) };
        let secs = gap.min(MAX_CONCEALED_SECS);
        self.held = Some(packet);
        self.timeline.advance(secs);
        self.health.missed(secs);
        mono.resize((secs * f64::from(rate)).round() as usize, 0.0);
        Ok(Some(rate))
    }

    /// `None` when the packet yields no samples (the first packets of some codecs).
    fn decode(&mut self, mut packet: Packet, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError> {
        let lead = self.take_lead(&mut packet);
        let mut decoded = self.samples_of(&packet, lead, mono)?;
        if decoded.is_err() && self.is_bare {
            // Recordings of another rate or other channels may be joined to it; a new decoder is needed for those.
            self.track.renew()?;
            decoded = self.samples_of(&packet, lead, mono)?;
        }
        let reason = match decoded {
            Ok(rate) => return Ok(rate),
            Err(reason) => reason,
        };
        self.health.failed(reason);
        if self.health.nothing_yet() && self.health.failures() >= MAX_FAILED_AT_START {
            self.ended = true;
        }
        Ok(self.conceal(packet.block_dur(), mono))
    }

    /// The samples of a packet; the inner error says why it cannot be decoded.
    fn samples_of(
        &mut self,
        packet: &Packet,
        lead: usize,
        mono: &mut Vec<f32>,
    ) -> Result<Result<Option<u32>, String>, AudioError> {
        let samples = match self.track.decoder.decode(packet) {
            Ok(samples) => samples,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let rate = samples.spec().rate();
        check_limits(samples.num_planes(), rate)?;
        self.channels = self.channels.max(samples.num_planes());
        samples.copy_to_vecs_planar(&mut self.planes);
        mix_down(&self.planes, self.downmix, mono);
        self.health.decoded(packet.data.len(), mono.len(), rate);
        self.timeline.advance(mono.len() as f64 / f64::from(rate));
        let hidden = self.track.hidden.min(mono.len());
        self.track.hidden -= hidden;
        drop_front(mono, lead.max(hidden));
        self.rate = Some(rate);
        self.end_with_edit(mono);
        Ok(Ok((!mono.is_empty()).then_some(rate)))
    }

    /// What comes behind the part that is played is hidden.
    fn end_with_edit(&mut self, mono: &mut Vec<f32>) {
        let Some(left) = &mut self.left else { return };
        mono.truncate(*left);
        *left -= mono.len();
        if *left == 0 {
            self.ended = true;
            self.health.played_to_its_end();
        }
    }

    /// Samples to drop from the front, because the encoder put them there: without that an MP3 is
    /// 25 ms late. Only what the stream itself states counts. Trailing padding stays, being
    /// an estimate where a variable bit rate goes without a header.
    fn take_lead(&self, packet: &mut Packet) -> usize {
        let lead = packet.trim_start;
        if self.track.trims_itself {
            // The decoder reads the same number from the codec's header and would drop it twice.
            packet.trim_start = Duration::ZERO;
            return 0;
        }
        let rate = self.rate.or(self.track.decoder.codec_params().sample_rate).unwrap_or(0);
        self.frames(lead, rate)
    }

    /// Silence as long as the packet that failed.
    fn conceal(&mut self, length: Duration, mono: &mut Vec<f32>) -> Option<u32> {
        let rate = self.rate?;
        mono.clear();
        mono.resize(self.frames(length, rate), 0.0);
        self.timeline.advance(mono.len() as f64 / f64::from(rate));
        (!mono.is_empty()).then_some(rate)
    }

    fn frames(&self, length: Duration, rate: u32) -> usize {
        let Some(time_base) = self.track.time_base else { return 0 };
        let secs = time_base.calc_duration_saturating(length).as_secs_f64().min(MAX_CONCEALED_SECS);
        (secs * f64::from(rate)).round() as usize
    }

    /// A packet of another track that comes before the first of this one.
    fn see_other(&mut self, packet: &Packet) {
        let track = self.reader.tracks().iter().find(|track| track.id == packet.track_id);
        if let Some(at) = track.and_then(|track| time_of(packet, track.time_base)) {
            self.zero = Some(self.zero.map_or(at, |zero| zero.min(at)));
        }
    }

    /// A link of a chained stream has tracks and decoders of its own.
    fn next_link(&mut self) {
        self.health.next_link();
        self.timeline.begin_anew();
        match select_track(self.reader.tracks(), Vec::new(), self.choice.as_ref()) {
            Ok(track) => self.track = track,
            Err(error) => {
                self.ended = true;
                self.health.cut_short_by(error.to_string());
            }
        }
    }
}

impl SampleStream for AudioStream {
    /// A truncated recording ends where it is cut, with a warning.
    ///
    /// # Blocking
    /// Reads and decodes one packet.
    fn next_block(&mut self, mono: &mut Vec<f32>) -> Result<Option<u32>, AudioError> {
        mono.clear();
        let mut resets = 0;
        while !self.ended {
            let next = self.held.take().map_or_else(|| self.reader.next_packet(), |held| Ok(Some(held)));
            match next {
                Ok(Some(packet)) if packet.track_id == self.track.id => {
                    if let Some(rate) = self.place(packet, mono)? {
                        return Ok(Some(rate));
                    }
                }
                Ok(Some(packet)) if !self.has_begun => self.see_other(&packet),
                Ok(Some(_)) => {}
                Ok(None) => self.ended = true,
                Err(Error::ResetRequired) if resets < MAX_EMPTY_LINKS => {
                    resets += 1;
                    self.next_link();
                }
                Err(error) => {
                    self.ended = true;
                    self.health.cut_short(&error);
                }
            }
        }
        self.health.judge().map(|()| None).or_else(|error| self.start_again(error, mono))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.health.warnings();
        warnings.extend(self.track.unchosen.clone());
        warnings
    }

    fn enough(&mut self) -> Result<(), AudioError> {
        self.ended = true;
        self.health.played_to_its_end();
        Ok(())
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn doubt(&self) -> Option<Doubt> {
        self.health.doubt()
    }
}

fn demultiplex(file: PartSource, access: Access) -> Result<Box<dyn FormatReader>, AudioError> {
    let source: Box<dyn MediaSource> = match access {
        Access::Seekable => Box::new(file),
        Access::Forward => Box::new(ReadOnlySource::new(file)),
    };
    let source = MediaSourceStream::new(source, Default::default());
    PROBE
        .probe(&Hint::new(), source, FormatOptions::default(), metadata_options())
        .map_err(|error| not_a_recording(&error))
}

/// Pictures are skipped and tags kept short: they are not used, and they may be large.
fn metadata_options() -> MetadataOptions {
    MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(64 * 1024))
        .limit_visual_bytes(Limit::Maximum(0))
}

/// The chosen audio track, else the default one. `known` is what is known of the container's audio tracks from elsewhere.
///
/// # Errors
/// There is no audio track, or no decoder for the selected one. Other tracks are not tried: no player would choose them.
fn select_track(
    tracks: &[Track],
    known: Vec<AudioTrack>,
    choice: Option<&TrackChoice>,
) -> Result<SelectedTrack, AudioError> {
    let audio: Vec<_> = tracks
        .iter()
        .filter_map(|track| match &track.codec_params {
            Some(CodecParameters::Audio(params)) => Some((track, params)),
            Some(_) | None => None,
        })
        .collect();
    let known =
        if known.is_empty() { audio.iter().map(|(track, _)| described(track)).collect() } else { known };
    let Some(first) = known.first() else {
        return Err(AudioError::Unsupported(
            "not a recording that can be decoded: it has no audio track".into(),
        ));
    };
    let taken = tracks::choose(&known, choice)?;
    let id = known.get(taken).unwrap_or(first).id;
    let Some((track, params)) = audio.into_iter().find(|(track, _)| track.id == id) else {
        return Err(AudioError::Unsupported(
            "not a recording that can be decoded: its audio codec is not known here".into(),
        ));
    };
    let decoder = decoder(params)?;
    Ok(SelectedTrack {
        id: track.id,
        decoder,
        time_base: track.time_base,
        trims_itself: params.codec == CODEC_ID_OPUS,
        hidden: if params.codec == CODEC_ID_AAC { AAC_LEAD } else { 0 },
        unchosen: if choice.is_none() { tracks::unchosen(&known, taken) } else { None },
    })
}

fn described(track: &Track) -> AudioTrack {
    let language = track.language.as_ref().and_then(|text| tracks::language(text.as_bytes()));
    AudioTrack { id: track.id, languages: language.into_iter().collect(), is_default: false }
}

fn decoder(params: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, AudioError> {
    let options = AudioDecoderOptions::default().gapless(false);
    CODECS.make_audio_decoder(params, &options).map_err(|error| {
        AudioError::Unsupported(format!(
            "not a recording that can be decoded: its audio codec is not known here ({error})"
        ))
    })
}

/// The container's own word on the length of the track, and of all of it.
fn declared(reader: &dyn FormatReader, id: u32) -> Declared {
    let secs = |base: Option<TimeBase>, length: Option<Duration>| {
        Some(base?.calc_duration_saturating(length?).as_secs_f64())
    };
    let track = reader.tracks().iter().find(|track| track.id == id);
    let media = reader.media_info();
    Declared {
        of_track: track.and_then(|track| secs(track.time_base, track.duration)),
        of_media: secs(media.time_base, media.duration),
    }
}

/// The length in a tag of the recording, read as if from a pipe, where none is computed from the file's size.
fn declared_length(source: PartSource) -> Option<f64> {
    let reader = demultiplex(source, Access::Forward).ok()?;
    let track = select_track(reader.tracks(), Vec::new(), None).ok()?;
    declared(&*reader, track.id).of_track
}

/// When a packet is played, in seconds.
fn time_of(packet: &Packet, base: Option<TimeBase>) -> Option<f64> {
    let secs = base?.calc_duration_saturating(packet.pts.abs_delta(Timestamp::ZERO)).as_secs_f64();
    Some(if packet.pts.is_negative() { -secs } else { secs })
}

fn drop_front(samples: &mut Vec<f32>, count: usize) {
    if count > 0 {
        samples.drain(..count.min(samples.len()));
    }
}

fn not_a_recording(error: &Error) -> AudioError {
    match error {
        // A seek to a position that no file has.
        Error::IoError(io) if io.kind() == ErrorKind::InvalidInput => {
            AudioError::Unsupported("not a recording that can be decoded: its index is corrupt".into())
        }
        Error::IoError(io) if io.kind() != ErrorKind::UnexpectedEof => AudioError::Io(io.to_string()),
        Error::IoError(_) => AudioError::Unsupported(
            "not a recording that can be decoded: the file ends before any audio begins".into(),
        ),
        Error::Unsupported("isomp4: missing moov atom") => AudioError::Unsupported(
            "not a recording that can be decoded: the file is cut off before its index; send all of it"
                .into(),
        ),
        // What it says of the inside ("core (probe): …") is of no use to the owner.
        Error::Unsupported(what) if what.starts_with("core") => AudioError::Unsupported(
            "not a recording that can be decoded: its format is not known here".into(),
        ),
        other => AudioError::Unsupported(format!("not a recording that can be decoded: {other}")),
    }
}
