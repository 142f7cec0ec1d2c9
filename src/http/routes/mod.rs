//! What each route does, a file for each resource: extract, convert, one call, map.

pub(super) mod admin;
pub(super) mod asr;
pub(super) mod debug;
pub(super) mod deliveries;
pub(super) mod events;
pub(super) mod health;
pub(super) mod inference;
pub(super) mod jobs;
pub(super) mod metrics;
pub(super) mod model;
pub(super) mod models;
pub(super) mod recording;
pub(super) mod transcripts;
pub(super) mod webhooks;
pub(super) mod workers;
