//! Why the service does not start, each in a sentence that names what to change.

use std::io;

use actors::ports::StoreError;
use thiserror::Error;

use crate::auth::KeysFileError;
use crate::compose::BadAudioSettings;
use crate::outgoing::BadAllowEntry;
use crate::store::{OpenBlobsError, StoreOpenError};
use crate::webhook::BadSecret;

#[derive(Debug, Error)]
pub enum StartError {
    #[error(
        "cannot listen on {host}:{port}: {source}; set [server] host and port to an address that is free"
    )]
    Listen { host: String, port: u16, source: io::Error },
    #[error("auth.keys_file: {0}")]
    Keys(#[from] KeysFileError),
    #[error(transparent)]
    Audio(#[from] BadAudioSettings),
    #[error(transparent)]
    Store(#[from] StoreOpenError),
    #[error(transparent)]
    Blobs(#[from] OpenBlobsError),
    #[error("cannot read the store: {0}")]
    Recover(#[from] StoreError),
    #[error("webhooks.secret: {0}")]
    WebhookSecret(#[from] BadSecret),
    #[error(transparent)]
    WebhookAllow(#[from] BadAllowEntry),
    #[error("cannot find this program's own file to start the engine with: {0}")]
    Program(io::Error),
    #[error("cannot start the HTTP server: {0}")]
    Server(io::Error),
}
