//! Handshake signatures, by the key of any leaf that a verifier accepted: version 3 through webpki, version 1 raw.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, DigitallySignedStruct, Error as RustlsError};
use sealmq_pki::Facts;
use sealmq_pki::cert::Version;

use crate::failure::Refusal;
use crate::legacy;
use crate::session::Seen;
use crate::symptoms::Code;

type Verified = Result<HandshakeSignatureValid, RustlsError>;

pub(crate) fn tls12(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    seen: &Seen,
) -> Verified {
    let facts = facts(cert)?;
    let verified = match facts.version {
        Version::V1 => legacy::verify_tls12(message, &facts.spki_der, dss, algorithms),
        Version::V2 | Version::V3 => verify_tls12_signature(message, cert, dss, algorithms),
    };
    noted(verified, &facts, seen)
}

pub(crate) fn tls13(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    seen: &Seen,
) -> Verified {
    let facts = facts(cert)?;
    let verified = match facts.version {
        Version::V1 => legacy::verify_tls13(message, &facts.spki_der, dss, algorithms),
        Version::V2 | Version::V3 => verify_tls13_signature(message, cert, dss, algorithms),
    };
    noted(verified, &facts, seen)
}

fn facts(cert: &CertificateDer<'_>) -> Result<Facts, RustlsError> {
    Facts::parse(cert).map_err(|_| RustlsError::InvalidCertificate(CertificateError::BadEncoding))
}

fn noted(verified: Verified, facts: &Facts, seen: &Seen) -> Verified {
    if let Err(RustlsError::InvalidCertificate(CertificateError::BadSignature)) = &verified {
        seen.refused(Refusal::about(Code::BadSignature, facts, "the signature over the handshake"));
    }
    verified
}
