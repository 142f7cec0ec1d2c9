//! Turns the samples of a recording into the frames that the planner decides by.

use actors::ports::{AudioError, CancelToken, VoiceListener};

use super::AudioSettings;
use super::frames::Frames;
use super::level::LevelMeter;
use super::vad::Vad;

/// Runs the voice detector and the level meter over a stream of samples.
pub struct Analysis {
    detector: Detector,
    meter: LevelMeter,
}

/// The built-in detector, or the one of the settings.
enum Detector {
    BuiltIn(Box<Vad>),
    Other(Box<dyn VoiceListener>),
}

impl Analysis {
    pub fn begin(settings: &AudioSettings, cancel: &CancelToken) -> Result<Self, AudioError> {
        let detector = match &settings.voices {
            Some(detector) => Detector::Other(detector.listen(cancel)?),
            None => Detector::BuiltIn(Box::new(Vad::new())),
        };
        Ok(Self { detector, meter: LevelMeter::default() })
    }

    /// Takes samples within [-1, 1].
    pub fn push(&mut self, samples: &[f32]) -> Result<(), AudioError> {
        self.meter.push(samples);
        match &mut self.detector {
            Detector::BuiltIn(vad) => {
                vad.push(samples);
                Ok(())
            }
            Detector::Other(listener) => listener.push(samples),
        }
    }

    /// The frames that are complete; `None` with a detector that answers only at the end.
    pub fn so_far(&self) -> Option<Frames> {
        match &self.detector {
            Detector::BuiltIn(vad) => {
                Some(Frames { activity: vad.so_far().to_vec(), levels: self.meter.so_far().to_vec() })
            }
            Detector::Other(_) => None,
        }
    }

    /// All frames.
    pub fn finish(self) -> Result<Frames, AudioError> {
        let activity = match self.detector {
            Detector::BuiltIn(vad) => vad.finish(),
            Detector::Other(listener) => listener.finish()?,
        };
        Ok(Frames { activity, levels: self.meter.finish() })
    }
}
