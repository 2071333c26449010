//! The end of an audit log at one moment, signed by the issuing CA, as one line of text.

use std::fmt;

use thiserror::Error;

use super::{Digest, Tip};
use crate::cert::{SignedBy, verify_signature};
use crate::ids::KeyId;
use crate::key::{PublicKey, SignError, Signer, algorithm_identifier};
use crate::time::Timestamp;

/// What a chain ended with, and when somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record.
    pub number: u64,
    /// Its hash.
    pub hash: Digest,
    /// When it was signed.
    pub at: Timestamp,
}

/// A head with a signature, unchecked until [`SignedHead::verify`].
///
/// Displays as one line, `sealmq-audit-head:1:NUMBER:SECONDS:HASH:KEY:SIGNATURE`, which [`SignedHead::parse`] reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    head: Head,
    key: KeyId,
    signature: Vec<u8>,
}

/// Why a head proves nothing.
#[derive(Debug, Error)]
pub enum HeadError {
    /// Not the text of a head.
    #[error(
        "this is no head of an audit log: {problem}\nhint: a head is one word that begins with sealmq-audit-head:1: and is copied whole"
    )]
    Unreadable {
        /// What does not fit.
        problem: &'static str,
    },
    /// Another CA's key signed it.
    #[error(
        "the head was signed by the key {found}, and the issuing CA here has {own}\nhint: take a head from the log of this broker"
    )]
    AnotherKey {
        /// The key that it names.
        found: KeyId,
        /// The key of the CA here.
        own: KeyId,
    },
    /// The signature is not by this key.
    #[error("the signature of the head is wrong: it was changed, or made by somebody else")]
    BadSignature,
    /// The signature cannot be checked.
    #[error("the issuing CA's key is of a kind that no signature here can be checked with")]
    Unverifiable,
}

impl Head {
    /// The end of a chain at `at`.
    pub fn of(tip: Tip, at: Timestamp) -> Head {
        Head { number: tip.number, hash: tip.hash, at }
    }

    /// Signs it.
    ///
    /// # Errors
    /// The key does not sign.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedHead, SignError> {
        let key = signer.public_key().key_id().clone();
        let signature = signer.sign(&signed_bytes(&self))?;
        Ok(SignedHead { head: self, key, signature })
    }
}

impl SignedHead {
    /// Reads the text of a head; what stands around it (a line of a log) is skipped.
    ///
    /// # Errors
    /// [`HeadError::Unreadable`].
    pub fn parse(text: &str) -> Result<SignedHead, HeadError> {
        let unreadable = |problem| HeadError::Unreadable { problem };
        if text.len() > TEXT_BYTES_MAX {
            return Err(unreadable("it is too long"));
        }
        let start = text.find(PREFIX).ok_or(unreadable("it does not say what it is"))?;
        let word = &text[start + PREFIX.len()..];
        let end =
            word.find(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-').unwrap_or(word.len());
        let parts: Vec<&str> = word[..end].split(':').collect();
        let [number, at, hash, key, signature] = parts[..] else {
            return Err(unreadable("it has not five parts"));
        };
        let hash = unhex(hash).and_then(|bytes| bytes.try_into().ok()).ok_or(unreadable("its hash"))?;
        let head = Head {
            number: number.parse().map_err(|_| unreadable("its number"))?,
            hash: Digest::from_bytes(hash),
            at: Timestamp::from_secs(at.parse().map_err(|_| unreadable("its time"))?),
        };
        let key = KeyId::from_bytes(&unhex(key).ok_or(unreadable("its key"))?);
        let signature = unhex(signature).ok_or(unreadable("its signature"))?;
        Ok(SignedHead { head, key, signature })
    }

    /// The head, if this key signed it.
    ///
    /// # Errors
    /// [`HeadError::AnotherKey`], [`HeadError::BadSignature`], [`HeadError::Unverifiable`].
    pub fn verify(&self, key: &PublicKey) -> Result<Head, HeadError> {
        if self.key != *key.key_id() {
            return Err(HeadError::AnotherKey { found: self.key.clone(), own: key.key_id().clone() });
        }
        let algorithm = algorithm_identifier(key.signature_algorithm()).oid.to_string();
        match verify_signature(key.spki_der(), &algorithm, &signed_bytes(&self.head), &self.signature) {
            Ok(SignedBy::Yes) => Ok(self.head),
            Ok(SignedBy::No) => Err(HeadError::BadSignature),
            Ok(SignedBy::Unverifiable) | Err(_) => Err(HeadError::Unverifiable),
        }
    }

    /// What it says, which nobody has reason to believe yet.
    pub fn claimed(&self) -> Head {
        self.head
    }

    /// Every head in a text, a whole log for example; what looks like one and is none is an error.
    ///
    /// # Errors
    /// [`HeadError::Unreadable`].
    pub fn find_all(text: &str) -> Result<Vec<SignedHead>, HeadError> {
        text.lines().filter(|line| line.contains(PREFIX)).map(SignedHead::parse).collect()
    }
}

/// What a CA's key signs otherwise begins with the octet of a SEQUENCE, 0x30; this begins with `s`.
fn signed_bytes(head: &Head) -> Vec<u8> {
    let mut bytes = b"sealmq audit head 1\n".to_vec();
    bytes.extend(head.number.to_be_bytes());
    bytes.extend(head.at.as_secs().to_be_bytes());
    bytes.extend(head.hash.as_bytes());
    bytes
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

impl fmt::Display for SignedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Head { number, hash, at } = &self.head;
        write!(f, "{PREFIX}{number}:{}:{hash}:{}:", at.as_secs(), self.key)?;
        self.signature.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

const PREFIX: &str = "sealmq-audit-head:1:";
/// Room for RSA 8192 and the line of a log around it.
const TEXT_BYTES_MAX: usize = 8192;
