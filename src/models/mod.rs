//! Known models: which there are, which are here, and a verified download of the others.

mod catalog;
mod checksum;
mod download;
mod error;
mod list;
mod progress;
mod pull;

pub use catalog::{Catalog, KnownModel};
pub use error::PullError;
pub use list::{Listed, Presence, list};
pub use progress::PullBar;
pub use pull::{PullConfig, Pulled, pull, pull_blocking};

/// Where whisper.cpp publishes its models.
pub const DEFAULT_SOURCE: &str = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main";
