//! What messages are signed with.

use actors::domain::webhook::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use standardwebhooks::Webhook;
use thiserror::Error;

const PREFIX: &str = "whsec_";
/// What Standard Webhooks asks for.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What is wrong with a secret. The secret itself is in no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a webhook secret is \"whsec_\" and 24 to 64 bytes in base64")]
pub struct BadSecret;

/// A new secret: 32 random bytes.
///
/// # Errors
/// The system has no random numbers to give.
pub fn new_secret() -> Result<Secret, getrandom::Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(key))))
}

/// A secret from outside.
pub fn check_secret(text: &str) -> Result<Secret, BadSecret> {
    let secret = Secret::new(text);
    signer(&secret).map(|_| secret)
}

pub(super) fn signer(secret: &Secret) -> Result<Webhook, BadSecret> {
    let key = secret.expose().strip_prefix(PREFIX).ok_or(BadSecret)?;
    let bytes = STANDARD.decode(key).map_err(|_| BadSecret)?;
    if !KEY_BYTES.contains(&bytes.len()) {
        return Err(BadSecret);
    }
    Webhook::from_bytes(bytes).map_err(|_| BadSecret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_secret_is_refused_without_being_shown() {
        let long = format!("{PREFIX}{}", STANDARD.encode([7; 65]));
        let bare = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        for text in ["", bare, "whsec_", "whsec_not base64!", "whsec_aHVzaA==", &long] {
            let error = check_secret(text).unwrap_err();
            assert!(
                text.is_empty()
                    || !error.to_string().contains(text.trim_start_matches(PREFIX))
                    || text == PREFIX
            );
        }
        assert!(check_secret(&format!("{PREFIX}{bare}")).is_ok());
    }

    #[test]
    fn a_new_secret_is_a_good_one_and_like_no_other() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one, other);
        assert!(check_secret(one.expose()).is_ok());
    }
}
