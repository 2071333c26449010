//! X.509 version 1 leaves: the certificates that `openssl x509 -req` makes without `-extfile` before OpenSSL 3.2.
//!
//! webpki refuses them whole, so the little that they need is done here: signed *directly* by a configured anchor,
//! same algorithm inside and outside, no extensions, within its dates. Nothing is ever built on a version 1 leaf.
//! Also: handshake signatures with such a leaf's key, which rustls would look up through webpki.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error as RustlsError, PeerMisbehaved};
use sealmq_pki::cert::{SignedParts, Version, signed_parts};
use sealmq_pki::{Crl, Facts};

use crate::anchors::CaCertificate;
use crate::failure::Refusal;
use crate::path::{Check, LeafDates};
use crate::symptoms::Code;

/// Finds the anchor that signed a version 1 leaf.
///
/// Only anchors configured on disk count, never a certificate that the peer sent.
pub(crate) fn verify_leaf<'s>(
    der: &[u8],
    facts: &Facts,
    check: &Check<'s>,
) -> Result<&'s CaCertificate, Refusal> {
    debug_assert_eq!(facts.version, Version::V1);
    let Check { store, algorithms, dates, now, .. } = *check;
    match dates {
        LeafDates::Unchecked => {}
        LeafDates::Checked if now < facts.not_before => {
            let detail = format!("not valid before {}", facts.not_before);
            return Err(Refusal::about(Code::NotYetValid, facts, detail));
        }
        LeafDates::Checked if now > facts.not_after => {
            return Err(Refusal::about(Code::Expired, facts, format!("ended at {}", facts.not_after)));
        }
        LeafDates::Checked => {}
    }
    let parts =
        signed_parts(der).map_err(|error| Refusal::about(Code::BadCertificate, facts, error.to_string()))?;
    let mut refusal = Refusal::about(
        Code::UnknownIssuer,
        facts,
        "a version 1 certificate must be signed by a trust anchor itself",
    );
    for anchor in store.anchors.iter().filter(|anchor| anchor.facts.subject == facts.issuer) {
        match check_signature(&parts, &anchor.facts, algorithms) {
            Err(code) => refusal = Refusal::about(code, facts, ""),
            Ok(()) if !anchor.facts.is_current(now) => {
                refusal = Refusal::about(
                    Code::AnchorEnded,
                    &anchor.facts,
                    format!("the anchor from {}", anchor.origin),
                );
            }
            Ok(()) => return Ok(anchor),
        }
    }
    Err(refusal)
}

/// Whether `issuer`'s key signed this certificate (any version); names and dates are the caller's matter.
pub(crate) fn is_signed_by(
    der: &[u8],
    issuer: &CaCertificate,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> bool {
    signed_parts(der).is_ok_and(|parts| check_signature(&parts, &issuer.facts, algorithms).is_ok())
}

/// Whether `issuer`'s key signed this revocation list; its name, rights and dates are the caller's matter.
pub(crate) fn signed_list(
    crl: &Crl,
    issuer: &Facts,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> bool {
    let (signed, algorithm, signature) = (crl.signed(), crl.signature_algorithm(), crl.signature());
    let parts = SignedParts { signed, algorithm, signature };
    check_signature(&parts, issuer, algorithms).is_ok()
}

fn check_signature(
    parts: &SignedParts<'_>,
    issuer: &Facts,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<(), Code> {
    let spki = SubjectPublicKeyInfoDer::from(issuer.spki_der.as_slice());
    let key = webpki::RawPublicKeyEntity::try_from(&spki).map_err(|_| Code::TooWeak)?;
    let mut code = Code::TooWeak;
    for algorithm in algorithms.iter().filter(|a| a.signature_alg_id().as_ref() == parts.algorithm) {
        match key.verify_signature(*algorithm, parts.signed, parts.signature) {
            Ok(()) => return Ok(()),
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
            Err(_) => code = Code::BadSignature,
        }
    }
    Err(code)
}

/// A handshake signature of TLS 1.3 by the key of a version 1 leaf.
pub(crate) fn verify_tls13(
    message: &[u8],
    spki: &[u8],
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, RustlsError> {
    verify_tls13_signature_with_raw_key(message, &SubjectPublicKeyInfoDer::from(spki), dss, algorithms)
}

/// A handshake signature of TLS 1.2, where one scheme can mean several curves: each is tried.
pub(crate) fn verify_tls12(
    message: &[u8],
    spki: &[u8],
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, RustlsError> {
    let spki = SubjectPublicKeyInfoDer::from(spki);
    let bad = || RustlsError::InvalidCertificate(CertificateError::BadSignature);
    let key = webpki::RawPublicKeyEntity::try_from(&spki)
        .map_err(|_| RustlsError::InvalidCertificate(CertificateError::BadEncoding))?;
    let candidates: &[&dyn SignatureVerificationAlgorithm] = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == dss.scheme)
        .map(|(_, candidates)| *candidates)
        .ok_or(RustlsError::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme))?;
    for algorithm in candidates {
        match key.verify_signature(*algorithm, message, dss.signature()) {
            Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
            Err(_) => return Err(bad()),
        }
    }
    Err(bad())
}
