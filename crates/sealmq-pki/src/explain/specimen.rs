//! One certificate for an explanation: its facts, and the extensions that only an explanation reads.

use super::constraints::NameConstraints;
use super::general_name::{self, GeneralName};
use crate::cert::{Extension, Facts, ParseError, Reader, raw_extensions, tlv};
use crate::policy::Policies;

/// A certificate, and where it came from.
#[derive(Clone, Debug)]
pub struct Specimen {
    der: Vec<u8>,
    origin: String,
    facts: Facts,
    pub(super) names: Vec<GeneralName>,
    pub(super) constraints: Option<NameConstraints>,
    pub(super) policies: Policies,
    /// Extensions that could not be read, by OID: whoever relies on one of them is told.
    pub(super) unreadable: Vec<String>,
    urls: Vec<Url>,
}

/// An address that a certificate holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// What is there.
    pub kind: UrlKind,
    /// The address, as it stands there: text of a stranger.
    pub text: String,
}

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlKind {
    /// cRLDistributionPoints: a revocation list.
    Crl,
    /// authorityInfoAccess: the issuer's certificate.
    Issuer,
    /// authorityInfoAccess: an OCSP responder.
    Ocsp,
}

impl Specimen {
    /// Reads one certificate; `origin` is what an explanation calls the place it came from.
    ///
    /// # Errors
    /// [`ParseError`], as [`Facts::parse`].
    pub fn parse(der: Vec<u8>, origin: impl Into<String>) -> Result<Specimen, ParseError> {
        let facts = Facts::parse(&der)?;
        let mut specimen = Specimen {
            origin: origin.into(),
            facts,
            names: Vec::new(),
            constraints: None,
            policies: Policies::default(),
            unreadable: Vec::new(),
            urls: Vec::new(),
            der: Vec::new(),
        };
        for extension in raw_extensions(&der)? {
            if specimen.take(&extension).is_err() {
                specimen.unreadable.push(extension.oid);
            }
        }
        specimen.der = der;
        Ok(specimen)
    }

    fn take(&mut self, extension: &Extension<'_>) -> Result<(), ParseError> {
        let value = extension.value;
        match extension.oid.as_str() {
            "2.5.29.17" => self.names = general_name::sequence(value, "subjectAltName")?,
            "2.5.29.30" => self.constraints = Some(NameConstraints::parse(value)?),
            "2.5.29.31" => self.urls.extend(crl_urls(value)?),
            "1.3.6.1.5.5.7.1.1" => self.urls.extend(access_urls(value)?),
            _ => self.policies.take(extension)?,
        }
        Ok(())
    }

    /// The certificate, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Where it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What it says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The addresses of lists, responders and the issuer's certificate.
    pub fn urls(&self) -> &[Url] {
        &self.urls
    }

    /// OIDs of the extensions that could not be read.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }
}

const URI: u8 = 0x86;

fn uri(name: &tlv::Tlv<'_>) -> Option<String> {
    (name.tag == URI).then(|| String::from_utf8_lossy(name.content).into_owned())
}

fn crl_urls(value: &[u8]) -> Result<Vec<Url>, ParseError> {
    const FIELD: &str = "cRLDistributionPoints";
    let mut found = Vec::new();
    let mut points = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    while !points.is_empty() {
        let mut point = points.expect(tlv::SEQUENCE, FIELD)?.reader();
        let Some(name) = point.optional(0xa0, FIELD)? else { continue };
        let choice = Reader::new(name.content).any(FIELD)?;
        let mut names = if choice.tag == 0xa0 { choice.reader() } else { Reader::new(&[]) };
        while !names.is_empty() {
            found.extend(uri(&names.any(FIELD)?).map(|text| Url { kind: UrlKind::Crl, text }));
        }
    }
    Ok(found)
}

fn access_urls(value: &[u8]) -> Result<Vec<Url>, ParseError> {
    const FIELD: &str = "authorityInfoAccess";
    let mut found = Vec::new();
    let mut list = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    while !list.is_empty() {
        let mut access = list.expect(tlv::SEQUENCE, FIELD)?.reader();
        let method = tlv::oid(access.expect(tlv::OID, FIELD)?, FIELD)?;
        let kind = match method.as_str() {
            "1.3.6.1.5.5.7.48.1" => UrlKind::Ocsp,
            "1.3.6.1.5.5.7.48.2" => UrlKind::Issuer,
            _ => continue,
        };
        found.extend(uri(&access.any(FIELD)?).map(|text| Url { kind, text }));
    }
    Ok(found)
}
