//! Who says where in a recording there are voices.

use actors::ports::{AudioError, CancelToken, VoiceListener};

use super::AudioSettings;
use super::vad::Vad;

/// The built-in detector, or the one of the settings.
pub enum Hearing {
    BuiltIn(Box<Vad>),
    Other(Box<dyn VoiceListener>),
}

impl Hearing {
    pub fn begin(settings: &AudioSettings, cancel: &CancelToken) -> Result<Self, AudioError> {
        Ok(match &settings.voices {
            Some(detector) => Self::Other(detector.listen(cancel)?),
            None => Self::BuiltIn(Box::new(Vad::new())),
        })
    }

    /// Takes samples within [-1, 1].
    pub fn push(&mut self, samples: &[f32]) -> Result<(), AudioError> {
        match self {
            Self::BuiltIn(vad) => {
                vad.push(samples);
                Ok(())
            }
            Self::Other(listener) => listener.push(samples),
        }
    }

    /// The frames that are finished by now; `None` of a detector that tells only at the end.
    pub fn so_far(&self) -> Option<Vec<u8>> {
        match self {
            Self::BuiltIn(vad) => Some(vad.so_far()),
            Self::Other(_) => None,
        }
    }

    /// The probability of speech in each frame, 0 to 255.
    pub fn finish(self) -> Result<Vec<u8>, AudioError> {
        match self {
            Self::BuiltIn(vad) => Ok(vad.finish()),
            Self::Other(listener) => listener.finish(),
        }
    }
}
