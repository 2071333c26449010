//! A JSON Web Token (RFC 7519, signed as RFC 7515 writes it) that proves a name.
//!
//! What it must be is decided by us, never by the token: the algorithm belongs to the key (`none` and HMAC do not
//! exist here, so no public key is ever taken for a shared secret), the issuer and the audience to the configuration.
//! A token that names an audience where none is configured is somebody else's, and refused (RFC 7519 §4.1.3).
//! Claims about topics can only narrow what the access list grants: they are given back, not interpreted.
//!
//! The signature is checked with aws-lc directly: three algorithms, each one call. A library for JWT would bring many
//! more, and the decisions here would still be ours.

mod claims;
mod keys;

pub use claims::{Rules, TopicClaims};
pub use keys::{Algorithm, KeyMark, Keys, KeysError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// By how much the issuer's clock may be ahead of ours, in seconds. A token's end has no such margin: the session that
/// it admits ends then.
pub const LEEWAY_SECS: i64 = 60;

/// A token that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The name that it proves.
    pub username: String,
    /// The second in which it ends, since 1970.
    pub expires_at_secs: i64,
    /// The key that signed it.
    pub key: KeyMark,
    /// Which topics it is meant for; `None`: it says nothing of topics.
    pub topics: Option<TopicClaims>,
}

/// Why a token proves nothing. No text shows any of the token but names of algorithms and claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Not three Base64url parts of which the first two are JSON objects.
    #[error("what stands in the password's place is no JSON Web Token: {0}")]
    Malformed(&'static str),
    /// `crit`: an extension that must be understood, and none is.
    #[error("the token has a critical extension, and none is known")]
    Critical,
    /// No configured key signs with the algorithm that it names.
    #[error("the token names an algorithm ({}) that no key in jwt_key has", .0.escape_debug())]
    Algorithm(String),
    /// No configured key made this signature.
    #[error("no key in jwt_key made the token's signature")]
    Signature,
    /// A claim is missing or is no text or number as RFC 7519 wants it.
    #[error("the token's claim {} is missing or unusable", .0.escape_debug())]
    Claim(String),
    /// Its life is over.
    #[error("the token has ended")]
    Expired,
    /// Its life has not begun, or it was made in the future.
    #[error("the token is not valid yet: the clocks differ")]
    NotYet,
    /// Its `iss` is not the configured one.
    #[error("the token comes from another issuer than jwt_issuer")]
    Issuer,
    /// Its `aud` does not name us.
    #[error("the token is meant for another audience (jwt_audience says which is ours)")]
    Audience,
    /// Its name holds what no name may hold.
    #[error("the token's user name is empty, too long, or holds a character that no user name may hold")]
    Username,
}

/// Whether bytes look like a signed token: two dots between Base64url, beginning as every JSON object does. What looks
/// so is judged as a token and as nothing else.
#[must_use]
pub fn looks_like_a_token(bytes: &[u8]) -> bool {
    let base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    bytes.starts_with(b"eyJ")
        && bytes.iter().all(base64url)
        && bytes.iter().filter(|byte| **byte == b'.').count() == 2
}

/// Judges a token at `now_secs` (seconds since 1970).
///
/// # Errors
/// [`TokenError`]: it proves nothing.
pub fn verify(keys: &Keys, rules: &Rules, token: &[u8], now_secs: i64) -> Result<Verified, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::TooLong);
    }
    let text = std::str::from_utf8(token).map_err(|_| TokenError::Malformed("it is not text"))?;
    let parts: Vec<&str> = text.splitn(4, '.').collect();
    let [header, payload, signature] = parts[..] else {
        return Err(TokenError::Malformed("it has no three parts"));
    };
    let signed = &text[..header.len() + 1 + payload.len()];
    let header = object(header)?;
    if header.contains_key("crit") {
        return Err(TokenError::Critical);
    }
    let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let id = header.get("kid").and_then(Value::as_str);
    let signature = base64url(signature)?;
    let key = keys.signer(named, id, signed.as_bytes(), &signature)?;
    // Only from here on is the payload the issuer's.
    rules.judge(&object(payload)?, key, now_secs)
}

fn object(part: &str) -> Result<Map<String, Value>, TokenError> {
    let bytes = base64url(part)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed("a part is no JSON object"))
}

fn base64url(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed("a part is not Base64url"))
}
