//! Which certificate is meant: hashes of its issuer's name and key, and its serial (RFC 6960 §4.1.1).

use aws_lc_rs::digest;

use super::{OcspError, asn1};
use crate::Facts;
use crate::cert::tlv;
use crate::ids::Serial;

/// How a [`CertId`] hashes its issuer. Not a signature: SHA-1 is what most clients still send, and finding a second
/// issuer with the same hashes would be of no use without its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-1: what openssl and GnuTLS send unless told otherwise.
    Sha1,
    /// SHA-256: what RFC 9919 asks of new clients.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    const ALL: [HashAlgorithm; 4] =
        [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

    pub(super) const fn oid(self) -> &'static str {
        match self {
            HashAlgorithm::Sha1 => "1.3.14.3.2.26",
            HashAlgorithm::Sha256 => "2.16.840.1.101.3.4.2.1",
            HashAlgorithm::Sha384 => "2.16.840.1.101.3.4.2.2",
            HashAlgorithm::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }

    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => &digest::SHA256,
            HashAlgorithm::Sha384 => &digest::SHA384,
            HashAlgorithm::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// One certificate, as OCSP names it. An answer repeats it byte for byte, so it is kept as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertId {
    der: Vec<u8>,
    /// `None`: an algorithm that we do not have; it names no certificate that we know.
    hash: Option<HashAlgorithm>,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Serial,
}

impl CertId {
    /// The certificate with this serial that this issuer issued. The name is hashed as it stands in the issuer's
    /// certificate, the key without tag, length and count of unused bits.
    pub fn new(hash: HashAlgorithm, issuer: &Facts, serial: &Serial) -> CertId {
        let issuer_name_hash = hash.of(issuer.subject.der());
        let issuer_key_hash = hash.of(&issuer.key_bits);
        let der = asn1::cert_id(hash, &issuer_name_hash, &issuer_key_hash, serial);
        CertId { der, hash: Some(hash), issuer_name_hash, issuer_key_hash, serial: serial.clone() }
    }

    pub(super) fn read(sequence: tlv::Tlv<'_>) -> Result<CertId, OcspError> {
        const FIELD: &str = "certID";
        let mut reader = sequence.reader();
        let algorithm = reader.expect(tlv::SEQUENCE, "certID.hashAlgorithm")?;
        let issuer_name_hash = reader.expect(tlv::OCTET_STRING, "certID.issuerNameHash")?.content;
        let issuer_key_hash = reader.expect(tlv::OCTET_STRING, "certID.issuerKeyHash")?.content;
        let serial = reader.expect(tlv::INTEGER, "certID.serialNumber")?.content;
        reader.finish(FIELD)?;
        let serial = Serial::from_content(serial).map_err(|_| OcspError::Malformed {
            field: "certID.serialNumber",
            problem: crate::cert::Problem::Value,
        })?;
        Ok(CertId {
            der: sequence.whole.to_vec(),
            hash: hash_of(algorithm)?,
            issuer_name_hash: issuer_name_hash.to_vec(),
            issuer_key_hash: issuer_key_hash.to_vec(),
            serial,
        })
    }

    /// Whether it names a certificate of this issuer. An answer is looked up so: the CA by its hashes, then the serial.
    pub fn is_of_issuer(&self, issuer: &Facts) -> bool {
        self.hash.is_some_and(|hash| {
            hash.of(issuer.subject.der()) == self.issuer_name_hash
                && hash.of(&issuer.key_bits) == self.issuer_key_hash
        })
    }

    /// Whether it names this certificate of this issuer. Serials are compared as they are encoded.
    pub fn is_of(&self, certificate: &Facts, issuer: &Facts) -> bool {
        self.serial == certificate.serial && self.is_of_issuer(issuer)
    }

    /// The serial that it asks about.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// How it hashes; `None`: in a way that we do not know.
    pub fn hash_algorithm(&self) -> Option<HashAlgorithm> {
        self.hash
    }

    /// Its DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// The algorithm, where we have it, with or without the NULL that RFC 4055 §2.1 asks readers to take either way.
fn hash_of(algorithm: tlv::Tlv<'_>) -> Result<Option<HashAlgorithm>, OcspError> {
    const FIELD: &str = "certID.hashAlgorithm";
    let mut reader = algorithm.reader();
    let oid = tlv::oid(reader.expect(tlv::OID, FIELD)?, FIELD)?;
    let parameters = if reader.is_empty() { None } else { Some(reader.any(FIELD)?.whole) };
    reader.finish(FIELD)?;
    let plain = matches!(parameters, None | Some([5, 0]));
    Ok(HashAlgorithm::ALL.into_iter().find(|hash| plain && hash.oid() == oid))
}
