//! What goes out: jobs, the model and answers as JSON.

pub(super) mod answers;
pub(super) mod exposition;
pub(super) mod job_view;
pub(super) mod model_view;
pub(super) mod pull_view;
pub(super) mod waiting_view;
pub(super) mod worker_view;
