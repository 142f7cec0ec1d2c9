//! Who may call: API keys, of which only hashes are kept, and web pages.

mod keys;
mod keys_file;
mod sites;

pub use keys::{BadKey, Caller, Described, Keyring, Keys, Scope, hashed_entry};
pub use keys_file::{KeysFileError, Listed, append, list, read, remove};
pub use sites::{ANY, Foreign, Sent, Sites};
