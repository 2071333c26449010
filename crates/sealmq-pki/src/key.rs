//! Keys: who can sign ([`Signer`]), a key in memory ([`SoftKey`]), and the public half of either ([`PublicKey`]).
//!
//! A token or TPM implements [`Signer`] too; nothing that issues sees more of a key than this trait.

mod encrypted;
mod soft;

use const_oid::db::rfc5912;
use der::asn1::Any;
use spki::AlgorithmIdentifierOwned;
use thiserror::Error;

pub use encrypted::EncryptionSalts;
pub use soft::{NewKey, SoftKey};

use crate::cert::{self, Curve, KeyKind};
use crate::ids::{Fingerprint, KeyId};
use crate::pem::PemError;

/// How a key signs certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// RSA with PKCS#1 v1.5 padding and SHA-256.
    RsaPkcs1Sha256,
}

/// As it stands in what is signed. RFC 5758 §3.2: no parameters for ECDSA. RFC 4055 §5: NULL for RSA.
pub(crate) fn algorithm_identifier(algorithm: SignatureAlgorithm) -> AlgorithmIdentifierOwned {
    match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => {
            AlgorithmIdentifierOwned { oid: rfc5912::ECDSA_WITH_SHA_256, parameters: None }
        }
        SignatureAlgorithm::EcdsaP384Sha384 => {
            AlgorithmIdentifierOwned { oid: rfc5912::ECDSA_WITH_SHA_384, parameters: None }
        }
        SignatureAlgorithm::RsaPkcs1Sha256 => AlgorithmIdentifierOwned {
            oid: rfc5912::SHA_256_WITH_RSA_ENCRYPTION,
            parameters: Some(Any::null()),
        },
    }
}

/// Something that signs: a key in memory, in a token, in a TPM.
pub trait Signer: Send + Sync {
    /// How it signs.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// Its public key.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` (not its digest). The result is what X.509 carries: DER `Ecdsa-Sig-Value`, or the RSA octets.
    ///
    /// # Errors
    /// The device behind it does not answer or refuses.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A key that did not sign.
#[derive(Debug, Error)]
#[error("the key did not sign: {reason}")]
pub struct SignError {
    /// What the key's owner says.
    pub reason: String,
}

/// A SubjectPublicKeyInfo that was read and found usable: P-256, P-384, or RSA of 2048 to 8192 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
    kind: KeyKind,
    key_id: KeyId,
}

/// Why a key cannot be used.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The PEM text is broken.
    #[error("the key file cannot be read: {0}")]
    Pem(#[from] PemError),
    /// No private key in the text.
    #[error(
        "no private key in the file; it holds: {found}\nhint: name the file with the line -----BEGIN PRIVATE KEY-----"
    )]
    NoKey {
        /// Labels of the blocks that are there, or `nothing in PEM form`.
        found: String,
    },
    /// More than one private key in the text.
    #[error(
        "{count} private keys in the file (lines {lines})\nhint: leave the one that belongs to the certificate"
    )]
    SeveralKeys {
        /// How many.
        count: usize,
        /// Their lines.
        lines: String,
    },
    /// Encrypted, and no passphrase was given.
    #[error(
        "the private key is encrypted and no passphrase was given\nhint: give the passphrase, or decrypt it: openssl pkcs8 -in FILE -out PLAIN"
    )]
    PassphraseNeeded,
    /// Encrypted, and the passphrase does not fit.
    #[error(
        "the private key cannot be decrypted: wrong passphrase\nhint: try it with: openssl pkey -in FILE -noout"
    )]
    WrongPassphrase,
    /// An encryption we do not read: RFC 1421 headers, PBES1, single DES, an absurd work factor.
    #[error(
        "the private key is encrypted in a way that is not supported ({scheme})\nhint: convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW"
    )]
    UnsupportedEncryption {
        /// What it is.
        scheme: String,
    },
    /// Not a key we use.
    #[error(
        "a key of type {kind} cannot be used\nhint: use EC P-256 (openssl ecparam -name prime256v1 -genkey -noout), EC P-384, or RSA of 2048 to 8192 bits"
    )]
    UnsupportedKind {
        /// What it is.
        kind: String,
    },
    /// The parts of the key do not fit together, or are not DER.
    #[error(
        "the private key is damaged: {reason}\nhint: look at it with: openssl pkey -in FILE -noout -check"
    )]
    Damaged {
        /// What the reader says.
        reason: String,
    },
    /// The system gives no randomness, or no memory.
    #[error("the cryptographic library failed while it {action}")]
    Library {
        /// What it was asked to do.
        action: &'static str,
    },
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] or [`KeyError::UnsupportedKind`].
    pub fn from_spki_der(spki: &[u8]) -> Result<PublicKey, KeyError> {
        let facts =
            cert::public_key_facts(spki).map_err(|e| KeyError::Damaged { reason: e.problem.to_string() })?;
        let (kind, key_id) = facts;
        match kind {
            KeyKind::Ec(Curve::P256 | Curve::P384) | KeyKind::Rsa { bits: 2048..=8192 } => {
                Ok(PublicKey { spki: spki.to_vec(), kind, key_id })
            }
            KeyKind::Ec(Curve::P521 | Curve::Other(_))
            | KeyKind::Rsa { .. }
            | KeyKind::Ed25519
            | KeyKind::Ed448
            | KeyKind::Other(_) => Err(KeyError::UnsupportedKind { kind: kind.to_string() }),
        }
    }

    /// The SubjectPublicKeyInfo, DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Kind and size.
    pub fn kind(&self) -> &KeyKind {
        &self.kind
    }

    /// The key identifier that certificates for this key get.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// SHA-256 over the SubjectPublicKeyInfo.
    pub fn sha256(&self) -> Fingerprint {
        Fingerprint::of(&self.spki)
    }

    /// How a private key of this kind signs.
    pub(crate) fn signature_algorithm(&self) -> SignatureAlgorithm {
        match self.kind {
            KeyKind::Ec(Curve::P384) => SignatureAlgorithm::EcdsaP384Sha384,
            KeyKind::Rsa { .. } => SignatureAlgorithm::RsaPkcs1Sha256,
            KeyKind::Ec(_) | KeyKind::Ed25519 | KeyKind::Ed448 | KeyKind::Other(_) => {
                SignatureAlgorithm::EcdsaP256Sha256
            }
        }
    }
}
