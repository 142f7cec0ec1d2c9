//! Checks and headers of every request: its key, its site, its rate, its id.

pub(super) mod access;
pub(super) mod last_answer;
pub(super) mod measured;
pub(super) mod rate;
pub(super) mod request_id;
pub(super) mod root_span;
pub(super) mod site;
