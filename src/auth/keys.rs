//! API keys, of which only hashes are kept.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::hex::hex;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Sends jobs, cancels and removes its own; lists and removes its own webhook subscribers.
    Submit,
    /// Reads its own jobs, and the model's status and events.
    Read,
    /// Loads and unloads the model, and manages all webhook subscribers.
    Admin,
}

impl Scope {
    pub const ALL: [(Scope, &'static str); 3] =
        [(Scope::Submit, "submit"), (Scope::Read, "read"), (Scope::Admin, "admin")];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Submit => "submit",
            Scope::Read => "read",
            Scope::Admin => "admin",
        }
    }
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Owns the jobs that it sends. Empty where no keys are asked for.
    pub owner: String,
    scopes: Vec<Scope>,
}

impl Caller {
    /// Any caller of a service without keys.
    pub fn anyone() -> Self {
        Self { owner: String::new(), scopes: Scope::ALL.map(|(scope, _)| scope).to_vec() }
    }

    /// A caller where no key can be sent, in the name of an owner of keys.
    pub fn acting_for(owner: String) -> Self {
        Self { owner, ..Self::anyone() }
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// The accepted keys.
#[derive(Clone, Default)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    digest: [u8; 32],
    caller: Caller,
}

/// Why an entry of the list is not a key. Never shows the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadKey {
    #[error("needs at least {SHORTEST} characters")]
    TooShort,
    #[error("has \"sha256:\" without 64 hexadecimal digits after it")]
    BadHash,
    #[error("has a scope other than submit, read and admin, joined by +")]
    BadScope,
    #[error("has more than a key, a name and scopes")]
    TooLong,
}

const SHORTEST: usize = 16;
const HASHED: &str = "sha256:";

impl Keys {
    /// Each entry is a key or `sha256:` and its hash in hexadecimal, then, after spaces and if wanted, the
    /// name of its owner, and what it may do, such as `submit+read`. Without a name the owner is called by
    /// the hash; without scopes it may do everything.
    ///
    /// # Errors
    /// The first entry that is not a key, counted from 1.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, (usize, BadKey)> {
        let keys = entries.into_iter().zip(1..).map(|(entry, n)| Key::parse(entry).map_err(|bad| (n, bad)));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// These and others.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For who manages them, key by key.
    pub fn described(&self) -> impl Iterator<Item = Described> {
        self.0.iter().map(|key| Described {
            id: short(&key.digest),
            owner: key.caller.owner.clone(),
            scopes: Scope::ALL
                .into_iter()
                .filter(|(scope, _)| key.caller.may(*scope))
                .map(|(_, name)| name)
                .collect(),
        })
    }

    /// Whose keys they are, key by key.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.caller.owner.as_str())
    }

    /// Takes as long whichever key it is, and whether or not it is one.
    pub fn find(&self, presented: &str) -> Option<&Caller> {
        let digest = Sha256::digest(presented.as_bytes());
        let is_it = |key: &&Key| bool::from(key.digest.ct_eq(digest.as_slice()));
        // The last of equal ones; all are looked at.
        self.0.iter().filter(is_it).fold(None, |_, key| Some(&key.caller))
    }
}

/// A key without what opens anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The beginning of its hash.
    pub id: String,
    pub owner: String,
    pub scopes: Vec<&'static str>,
}

/// The entry of a key under which only its hash is kept.
pub fn hashed_entry(key: &str, owner: &str, scopes: &[Scope]) -> String {
    let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    format!("{HASHED}{} {owner} {}", hex(&Sha256::digest(key.as_bytes())), names.join("+"))
}

/// The keys in force, which may change while the service runs.
pub struct Keyring(RwLock<Option<Arc<Keys>>>);

impl Keyring {
    /// `None`: everyone may call.
    pub fn new(keys: Option<Keys>) -> Self {
        Self(RwLock::new(keys.map(Arc::new)))
    }

    /// The keys that callers need; `None` where everyone may call.
    pub fn current(&self) -> Option<Arc<Keys>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From the next request on.
    pub fn replace(&self, keys: Option<Keys>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.map(Arc::new);
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl Key {
    fn parse(entry: &str) -> Result<Self, BadKey> {
        let mut words = entry.split_whitespace();
        let key = words.next().unwrap_or_default();
        let digest = match key.strip_prefix(HASHED) {
            Some(hash) => digest_of(hash).ok_or(BadKey::BadHash)?,
            None if key.chars().count() < SHORTEST => return Err(BadKey::TooShort),
            None => Sha256::digest(key.as_bytes()).into(),
        };
        let owner = words.next().map_or_else(|| short(&digest), str::to_owned);
        let scopes = match words.next() {
            Some(names) => names.split('+').map(scope).collect::<Option<_>>().ok_or(BadKey::BadScope)?,
            None => Caller::anyone().scopes,
        };
        match words.next() {
            None => Ok(Self { digest, caller: Caller { owner, scopes } }),
            Some(_) => Err(BadKey::TooLong),
        }
    }
}

fn scope(name: &str) -> Option<Scope> {
    Scope::ALL.into_iter().find(|(_, known)| *known == name).map(|(scope, _)| scope)
}

fn digest_of(hash: &str) -> Option<[u8; 32]> {
    let byte = |at: usize| u8::from_str_radix(hash.get(at * 2..at * 2 + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    bytes.filter(|_| hash.len() == 64)?.try_into().ok()
}

/// The beginning of the hash: distinguishes keys and reveals none.
fn short(digest: &[u8; 32]) -> String {
    hex(digest.iter().take(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-key-of-20-letters!";

    #[test]
    fn a_key_is_known_by_its_hash_alone() {
        let hash = hex(&Sha256::digest(SECRET.as_bytes()));
        let hashed = format!("sha256:{hash} alice submit+read");
        let keys = Keys::parse([hashed.as_str(), "another-key-of-27-characters"]).unwrap();
        let alice = keys.find(SECRET).unwrap();
        assert_eq!(
            (alice.owner.as_str(), alice.may(Scope::Read), alice.may(Scope::Admin)),
            ("alice", true, false)
        );
        let other = keys.find("another-key-of-27-characters").unwrap();
        assert!(other.may(Scope::Admin) && other.owner.len() == 16);
        assert_eq!(keys.find("another-key-of-27-character"), None);
        assert_eq!(keys.find(&hash), None, "a hash opens nothing");
        assert!(!format!("{keys:?}").contains(SECRET));
    }

    #[test]
    fn what_is_no_key_is_told_by_its_number() {
        for (entry, bad) in [
            ("short", BadKey::TooShort),
            ("", BadKey::TooShort),
            ("sha256:abc", BadKey::BadHash),
            ("a-key-of-20-letters! alice root", BadKey::BadScope),
            ("a-key-of-20-letters! alice read more", BadKey::TooLong),
        ] {
            assert_eq!(Keys::parse([SECRET, entry]).unwrap_err(), (2, bad), "{entry}");
        }
    }
}
