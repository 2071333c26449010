//! Subjects of what we issue, as DER.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519;
use der::asn1::{Any, SetOfVec};
use der::{Encode, Tag};
use thiserror::Error;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use super::IssueError;
use crate::host::HostName;

/// The upper bound of a CN (RFC 5280 appendix A.1).
const COMMON_NAME_CHARS_MAX: usize = 64;

/// The longest label of an installation, so that `LABEL Issuing CA G99999` is a CN.
const LABEL_CHARS_MAX: usize = 40;

/// The upper bound of an O (RFC 5280 appendix A.1).
const ORGANIZATION_CHARS_MAX: usize = 64;

const ORGANIZATION: &str = "SealMQ";

/// The name of a CA: `CN=LABEL Root CA G1, O=SealMQ`, or another organization's.
///
/// The label tells installations apart (a host name and a few random digits), the number the generations of the key:
/// two CAs with one name and two keys confuse every verifier that looks issuers up by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaSubject {
    common_name: String,
    organization: String,
}

/// Why a label cannot name a CA.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{label}' cannot name a CA\nhint: 1 to 40 letters, digits, spaces, '.', '-' or '_', not starting or ending with a space"
)]
pub struct CaSubjectError {
    /// The label, escaped and bounded.
    pub label: String,
}

/// Why a text cannot be a CA's organization.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{organization}' cannot be a CA's organization\nhint: 1 to 64 characters, no control characters, not starting or ending with a space"
)]
pub struct OrganizationError {
    /// The text, escaped and bounded.
    pub organization: String,
}

impl CaSubject {
    /// The name of a root.
    ///
    /// # Errors
    /// [`CaSubjectError`].
    pub fn root(label: &str, generation: u16) -> Result<CaSubject, CaSubjectError> {
        CaSubject::of(label, "Root CA", generation)
    }

    /// The name of an issuing CA.
    ///
    /// # Errors
    /// [`CaSubjectError`].
    pub fn issuing(label: &str, generation: u16) -> Result<CaSubject, CaSubjectError> {
        CaSubject::of(label, "Issuing CA", generation)
    }

    fn of(label: &str, kind: &str, generation: u16) -> Result<CaSubject, CaSubjectError> {
        let chars = (1..=LABEL_CHARS_MAX).contains(&label.chars().count());
        let alphabet = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_');
        if !chars || label.trim() != label || !label.chars().all(alphabet) {
            let label = label.chars().take(LABEL_CHARS_MAX).flat_map(char::escape_debug).collect();
            return Err(CaSubjectError { label });
        }
        let common_name = format!("{label} {kind} G{generation}");
        Ok(CaSubject { common_name, organization: ORGANIZATION.to_owned() })
    }

    /// The same CA as another organization's: any text without control characters, kept as UTF-8.
    ///
    /// # Errors
    /// [`OrganizationError`].
    pub fn of_organization(mut self, organization: &str) -> Result<CaSubject, OrganizationError> {
        let chars = (1..=ORGANIZATION_CHARS_MAX).contains(&organization.chars().count());
        if !chars || organization.trim() != organization || organization.chars().any(char::is_control) {
            let organization =
                organization.chars().take(ORGANIZATION_CHARS_MAX).flat_map(char::escape_debug).collect();
            return Err(OrganizationError { organization });
        }
        organization.clone_into(&mut self.organization);
        Ok(self)
    }

    /// Its CN.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    pub(crate) fn to_der(&self) -> Result<Vec<u8>, IssueError> {
        encode(&[(rfc4519::O, &self.organization), (rfc4519::CN, &self.common_name)])
    }
}

/// CN = this text.
pub(crate) fn common_name(text: &str) -> Result<Vec<u8>, IssueError> {
    encode(&[(rfc4519::CN, text)])
}

/// Whom an OCSP signer speaks for stands in its issuer; its own name matters to nobody.
pub(super) fn of_ocsp_signer() -> Result<Vec<u8>, IssueError> {
    encode(&[(rfc4519::O, ORGANIZATION), (rfc4519::CN, "OCSP signer")])
}

/// CN = the first DNS name that fits, else the first address; clients go by the SAN anyway.
pub(super) fn of_server(hosts: &[HostName]) -> Result<Vec<u8>, IssueError> {
    let texts: Vec<(bool, String)> =
        hosts.iter().map(|host| (matches!(host, HostName::Dns(_)), host.to_string())).collect();
    let fits = |text: &str| text.len() <= COMMON_NAME_CHARS_MAX;
    let first_dns = texts.iter().find(|(dns, text)| *dns && fits(text));
    let first = first_dns.or_else(|| texts.iter().find(|(_, text)| fits(text)));
    encode(&[(rfc4519::CN, first.map_or("SealMQ server", |(_, text)| text.as_str()))])
}

fn encode(attributes: &[(ObjectIdentifier, &str)]) -> Result<Vec<u8>, IssueError> {
    let rdns: Result<Vec<_>, der::Error> = attributes.iter().map(|(oid, text)| rdn(*oid, text)).collect();
    rdns.and_then(|rdns| RdnSequence::from(rdns).to_der())
        .map_err(|e| IssueError::Encoding { reason: e.to_string() })
}

fn rdn(oid: ObjectIdentifier, text: &str) -> der::Result<RelativeDistinguishedName> {
    let value = Any::new(Tag::Utf8String, text.as_bytes())?;
    let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }])?;
    Ok(RelativeDistinguishedName::from(set))
}
