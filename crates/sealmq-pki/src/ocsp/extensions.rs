//! The extensions of OCSP messages: the nonce; all others only inform, or must not be critical.

use thiserror::Error;

use super::OcspError;
use crate::cert::{Extension, Problem, tlv};

/// id-pkix-ocsp-nonce.
const NONCE: &str = "1.3.6.1.5.5.7.48.1.2";
/// RFC 9654 §2.1.
const NONCE_OCTETS_MAX: usize = 128;
/// Far more than any message has; it keeps the look for repeated ones cheap.
const EXTENSIONS_MAX: usize = 16;

/// Octets that bind an answer to its request (RFC 9654 §2.1): 1 to 128 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

/// A nonce of no octet, or of more than 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a nonce has 1 to {NONCE_OCTETS_MAX} octets, not {0}")]
pub struct NonceLength(pub usize);

impl Nonce {
    /// A nonce to send: 32 random octets, which is what RFC 9654 §2.1 asks of clients.
    pub fn from_random(octets: [u8; 32]) -> Nonce {
        Nonce(octets.to_vec())
    }

    /// From the octets of a peer.
    ///
    /// # Errors
    /// [`NonceLength`].
    pub fn from_octets(octets: &[u8]) -> Result<Nonce, NonceLength> {
        match octets.len() {
            1..=NONCE_OCTETS_MAX => Ok(Nonce(octets.to_vec())),
            len => Err(NonceLength(len)),
        }
    }

    /// Its octets.
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }
}

/// Reads the content of an EXPLICIT `Extensions`: the nonce, where there is one.
pub(super) fn read(tagged: tlv::Tlv<'_>, field: &'static str) -> Result<Option<Nonce>, OcspError> {
    let mut nonce = None;
    let mut seen: Vec<String> = Vec::new();
    let mut reader = tlv::sole(tagged.content, tlv::SEQUENCE, field)?.reader();
    while !reader.is_empty() {
        let extension = Extension::read(&mut reader, field)?;
        if seen.len() >= EXTENSIONS_MAX {
            return Err(OcspError::TooMany { what: "extensions", max: EXTENSIONS_MAX });
        }
        if seen.contains(&extension.oid) {
            return Err(OcspError::Malformed { field, problem: Problem::Repeated });
        }
        match extension.oid.as_str() {
            NONCE => nonce = Some(nonce_of(extension.value)?),
            _ if !extension.critical => {}
            _ => return Err(OcspError::CriticalExtension { oid: extension.oid }),
        }
        seen.push(extension.oid);
    }
    Ok(nonce)
}

/// As [`read`], where no nonce belongs: in what is said about a single certificate.
pub(super) fn refuse_critical(tagged: tlv::Tlv<'_>, field: &'static str) -> Result<(), OcspError> {
    match read(tagged, field)? {
        None => Ok(()),
        Some(_) => Err(OcspError::Malformed { field, problem: Problem::Value }),
    }
}

fn nonce_of(value: &[u8]) -> Result<Nonce, OcspError> {
    const FIELD: &str = "id-pkix-ocsp-nonce";
    let octets = tlv::sole(value, tlv::OCTET_STRING, FIELD)?.content;
    Nonce::from_octets(octets).map_err(|_| OcspError::Malformed { field: FIELD, problem: Problem::Value })
}
