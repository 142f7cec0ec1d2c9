//! How recordings are read and cut.

use std::sync::Arc;

use actors::ports::VoiceDetector;

use super::planner::PlanSettings;
use super::source::ffmpeg::Ffmpeg;

/// What the adapter takes in, and how it cuts.
#[derive(Debug, Clone)]
pub struct AudioSettings {
    /// Recordings that last longer, once decoded, are refused. A small file may hold days of silence.
    pub max_secs: u64,
    pub plan: PlanSettings,
    pub channels: Channels,
    /// For what the built-in decoders do not support; `None`: without it.
    pub ffmpeg: Option<Ffmpeg>,
    /// Voice detector; `None`: the built-in one.
    pub voices: Option<Arc<dyn VoiceDetector>>,
}

/// What is done with several channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Into one.
    Mix,
    /// Each is transcribed by itself.
    Split,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self {
            max_secs: 12 * 3600,
            plan: PlanSettings::default(),
            channels: Channels::Mix,
            ffmpeg: None,
            voices: None,
        }
    }
}
