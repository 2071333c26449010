//! What kind of public key a certificate holds, and how strong it is.

use std::fmt;

use super::tlv::{self, ParseError, Problem, Tlv};

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const FIELD: &str = "tbsCertificate.subjectPublicKeyInfo";

/// Kind and size of a public key. Displays as `RSA 2048`, `EC P-256`, `Ed25519`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, with the bits of its modulus.
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
    /// An elliptic curve that has a name.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// Something else, by its algorithm's OID.
    Other(String),
}

/// A named curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Curve {
    /// secp256r1, prime256v1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
    /// Another one, by its OID.
    Other(String),
}

/// A SubjectPublicKeyInfo taken apart.
pub(crate) struct KeyFacts<'a> {
    pub(crate) kind: KeyKind,
    /// The BIT STRING's octets: what a key identifier hashes and a verifier takes.
    pub(crate) bits: &'a [u8],
}

pub(crate) fn parse(spki: Tlv<'_>) -> Result<KeyFacts<'_>, ParseError> {
    let mut reader = spki.reader();
    let mut algorithm = reader.expect(tlv::SEQUENCE, FIELD)?.reader();
    let oid = tlv::oid(algorithm.expect(tlv::OID, FIELD)?, FIELD)?;
    let (bits, unused) = tlv::bit_string(reader.expect(tlv::BIT_STRING, FIELD)?, FIELD)?;
    reader.finish(FIELD)?;
    if unused != 0 {
        return Err(ParseError { field: FIELD, problem: Problem::Value });
    }
    let kind = match oid.as_str() {
        RSA => KeyKind::Rsa { bits: modulus_bits(bits)? },
        EC => KeyKind::Ec(curve(algorithm)?),
        "1.3.101.112" => KeyKind::Ed25519,
        "1.3.101.113" => KeyKind::Ed448,
        _ => KeyKind::Other(oid),
    };
    Ok(KeyFacts { kind, bits })
}

fn modulus_bits(rsa_public_key: &[u8]) -> Result<usize, ParseError> {
    let key = tlv::sole(rsa_public_key, tlv::SEQUENCE, FIELD)?;
    let modulus = key.reader().expect(tlv::INTEGER, FIELD)?.content;
    let leading = modulus.iter().take_while(|octet| **octet == 0).count();
    Ok(match &modulus[leading..] {
        [] => 0,
        magnitude => magnitude.len() * 8 - magnitude[0].leading_zeros() as usize,
    })
}

fn curve(mut parameters: super::Reader<'_>) -> Result<Curve, ParseError> {
    // Explicit curve parameters (a SEQUENCE here) let a forger choose the generator; nobody may accept them.
    let oid = tlv::oid(parameters.expect(tlv::OID, FIELD)?, FIELD)?;
    Ok(match oid.as_str() {
        "1.2.840.10045.3.1.7" => Curve::P256,
        "1.3.132.0.34" => Curve::P384,
        "1.3.132.0.35" => Curve::P521,
        _ => Curve::Other(oid),
    })
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyKind::Rsa { bits } => write!(f, "RSA {bits}"),
            KeyKind::Ec(Curve::P256) => f.write_str("EC P-256"),
            KeyKind::Ec(Curve::P384) => f.write_str("EC P-384"),
            KeyKind::Ec(Curve::P521) => f.write_str("EC P-521"),
            KeyKind::Ec(Curve::Other(oid)) => write!(f, "EC {oid}"),
            KeyKind::Ed25519 => f.write_str("Ed25519"),
            KeyKind::Ed448 => f.write_str("Ed448"),
            KeyKind::Other(oid) => write!(f, "unknown key type {oid}"),
        }
    }
}
