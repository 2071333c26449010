//! A request of our own: for a key that is here and a certificate that somebody else signs, or this CA.

use const_oid::db::rfc5912;
use der::asn1::{Any, BitString, SetOfVec};
use der::{Decode, Encode, Tag};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name as X500Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};

use super::Csr;
use crate::cert::AltName;
use crate::issue::{CaSubject, IssueError, alt_names_extension, common_name};
use crate::key::{Signer, algorithm_identifier};

/// Makes a request with this CN and these alternative names (none: no extension is asked for), signed by its own key.
///
/// # Errors
/// The key fails or signs wrongly; a name that DER cannot hold.
pub fn make(signer: &dyn Signer, cn: &str, alt_names: &[AltName]) -> Result<Csr, IssueError> {
    let failed = |error: der::Error| IssueError::Encoding { reason: error.to_string() };
    let subject = X500Name::from_der(&common_name(cn)?).map_err(failed)?;
    let mut extensions = Vec::new();
    if !alt_names.is_empty() {
        let names = alt_names_extension(alt_names).and_then(|names| names.to_extension(&subject, &[]));
        extensions.push(names.map_err(failed)?);
    }
    signed(signer, subject, extensions)
}

/// Makes the request of an issuing CA that somebody else's root is to sign: CA:TRUE with no CA below it, keyCertSign and
/// cRLSign, all critical.
///
/// # Errors
/// As [`make`].
pub fn make_ca(signer: &dyn Signer, subject: &CaSubject) -> Result<Csr, IssueError> {
    let failed = |error: der::Error| IssueError::Encoding { reason: error.to_string() };
    let subject = X500Name::from_der(&subject.to_der()?).map_err(failed)?;
    let constraints = BasicConstraints { ca: true, path_len_constraint: Some(0) };
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let extensions = vec![
        constraints.to_extension(&subject, &[]).map_err(failed)?,
        usage.to_extension(&subject, &[]).map_err(failed)?,
    ];
    signed(signer, subject, extensions)
}

fn signed(signer: &dyn Signer, subject: X500Name, extensions: Vec<Extension>) -> Result<Csr, IssueError> {
    let failed = |error: der::Error| IssueError::Encoding { reason: error.to_string() };
    let attributes = if extensions.is_empty() {
        SetOfVec::new()
    } else {
        SetOfVec::try_from(vec![extension_request(extensions)?]).map_err(failed)?
    };
    let public_key = SubjectPublicKeyInfoOwned::from_der(signer.public_key().spki_der()).map_err(failed)?;
    let info = CertReqInfo { version: Version::V1, subject, public_key, attributes };
    let signature = signer.sign(&info.to_der().map_err(failed)?)?;
    let request = CertReq {
        info,
        algorithm: algorithm_identifier(signer.algorithm()),
        signature: BitString::from_bytes(&signature).map_err(failed)?,
    };
    // Read back with our own reader, which verifies the signature: a faulty key is found here.
    Csr::parse(request.to_der().map_err(failed)?)
        .map_err(|error| IssueError::Encoding { reason: error.to_string() })
}

fn extension_request(extensions: Vec<Extension>) -> Result<Attribute, IssueError> {
    let failed = |error: der::Error| IssueError::Encoding { reason: error.to_string() };
    let list = extensions.to_der().map_err(failed)?;
    let value = Any::from_der(&list).map_err(failed)?;
    debug_assert_eq!(der::Tagged::tag(&value), Tag::Sequence);
    let values = SetOfVec::try_from(vec![value]).map_err(failed)?;
    Ok(Attribute { oid: rfc5912::ID_EXTENSION_REQ, values })
}
