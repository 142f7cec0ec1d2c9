//! The model: which there are, when one is downloaded, loaded and freed, how long it stays.

pub mod lifecycle;
pub mod load_time;
pub mod models;
pub mod pulls;
pub mod stay;
