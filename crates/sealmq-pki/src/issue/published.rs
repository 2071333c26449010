//! Where an issuer's certificate, revocation list and responder can be fetched (`pki_url`), as its leaves say it.
//!
//! In plain HTTP on purpose: what is fetched there is signed, and RFC 5280 §8 warns of checks that need checks
//! themselves.

use const_oid::db::rfc5280;
use der::asn1::Ia5String;
use thiserror::Error;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, CrlDistributionPoints, crl::dp::DistributionPoint,
};

use crate::ids::KeyId;

/// Longer ones make certificates that small devices do not take.
const URL_BYTES_MAX: usize = 128;

/// An `http://` address below which an issuer is published. Displays as it is written, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

/// Why a text is no [`BaseUrl`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaseUrlError {
    /// Another scheme, or none.
    #[error("it does not begin with http://")]
    Scheme,
    /// Nothing between `http://` and the path.
    #[error("it names no host")]
    NoHost,
    /// Something that stands in no such address.
    #[error("{0:?} may not stand in it")]
    Character(char),
    /// Too long.
    #[error("it is longer than {URL_BYTES_MAX} characters")]
    TooLong,
}

impl BaseUrl {
    /// Reads `http://HOST[:PORT][/PATH]`. Whether anybody answers there is not asked.
    ///
    /// # Errors
    /// [`BaseUrlError`].
    pub fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        let rest = text.strip_prefix("http://").ok_or(BaseUrlError::Scheme)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
        if let Some(bad) = rest.chars().find(|c| !fits(*c)) {
            return Err(BaseUrlError::Character(bad));
        }
        if text.len() > URL_BYTES_MAX {
            return Err(BaseUrlError::TooLong);
        }
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || host.starts_with(':') {
            return Err(BaseUrlError::NoHost);
        }
        Ok(BaseUrl(text.trim_end_matches('/').to_owned()))
    }

    /// The revocation list of the issuer with this key.
    pub fn crl(&self, issuer: &KeyId) -> String {
        format!("{self}/crl/{issuer}.crl")
    }

    /// The issuing CA's certificate.
    pub fn issuing_certificate(&self) -> String {
        format!("{self}/issuing.crt")
    }

    /// The OCSP responder.
    pub fn ocsp(&self) -> String {
        format!("{self}/ocsp")
    }

    /// cRLDistributionPoints (RFC 5280 §4.2.1.13).
    pub(super) fn crl_points(&self, issuer: &KeyId) -> der::Result<CrlDistributionPoints> {
        let name = DistributionPointName::FullName(vec![uri(&self.crl(issuer))?]);
        let point = DistributionPoint { distribution_point: Some(name), reasons: None, crl_issuer: None };
        Ok(CrlDistributionPoints(vec![point]))
    }

    /// authorityInfoAccess (RFC 5280 §4.2.2.1): the responder, then the issuer's certificate.
    pub(super) fn information_access(&self) -> der::Result<AuthorityInfoAccessSyntax> {
        let access = |access_method, url: &str| {
            Ok::<_, der::Error>(AccessDescription { access_method, access_location: uri(url)? })
        };
        Ok(AuthorityInfoAccessSyntax(vec![
            access(rfc5280::ID_AD_OCSP, &self.ocsp())?,
            access(rfc5280::ID_AD_CA_ISSUERS, &self.issuing_certificate())?,
        ]))
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn uri(text: &str) -> der::Result<GeneralName> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(text)?))
}
