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
