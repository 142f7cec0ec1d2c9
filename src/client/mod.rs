//! A running service as a client sees it: its address, an upload, its answers, its events.

mod follow;
mod job;
mod multipart;
mod server;
mod server_url;

pub(crate) use follow::{News, follow_job, follow_model};
pub(crate) use job::{ErrorSeen, JobSeen};
pub(crate) use multipart::Upload;
pub(crate) use server::{Answer, BadKey, Fault, Server};
pub(crate) use server_url::{BadServerUrl, ServerUrl};
