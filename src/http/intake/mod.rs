//! What comes in: forms, bodies, addresses to fetch, queries, and their limits.

pub(super) mod body;
pub(super) mod by_url;
pub(super) mod client_socket;
pub(super) mod disk_room;
pub(super) mod edit;
pub(super) mod form;
pub(super) mod origin;
pub(super) mod query;
pub(super) mod retry;
pub(super) mod submission;
mod upload_pace;
