//! Who signed a certificate: its own key, or the key of a given issuer.
//!
//! One signature only; dates, purposes and paths are for a verifier.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::facts::Facts;
use super::key_facts::{self, Curve, KeyFacts, KeyKind};
use super::tlv::{self, ParseError, Problem};

/// Whether a certificate is signed with the key it holds; only `Yes` makes a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfSigned {
    /// Subject and issuer are the same, and the signature verifies with the certificate's own key.
    Yes,
    /// Another one issued it.
    No,
    /// Subject and issuer are the same, but the signature is not by this key: a cross or rollover certificate, or a
    /// forgery.
    Mismatch,
    /// Subject and issuer are the same; the algorithm (SHA-1, MD5, a curve or size we do not know) cannot be checked.
    Unverifiable,
}

/// Whether an issuer's key signed a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// The issuer field is the issuer's subject, and the signature verifies with its key.
    Yes,
    /// Another name, or another key.
    No,
    /// The names fit; the algorithm (SHA-1, MD5, a curve or size we do not know) cannot be checked.
    Unverifiable,
}

/// Did `issuer`'s key sign the certificate `der`?
///
/// # Errors
/// [`ParseError`] of `der`.
pub fn signed_by(der: &[u8], issuer: &Facts) -> Result<SignedBy, ParseError> {
    let envelope = Envelope::parse(der)?;
    if Facts::parse(der)?.issuer != issuer.subject {
        return Ok(SignedBy::No);
    }
    let key = key_facts::parse(tlv::sole(&issuer.spki_der, tlv::SEQUENCE, "subjectPublicKeyInfo")?)?;
    Ok(envelope.check(&key))
}

/// What can be said about a signature to a person, weak algorithms included. Not for admission: see [`signed_by`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It verifies, with an algorithm and a key that are accepted today.
    Verified,
    /// It verifies, with SHA-1 or an RSA key below 2048 bits: nobody should accept it.
    VerifiedButWeak,
    /// It does not verify with this key.
    Wrong,
    /// The algorithm or the key cannot be used here (MD5, DSA, an unknown curve).
    Unverifiable,
}

/// What `key_of`'s key says about the signature of the certificate `der`, whatever the names in both.
///
/// # Errors
/// [`ParseError`] of `der`.
pub fn explain_signature(der: &[u8], key_of: &Facts) -> Result<Signature, ParseError> {
    let envelope = Envelope::parse(der)?;
    let (signed, signature) = (envelope.tbs.whole, envelope.signature);
    explain_raw(envelope.algorithm.content, signed, signature, key_of)
}

/// As [`explain_signature`], of anything signed: `algorithm` is the content of its AlgorithmIdentifier.
pub(crate) fn explain_raw(
    algorithm: &[u8],
    signed: &[u8],
    signature: &[u8],
    key_of: &Facts,
) -> Result<Signature, ParseError> {
    let key = key_facts::parse(tlv::sole(&key_of.spki_der, tlv::SEQUENCE, "subjectPublicKeyInfo")?)?;
    let oid =
        tlv::oid(tlv::Reader::new(algorithm).expect(tlv::OID, "signatureAlgorithm")?, "signatureAlgorithm")?;
    let pss = || matches!(key.kind, KeyKind::Rsa { bits: 2048.. }).then(|| pss(algorithm)).flatten();
    let strong = verification(&oid, &key.kind).or_else(pss);
    let weak = || weak(&oid, &key.kind);
    let (by, good) = match strong.map(|by| (by, Signature::Verified)) {
        Some(found) => found,
        None => match weak() {
            Some(by) => (by, Signature::VerifiedButWeak),
            None => return Ok(Signature::Unverifiable),
        },
    };
    let verified = UnparsedPublicKey::new(by, key.bits).verify(signed, signature);
    Ok(verified.map_or(Signature::Wrong, |()| good))
}

/// Algorithms that no check of ours accepts, so that a person can be told that the signature itself is right.
fn weak(oid: &str, key: &KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
    match (oid, key) {
        ("1.2.840.113549.1.1.5", KeyKind::Rsa { bits: 1024.. }) => {
            Some(&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY)
        }
        ("1.2.840.113549.1.1.11", KeyKind::Rsa { bits: 1024..2048 }) => {
            Some(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
        }
        ("1.2.840.113549.1.1.13", KeyKind::Rsa { bits: 1024..2048 }) => {
            Some(&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
        }
        ("1.2.840.10045.4.1", KeyKind::Ec(Curve::P256)) => Some(&signature::ECDSA_P256_SHA1_ASN1),
        _ => None,
    }
}

/// RSASSA-PSS with one hash throughout and a salt of its length, in the one encoding that is in use (RFC 4055 §3.1).
fn pss(algorithm: &[u8]) -> Option<&'static dyn VerificationAlgorithm> {
    const HASHES: [(u8, u8); 3] = [(1, 32), (2, 48), (3, 64)];
    let (hash, _) = HASHES.into_iter().find(|(hash, salt)| algorithm == pss_identifier(*hash, *salt))?;
    Some(match hash {
        1 => &signature::RSA_PSS_2048_8192_SHA256,
        2 => &signature::RSA_PSS_2048_8192_SHA384,
        _ => &signature::RSA_PSS_2048_8192_SHA512,
    })
}

fn pss_identifier(hash: u8, salt: u8) -> Vec<u8> {
    let sha2 = [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, hash, 0x05, 0x00];
    let mut out = vec![0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34];
    out.extend([0xa0, 0x0f]);
    out.extend(sha2);
    out.extend([0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08]);
    out.extend(sha2);
    out.extend([0xa2, 0x03, 0x02, 0x01, salt]);
    out
}

/// As [`signed_by`], of a list whose issuer field has been compared: it lies in DER as a certificate does.
pub(crate) fn list_signed_by(der: &[u8], issuer: &Facts) -> Result<SignedBy, ParseError> {
    let key = key_facts::parse(tlv::sole(&issuer.spki_der, tlv::SEQUENCE, "subjectPublicKeyInfo")?)?;
    Ok(Envelope::parse(der)?.check(&key))
}

/// What a signature check needs of a certificate, for a verifier with algorithms of its own.
#[derive(Clone, Copy, Debug)]
pub struct SignedParts<'a> {
    /// The TBSCertificate, DER: what the signature is over.
    pub signed: &'a [u8],
    /// Content of the outer AlgorithmIdentifier, which is the inner one in whatever [`Facts::parse`] has read.
    pub algorithm: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// The parts of a certificate that [`Facts::parse`] has read.
///
/// # Errors
/// [`ParseError`] of `der`.
pub fn signed_parts(der: &[u8]) -> Result<SignedParts<'_>, ParseError> {
    let Envelope { tbs, algorithm, signature, .. } = Envelope::parse(der)?;
    Ok(SignedParts { signed: tbs.whole, algorithm: algorithm.content, signature })
}

/// The three parts of a certificate.
pub(super) struct Envelope<'a> {
    pub(super) tbs: tlv::Tlv<'a>,
    pub(super) algorithm: tlv::Tlv<'a>,
    pub(super) algorithm_oid: String,
    signature: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Envelope<'a>, ParseError> {
        let mut reader = tlv::sole(der, tlv::SEQUENCE, "certificate")?.reader();
        let tbs = reader.expect(tlv::SEQUENCE, "tbsCertificate")?;
        let algorithm = reader.expect(tlv::SEQUENCE, "signatureAlgorithm")?;
        let signature = reader.expect(tlv::BIT_STRING, "signatureValue")?;
        reader.finish("certificate")?;
        let (signature, unused) = tlv::bit_string(signature, "signatureValue")?;
        if unused != 0 {
            return Err(ParseError { field: "signatureValue", problem: Problem::Value });
        }
        let algorithm_oid =
            tlv::oid(algorithm.reader().expect(tlv::OID, "signatureAlgorithm")?, "signatureAlgorithm")?;
        Ok(Envelope { tbs, algorithm, algorithm_oid, signature })
    }

    fn check(&self, key: &KeyFacts<'_>) -> SignedBy {
        check(key, &self.algorithm_oid, self.tbs.whole, self.signature)
    }

    pub(super) fn self_signed(&self, self_issued: bool, key: &KeyFacts<'_>) -> SelfSigned {
        if !self_issued {
            return SelfSigned::No;
        }
        match self.check(key) {
            SignedBy::Yes => SelfSigned::Yes,
            SignedBy::No => SelfSigned::Mismatch,
            SignedBy::Unverifiable => SelfSigned::Unverifiable,
        }
    }
}

/// Did the key of this SubjectPublicKeyInfo make this signature over `message`?
///
/// # Errors
/// [`ParseError`] of the key.
pub(crate) fn verify_signature(
    spki_der: &[u8],
    algorithm_oid: &str,
    message: &[u8],
    signature: &[u8],
) -> Result<SignedBy, ParseError> {
    let key = key_facts::parse(tlv::sole(spki_der, tlv::SEQUENCE, "subjectPublicKeyInfo")?)?;
    Ok(check(&key, algorithm_oid, message, signature))
}

fn check(key: &KeyFacts<'_>, algorithm_oid: &str, message: &[u8], signature: &[u8]) -> SignedBy {
    let Some(algorithm) = verification(algorithm_oid, &key.kind) else {
        return SignedBy::Unverifiable;
    };
    match UnparsedPublicKey::new(algorithm, key.bits).verify(message, signature) {
        Ok(()) => SignedBy::Yes,
        Err(_) => SignedBy::No,
    }
}

fn verification(oid: &str, key: &KeyKind) -> Option<&'static dyn VerificationAlgorithm> {
    match (oid, key) {
        ("1.2.840.113549.1.1.11", KeyKind::Rsa { bits: 2048.. }) => {
            Some(&signature::RSA_PKCS1_2048_8192_SHA256)
        }
        ("1.2.840.113549.1.1.12", KeyKind::Rsa { bits: 2048.. }) => {
            Some(&signature::RSA_PKCS1_2048_8192_SHA384)
        }
        ("1.2.840.113549.1.1.13", KeyKind::Rsa { bits: 2048.. }) => {
            Some(&signature::RSA_PKCS1_2048_8192_SHA512)
        }
        ("1.2.840.10045.4.3.2", KeyKind::Ec(Curve::P256)) => Some(&signature::ECDSA_P256_SHA256_ASN1),
        ("1.2.840.10045.4.3.3", KeyKind::Ec(Curve::P256)) => Some(&signature::ECDSA_P256_SHA384_ASN1),
        ("1.2.840.10045.4.3.4", KeyKind::Ec(Curve::P256)) => Some(&signature::ECDSA_P256_SHA512_ASN1),
        ("1.2.840.10045.4.3.2", KeyKind::Ec(Curve::P384)) => Some(&signature::ECDSA_P384_SHA256_ASN1),
        ("1.2.840.10045.4.3.3", KeyKind::Ec(Curve::P384)) => Some(&signature::ECDSA_P384_SHA384_ASN1),
        ("1.2.840.10045.4.3.4", KeyKind::Ec(Curve::P384)) => Some(&signature::ECDSA_P384_SHA512_ASN1),
        ("1.2.840.10045.4.3.2", KeyKind::Ec(Curve::P521)) => Some(&signature::ECDSA_P521_SHA256_ASN1),
        ("1.2.840.10045.4.3.3", KeyKind::Ec(Curve::P521)) => Some(&signature::ECDSA_P521_SHA384_ASN1),
        ("1.2.840.10045.4.3.4", KeyKind::Ec(Curve::P521)) => Some(&signature::ECDSA_P521_SHA512_ASN1),
        ("1.3.101.112", KeyKind::Ed25519) => Some(&signature::ED25519),
        _ => None,
    }
}
