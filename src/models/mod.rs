//! Known models: which there are, which are here, and a verified download of the others.

mod catalog;
mod checksum;
mod client;
mod download;
mod error;
mod file;
mod folder;
mod installed;
mod known;
mod list;
mod meter;
mod progress;
mod proxy;
mod pull;
mod remove;
mod room;
mod shelf;
mod wanted;

pub use catalog::Catalog;
pub use error::{PullError, RemoveError};
pub use installed::{Installed, installed};
pub use known::{Format, KnownModel};
pub use list::{Listed, Presence, list};
pub use progress::PullBar;
pub use pull::{PullConfig, Pulled, pull};
pub use remove::{Removable, removable};
pub use shelf::Shelf;
pub use wanted::{Wanted, is_url};
