//! A running service as a client sees it: its address, an upload, its answers.

mod job;
mod multipart;
mod server;
mod server_url;

pub(crate) use job::JobSeen;
pub(crate) use multipart::Upload;
pub(crate) use server::{Answer, BadKey, Body, Fault, Server};
pub(crate) use server_url::ServerUrl;
