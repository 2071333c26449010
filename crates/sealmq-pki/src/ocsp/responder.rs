//! Who may answer for an issuer: the issuer itself, or one to whom it gave that right (RFC 6960 §4.2.2.2).

use std::fmt;

use aws_lc_rs::digest;

use super::response::Response;
use super::{OcspError, Refused};
use crate::Facts;
use crate::cert::{
    DistinguishedName, ExtKeyUsage, KeyUsageBit, Problem, SignedBy, signature_name, signed_by, tlv,
    verify_signature,
};
use crate::time::Timestamp;

/// id-kp-OCSPSigning.
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
/// Extensions that may be critical in a responder's certificate, because they are looked at or change nothing here.
const UNDERSTOOD: [&str; 6] = [
    // subjectKeyIdentifier, keyUsage, subjectAltName, basicConstraints, extKeyUsage, id-pkix-ocsp-nocheck
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.37",
    "1.3.6.1.5.5.7.48.1.5",
];

/// Who made an answer, in its own words. Displays as the name (RFC 2253) or as the key's hash in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponderId {
    /// byName: the subject of the responder's certificate.
    Name(DistinguishedName),
    /// byKey: SHA-1 over the responder's public key, always SHA-1 (RFC 6960 §4.2.1). It finds a key; the signature
    /// proves it.
    KeyHash([u8; 20]),
}

impl ResponderId {
    /// A responder by the hash of its key: shorter, and it needs no name of its own.
    pub fn by_key(responder: &Facts) -> ResponderId {
        ResponderId::KeyHash(key_hash(responder))
    }

    /// A responder by its subject.
    pub fn by_name(responder: &Facts) -> ResponderId {
        ResponderId::Name(responder.subject.clone())
    }

    /// Whether it means the holder of this certificate.
    pub fn is(&self, certificate: &Facts) -> bool {
        match self {
            ResponderId::Name(name) => *name == certificate.subject,
            ResponderId::KeyHash(hash) => *hash == key_hash(certificate),
        }
    }

    pub(super) fn read(choice: tlv::Tlv<'_>) -> Result<ResponderId, OcspError> {
        const FIELD: &str = "responderID";
        match choice.tag {
            0xa1 => {
                let name = tlv::sole(choice.content, tlv::SEQUENCE, FIELD)?;
                Ok(ResponderId::Name(DistinguishedName::parse(name, FIELD)?))
            }
            0xa2 => {
                let hash = tlv::sole(choice.content, tlv::OCTET_STRING, FIELD)?.content;
                let hash = hash.try_into().map_err(|_| malformed(FIELD, Problem::Value))?;
                Ok(ResponderId::KeyHash(hash))
            }
            tag => Err(malformed(FIELD, Problem::UnexpectedTag(tag))),
        }
    }
}

impl fmt::Display for ResponderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponderId::Name(name) => write!(f, "{}", name.rfc2253().escape_debug()),
            ResponderId::KeyHash(hash) => {
                f.write_str("key ")?;
                hash.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
            }
        }
    }
}

fn key_hash(certificate: &Facts) -> [u8; 20] {
    let mut hash = [0; 20];
    hash.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate.key_bits).as_ref());
    hash
}

/// In whose right an answer was signed.
#[derive(Clone, Debug)]
pub enum SignedFor {
    /// By the issuer's own key.
    Issuer,
    /// By a responder whose certificate the issuer's key signed for this purpose.
    Delegate(Box<Facts>),
}

/// Finds who signed the answer, and proves both the signature and the right to make it.
///
/// The issuer is the key that is given, never a certificate that came along: a responder that another CA of the same
/// name made is none. What says that the responder's own certificate was revoked is not asked for (RFC 6960
/// §4.2.2.2.1 leaves that to the client): its holder can lie until its certificate ends.
pub(super) fn authorized(
    response: &Response<'_>,
    issuer: &Facts,
    now: Timestamp,
) -> Result<SignedFor, Refused> {
    let id = response.responder();
    let mut refused = None;
    if id.is(issuer) {
        match signature(response, issuer) {
            Ok(()) => return Ok(SignedFor::Issuer),
            Err(error) => refused = Some(error),
        }
    }
    for der in &response.certificates {
        let facts = Facts::parse(der).map_err(|error| malformed("certs", error.problem))?;
        // The issuer's own certificate often comes along; it was looked at.
        if !id.is(&facts) || facts.spki_der == issuer.spki_der {
            continue;
        }
        match delegated(der, &facts, issuer, now).and_then(|()| signature(response, &facts)) {
            Ok(()) => return Ok(SignedFor::Delegate(Box::new(facts))),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| Refused::UnknownResponder { responder: id.to_string() }))
}

fn signature(response: &Response<'_>, signer: &Facts) -> Result<(), Refused> {
    let algorithm = response.algorithm_oid.as_str();
    let made = verify_signature(&signer.spki_der, algorithm, response.tbs, response.signature);
    match made.map_err(OcspError::from)? {
        SignedBy::Yes => Ok(()),
        SignedBy::No => Err(Refused::BadSignature),
        SignedBy::Unverifiable => Err(Refused::SignatureAlgorithm {
            algorithm: format!("{} with {}", signature_name(algorithm).unwrap_or(algorithm), signer.key),
        }),
    }
}

/// RFC 6960 §4.2.2.2: "issued directly by the CA", for id-kp-OCSPSigning; and everything that a path validation asks of
/// a leaf.
fn delegated(der: &[u8], responder: &Facts, issuer: &Facts, now: Timestamp) -> Result<(), Refused> {
    let refuse = |why| {
        let subject = responder.subject.rfc2253().escape_debug().to_string();
        Err(Refused::NotAuthorized { subject, why })
    };
    match signed_by(der, issuer).map_err(OcspError::from)? {
        SignedBy::Yes => {}
        SignedBy::No => return refuse("its certificate was not issued by the same CA, with the same key"),
        SignedBy::Unverifiable => {
            return refuse("its certificate is signed by an algorithm that is not allowed");
        }
    }
    // anyExtendedKeyUsage is not enough: every server certificate could be one then.
    let signing = |purpose: &ExtKeyUsage| matches!(purpose, ExtKeyUsage::Other(oid) if oid == OCSP_SIGNING);
    if !responder.ext_key_usage.as_ref().is_some_and(|purposes| purposes.iter().any(signing)) {
        return refuse("its certificate is not for OCSP signing (extendedKeyUsage)");
    }
    let may_sign = |usage: crate::cert::KeyUsage| {
        usage.has(KeyUsageBit::DigitalSignature) || usage.has(KeyUsageBit::NonRepudiation)
    };
    if !responder.key_usage.is_none_or(may_sign) {
        return refuse("its keyUsage lacks digitalSignature");
    }
    if !responder.is_current(now) {
        return refuse("its certificate is not within its dates");
    }
    if !responder.critical_extensions.iter().all(|oid| UNDERSTOOD.contains(&oid.as_str())) {
        return refuse("its certificate has a critical extension that is not supported");
    }
    Ok(())
}

fn malformed(field: &'static str, problem: Problem) -> OcspError {
    OcspError::Malformed { field, problem }
}
