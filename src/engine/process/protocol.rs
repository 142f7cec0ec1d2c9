//! What the service and its engine process say to each other: MessagePack over two pipes.
//!
//! Both ends are the same binary, so the format may change with any build; the version in
//! [`FromWorker::Hello`] finds out when they are not.

use std::io::{self, Read, Write};

use actors::domain::model::lifecycle::Failure;
use actors::domain::transcript::ChunkTranscript;
use actors::ports::{Batch, EngineFault, LoadFailure, ModelFacts};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::engine::EngineConfig;

/// Goes up with every change of this file.
pub(super) const VERSION: u32 = 8;

/// The hidden command that makes this program an engine process.
pub(super) const COMMAND: &str = "engine-worker";

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToWorker {
    /// Once, first. The memory limit in it takes effect before anything is loaded. A GPU with less free
    /// than `needed_bytes` is not tried.
    Load {
        config: Box<EngineConfig>,
        needed_bytes: u64,
    },
    Transcribe {
        id: u64,
        batch: Batch,
    },
    Cancel {
        id: u64,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromWorker {
    /// Once, first.
    Hello {
        version: u32,
        pid: u32,
    },
    Loaded(ModelFacts),
    LoadFailed(WireFailure),
    Progress {
        id: u64,
        fraction: f32,
    },
    Done {
        id: u64,
        /// A shortage of memory is without numbers, as in [`WireFailure`].
        result: Result<Vec<ChunkTranscript>, EngineFault>,
    },
}

/// [`LoadFailure`] on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireFailure {
    Cancelled,
    /// Without numbers: the process that started the engine adds them.
    OutOfMemory,
    Broken {
        code: String,
        message: String,
    },
}

impl From<LoadFailure> for WireFailure {
    fn from(failure: LoadFailure) -> Self {
        match failure {
            LoadFailure::Cancelled => Self::Cancelled,
            LoadFailure::OutOfMemory { .. } => Self::OutOfMemory,
            LoadFailure::Broken { code, message } => Self::Broken { code: code.to_owned(), message },
        }
    }
}

impl From<WireFailure> for LoadFailure {
    fn from(failure: WireFailure) -> Self {
        match failure {
            WireFailure::Cancelled => Self::Cancelled,
            WireFailure::OutOfMemory => Self::OutOfMemory { needed_bytes: 0, free_bytes: 0 },
            WireFailure::Broken { code, message } => {
                let Failure { code, message } = Failure::reported(&code, message);
                Self::Broken { code, message }
            }
        }
    }
}

/// Why no message came.
#[derive(Debug, Error)]
pub(super) enum ReceiveError {
    /// The other end has closed, maybe in the middle of a message.
    #[error("the pipe is closed")]
    Closed,
    #[error("not a message: {0}")]
    Garbled(String),
}

/// Sends one message, in one piece as far as the pipe takes it.
///
/// # Blocking
/// While the pipe is full.
pub(super) fn send(pipe: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = rmp_serde::to_vec(message).map_err(io::Error::other)?;
    pipe.write_all(&bytes)?;
    pipe.flush()
}

/// Waits for one message.
pub(super) fn receive<T: DeserializeOwned>(pipe: &mut impl Read) -> Result<T, ReceiveError> {
    use rmp_serde::decode::Error;
    rmp_serde::from_read(pipe).map_err(|error| match error {
        // A pipe has no errors other than its end.
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => ReceiveError::Closed,
        other => ReceiveError::Garbled(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use actors::domain::jobs::options::Task;
    use actors::ports::{ChunkAudio, VoiceActivity};

    use super::*;

    #[test]
    fn messages_follow_each_other_without_anything_between() {
        let chunk =
            |samples: [f32; 3], voices, is_joined| ChunkAudio { samples: samples.into(), voices, is_joined };
        let batch = Batch {
            chunks: vec![
                chunk([0.25, -1.0, f32::MIN_POSITIVE], VoiceActivity::Present, true),
                chunk([0.5, 0.0, 1.0], VoiceActivity::Absent, false),
            ],
            language: "fr".parse().ok(),
            languages: "de".parse().into_iter().collect(),
            language_windows: vec![[0.125].into()],
            task: Task::Translate,
            prompt: Some("Größe".into()),
            hotwords: vec!["Aoife".into()],
            temperature: Some(0.4),
            word_timestamps: true,
            token_logprobs: true,
        };
        let mut pipe = Vec::new();
        let config = Box::new(EngineConfig::new("a.bin", "a"));
        send(&mut pipe, &ToWorker::Load { config, needed_bytes: 5 }).unwrap();
        send(&mut pipe, &ToWorker::Transcribe { id: 7, batch: batch.clone() }).unwrap();
        send(&mut pipe, &ToWorker::Cancel { id: 7 }).unwrap();
        let mut pipe = pipe.as_slice();
        assert!(matches!(
            receive(&mut pipe),
            Ok(ToWorker::Load { config, needed_bytes: 5 }) if config.model_id == "a"
        ));
        let Ok(ToWorker::Transcribe { id: 7, batch: received }) = receive(&mut pipe) else { panic!("other") };
        assert_eq!(received, batch);
        assert!(matches!(receive(&mut pipe), Ok(ToWorker::Cancel { id: 7 })));
        assert!(matches!(receive::<ToWorker>(&mut pipe), Err(ReceiveError::Closed)));
    }

    #[test]
    fn a_message_that_is_cut_is_the_pipes_end() {
        let mut pipe = Vec::new();
        let failure = WireFailure::Broken { code: "model_corrupt".into(), message: "cut".into() };
        send(&mut pipe, &FromWorker::LoadFailed(failure)).unwrap();
        for length in 0..pipe.len() {
            assert!(matches!(receive::<FromWorker>(&mut &pipe[..length]), Err(ReceiveError::Closed)));
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        assert!(matches!(
            receive::<FromWorker>(&mut b"Usage: verbatim".as_slice()),
            Err(ReceiveError::Garbled(_))
        ));
    }

    #[test]
    fn failures_keep_their_codes() {
        for code in ["engine_crashed", "model_not_found", "model_corrupt"] {
            let failure = LoadFailure::Broken { code, message: "m".into() };
            assert_eq!(LoadFailure::from(WireFailure::from(failure.clone())), failure);
        }
    }
}
