//! A request of our own: for a key that is here and a certificate that somebody else signs, or this CA.

use const_oid::db::rfc5912;
use der::asn1::{Any, BitString, SetOfVec};
use der::{Decode, Encode, Tag};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::attr::Attribute;
use x509_cert::ext::ToExtension;
use x509_cert::name::Name as X500Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};

use super::Csr;
use crate::cert::AltName;
use crate::issue::{IssueError, alt_names_extension, common_name};
use crate::key::{Signer, algorithm_identifier};

/// Makes a request with this CN and these alternative names (none: no extension is asked for), signed by its own key.
///
/// # Errors
/// The key fails or signs wrongly; a name that DER cannot hold.
pub fn make(signer: &dyn Signer, cn: &str, alt_names: &[AltName]) -> Result<Csr, IssueError> {
    let failed = |error: der::Error| IssueError::Encoding { reason: error.to_string() };
    let subject = X500Name::from_der(&common_name(cn)?).map_err(failed)?;
    let attributes = if alt_names.is_empty() {
        SetOfVec::new()
    } else {
        SetOfVec::try_from(vec![extension_request(&subject, alt_names)?]).map_err(failed)?
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

fn extension_request(subject: &X500Name, names: &[AltName]) -> Result<Attribute, IssueError> {
    let failed = |error: der::Error| IssueError::Encoding { reason: error.to_string() };
    let extension =
        alt_names_extension(names).and_then(|names| names.to_extension(subject, &[])).map_err(failed)?;
    let list = vec![extension].to_der().map_err(failed)?;
    let value = Any::from_der(&list).map_err(failed)?;
    debug_assert_eq!(der::Tagged::tag(&value), Tag::Sequence);
    let values = SetOfVec::try_from(vec![value]).map_err(failed)?;
    Ok(Attribute { oid: rfc5912::ID_EXTENSION_REQ, values })
}
