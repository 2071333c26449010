//! Is a certificate signed with the key it holds? Only then is it a root.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::key_facts::{Curve, KeyFacts, KeyKind};

/// The answer; only `Yes` makes an anchor.
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

/// What was signed, how, and the signature.
pub(crate) struct Signed<'a> {
    pub(crate) tbs: &'a [u8],
    pub(crate) algorithm_oid: &'a str,
    pub(crate) signature: &'a [u8],
}

impl SelfSigned {
    pub(crate) fn of(self_issued: bool, signed: &Signed<'_>, key: &KeyFacts<'_>) -> SelfSigned {
        if !self_issued {
            return SelfSigned::No;
        }
        let Some(algorithm) = verification(signed.algorithm_oid, &key.kind) else {
            return SelfSigned::Unverifiable;
        };
        match UnparsedPublicKey::new(algorithm, key.bits).verify(signed.tbs, signed.signature) {
            Ok(()) => SelfSigned::Yes,
            Err(_) => SelfSigned::Mismatch,
        }
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
        ("1.2.840.10045.4.3.2", KeyKind::Ec(Curve::P256)) => {
            Some(&signature::ECDSA_P256_SHA256_ASN1)
        }
        ("1.2.840.10045.4.3.3", KeyKind::Ec(Curve::P256)) => {
            Some(&signature::ECDSA_P256_SHA384_ASN1)
        }
        ("1.2.840.10045.4.3.4", KeyKind::Ec(Curve::P256)) => {
            Some(&signature::ECDSA_P256_SHA512_ASN1)
        }
        ("1.2.840.10045.4.3.2", KeyKind::Ec(Curve::P384)) => {
            Some(&signature::ECDSA_P384_SHA256_ASN1)
        }
        ("1.2.840.10045.4.3.3", KeyKind::Ec(Curve::P384)) => {
            Some(&signature::ECDSA_P384_SHA384_ASN1)
        }
        ("1.2.840.10045.4.3.4", KeyKind::Ec(Curve::P384)) => {
            Some(&signature::ECDSA_P384_SHA512_ASN1)
        }
        ("1.2.840.10045.4.3.2", KeyKind::Ec(Curve::P521)) => {
            Some(&signature::ECDSA_P521_SHA256_ASN1)
        }
        ("1.2.840.10045.4.3.3", KeyKind::Ec(Curve::P521)) => {
            Some(&signature::ECDSA_P521_SHA384_ASN1)
        }
        ("1.2.840.10045.4.3.4", KeyKind::Ec(Curve::P521)) => {
            Some(&signature::ECDSA_P521_SHA512_ASN1)
        }
        ("1.3.101.112", KeyKind::Ed25519) => Some(&signature::ED25519),
        _ => None,
    }
}
