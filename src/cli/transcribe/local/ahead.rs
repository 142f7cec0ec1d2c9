//! A recording decoded one chunk ahead of the engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::{io, thread};

use actors::domain::audio::Plan;
use actors::ports::{AudioError, CancelToken};

use crate::audio::{AudioSettings, chunks_of_file};

pub(super) type Samples = Receiver<Result<Arc<[f32]>, AudioError>>;

/// Decodes on a thread of its own: the next chunk is ready when the engine is.
pub(super) fn decode_ahead(file: &Path, audio: &AudioSettings, plan: &Plan) -> io::Result<Samples> {
    // Without room in the channel, one chunk waits in the decoder's hands.
    let (sender, receiver) = sync_channel(0);
    let (file, audio, plan): (PathBuf, AudioSettings, Plan) = (file.to_owned(), audio.clone(), plan.clone());
    thread::Builder::new().name("decode".into()).spawn(move || {
        // Ends once the receiver is dropped.
        for chunk in chunks_of_file(&file, &audio, &plan, 0, &CancelToken::default()) {
            if sender.send(chunk).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use actors::domain::audio::Span;

    use super::*;

    #[test]
    fn a_decoder_that_fails_says_so_instead_of_samples() {
        let plan = Plan { samples: 160, chunks: vec![Span { start: 0, end: 160 }], ..Plan::default() };
        let samples = decode_ahead(Path::new("/no/such/file.wav"), &AudioSettings::default(), &plan).unwrap();
        assert!(samples.recv().unwrap().is_err());
        assert!(samples.recv().is_err());
    }
}
