//! What is shown while a transcript is made: text as it is decoded, and bars under it.

mod bars;
mod job_events;
mod live_text;
mod meter;
mod mode;
mod speed;
mod step;
mod wrap;

pub(super) use job_events::show;
pub(super) use meter::Meter;
pub(super) use mode::ProgressMode;
pub(super) use step::{Step, span};
