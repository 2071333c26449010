//! Certificates for requests, and adopted ones, over the control socket: the words, the desk's part and the office's.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealmq_pki::inventory::Reason;
use serde::{Deserialize, Serialize};

use super::desk::{Broker, Errand};
use super::office::{Office, unexpected};
use super::protocol::{DeviceHolder, Request, Response};
use crate::home::{CsrRequest, Home, HomeError, Surroundings};

/// A request to be signed, as a command brings it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertRequest {
    /// The request (PKCS#10), DER in Base64.
    pub csr: String,
    /// The profile's name.
    pub profile: String,
    /// Who gets it.
    pub names: Vec<String>,
    /// Whether somebody new gets it.
    pub holder: DeviceHolder,
    /// `--days`.
    pub days: Option<u32>,
}

/// A certificate of ours, and what goes with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertIssued {
    /// Serial number, hex.
    pub serial: String,
    /// The subject, RFC 2253.
    pub subject: String,
    /// First second of its validity, since the epoch.
    pub not_before_secs: i64,
    /// Last second of its validity, since the epoch.
    pub not_after_secs: i64,
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The issuing CA's certificate, PEM.
    pub issuing_pem: String,
    /// What clients trust, PEM.
    pub anchors_pem: String,
}

/// What became of an adopted certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Adopted {
    /// Serial number, hex.
    pub serial: String,
    /// The subject, RFC 2253.
    pub subject: String,
    /// `device` or `server`.
    pub role: String,
    /// Last second of its validity, since the epoch.
    pub not_after_secs: i64,
}

/// Signs; what was signed waits on the connection to be entered.
pub(super) fn draft(
    home: &Home,
    errand: &mut Errand,
    request: &CertRequest,
    around: &Surroundings,
) -> Result<Response, HomeError> {
    let refuse = |what: &str, hint: &str| HomeError::Refused { what: what.to_owned(), hint: hint.to_owned() };
    let csr = BASE64.decode(&request.csr).map_err(|_| {
        refuse("the request is not Base64", "use `sealmq cert` of the version that the broker runs")
    })?;
    let days = request.days.map(|days| {
        NonZeroU32::new(days)
            .ok_or_else(|| refuse("a certificate of 0 days helps nobody", "--days 1 or more"))
    });
    let wanted = CsrRequest {
        csr,
        profile: request.profile.clone(),
        names: request.names.clone(),
        holder: request.holder.into(),
        days: days.transpose()?,
    };
    let signed = home.sign_csr(&wanted, around)?;
    let facts = signed.certificate.facts();
    let issued = CertIssued {
        serial: facts.serial.to_string(),
        subject: facts.subject.rfc2253(),
        not_before_secs: facts.not_before.as_secs(),
        not_after_secs: facts.not_after.as_secs(),
        certificate_pem: signed.certificate.pem(),
        issuing_pem: home.issuing().certificate().pem(),
        anchors_pem: home.anchors_pem().to_owned(),
    };
    errand.signed = Some(signed);
    Ok(Response::CertIssued(Box::new(issued)))
}

/// Enters what was signed on this connection.
pub(super) fn enter(
    home: &Home,
    broker: Option<&dyn Broker>,
    errand: &mut Errand,
    around: &Surroundings,
) -> Result<Response, HomeError> {
    let Some(signed) = errand.signed.take() else {
        return Err(HomeError::Refused {
            what: "nothing was signed on this connection".to_owned(),
            hint: "use `sealmq cert sign`".to_owned(),
        });
    };
    home.enter_csr(&signed, around)?;
    if let (Some(broker), Some(name)) = (broker, signed.name()) {
        broker.device_entered(name);
    }
    Ok(Response::Done)
}

/// Adopts a certificate.
pub(super) fn adopt(
    home: &Home,
    broker: Option<&dyn Broker>,
    certificate: &str,
    why: &str,
    around: &Surroundings,
) -> Result<Response, HomeError> {
    let der = BASE64.decode(certificate).map_err(|_| HomeError::Refused {
        what: "the certificate is not Base64".to_owned(),
        hint: "use `sealmq cert adopt` of the version that the broker runs".to_owned(),
    })?;
    let why = Reason::parse(why).map_err(|error| HomeError::Refused {
        what: format!("the reason cannot be kept: {error}"),
        hint: "--reason with one line of 1 to 200 characters".to_owned(),
    })?;
    let record = home.adopt(der, why, around)?;
    if let (Some(broker), Some(name)) = (broker, &record.name) {
        broker.device_entered(name);
    }
    Ok(Response::Adopted(Adopted {
        serial: record.serial.to_string(),
        subject: record.subject.clone(),
        role: record.role.to_string(),
        not_after_secs: record.not_after.as_secs(),
    }))
}

impl Office {
    /// Has a request signed; the certificate counts after [`Office::enter_cert`]. `csr` is DER.
    pub fn draft_cert(&mut self, mut request: CertRequest, csr: &[u8]) -> Result<CertIssued, HomeError> {
        request.csr = BASE64.encode(csr);
        let Response::CertIssued(issued) = self.ask(Request::CertDraft(request))? else {
            return Err(unexpected());
        };
        Ok(*issued)
    }

    /// Makes the certificate that was signed last count.
    pub fn enter_cert(&mut self) -> Result<(), HomeError> {
        let Response::Done = self.ask(Request::CertEnter)? else { return Err(unexpected()) };
        Ok(())
    }

    /// Enters a certificate of this CA that the inventory does not know.
    pub fn adopt_cert(&mut self, der: &[u8], why: &str) -> Result<Adopted, HomeError> {
        let request = Request::CertAdopt { certificate: BASE64.encode(der), why: why.to_owned() };
        let Response::Adopted(adopted) = self.ask(request)? else { return Err(unexpected()) };
        Ok(adopted)
    }
}
