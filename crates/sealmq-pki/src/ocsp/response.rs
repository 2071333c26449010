//! An answer, read whole. Nothing in it is verified here.

use super::request::version_1;
use super::{
    ANSWERS_MAX, CERTIFICATES_MAX, CertId, Nonce, OcspError, RESPONSE_BYTES_MAX, ResponderId, Unsuccessful,
    extensions,
};
use crate::cert::{Problem, Reader, tlv};
use crate::crl::Reason;
use crate::inventory::State;
use crate::time::Timestamp;

/// What is said about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which.
    pub id: CertId,
    /// What.
    pub status: Status,
    /// Since when it is known to be so.
    pub this_update: Timestamp,
    /// When newer information is due at the latest; `None`: newer one can be had at any time.
    pub next_update: Option<Timestamp>,
}

/// CertStatus (RFC 6960 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not revoked. Says nothing about dates, and with some responders not even that it was ever issued.
    Good,
    /// Revoked, or on hold.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// The responder does not know it.
    Unknown,
}

impl Status {
    /// What a responder says of a certificate that its inventory has in this state. Superseded is good: it counts until
    /// its holder has the new one.
    pub fn of_state(state: &State) -> Status {
        match state {
            State::Valid | State::Superseded { .. } => Status::Good,
            State::Held { at, .. } => Status::Revoked { at: *at, reason: Reason::CertificateHold },
            State::Revoked { at, reason } => {
                Status::Revoked { at: *at, reason: Reason::of_code(reason.code().into()) }
            }
        }
    }
}

/// A BasicOCSPResponse of a responder that did answer.
#[derive(Clone)]
pub struct Response<'a> {
    pub(super) tbs: &'a [u8],
    pub(super) algorithm_oid: String,
    pub(super) signature: &'a [u8],
    pub(super) certificates: Vec<&'a [u8]>,
    responder: ResponderId,
    produced_at: Timestamp,
    answers: Vec<Answer>,
    nonce: Option<Nonce>,
}

impl<'a> Response<'a> {
    /// Reads an OCSPResponse, DER.
    ///
    /// # Errors
    /// [`OcspError`]: too large, broken, another type, or no answer at all.
    pub fn parse(der: &'a [u8]) -> Result<Response<'a>, OcspError> {
        if der.len() > RESPONSE_BYTES_MAX {
            return Err(OcspError::TooLarge { what: "response", bytes: der.len(), max: RESPONSE_BYTES_MAX });
        }
        let mut basic = basic(der)?.reader();
        let tbs = basic.expect(tlv::SEQUENCE, "tbsResponseData")?;
        let algorithm = basic.expect(tlv::SEQUENCE, "signatureAlgorithm")?;
        let signature = basic.expect(tlv::BIT_STRING, "signature")?;
        let certificates = basic.optional(0xa0, "certs")?;
        basic.finish("BasicOCSPResponse")?;
        let (signature, unused) = tlv::bit_string(signature, "signature")?;
        if unused != 0 {
            return Err(malformed("signature", Problem::Value));
        }
        let data = Data::read(tbs.reader())?;
        Ok(Response {
            tbs: tbs.whole,
            algorithm_oid: tlv::oid(
                algorithm.reader().expect(tlv::OID, "signatureAlgorithm")?,
                "signatureAlgorithm",
            )?,
            signature,
            certificates: certificates.map(certificates_of).transpose()?.unwrap_or_default(),
            responder: data.responder,
            produced_at: data.produced_at,
            answers: data.answers,
            nonce: data.nonce,
        })
    }

    /// Who says that it made it.
    pub fn responder(&self) -> &ResponderId {
        &self.responder
    }

    /// When it was signed.
    pub fn produced_at(&self) -> Timestamp {
        self.produced_at
    }

    /// What it says, about 1 to [`ANSWERS_MAX`] certificates.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The nonce, where it has one.
    pub fn nonce(&self) -> Option<&Nonce> {
        self.nonce.as_ref()
    }
}

impl std::fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("responder", &self.responder)
            .field("produced_at", &self.produced_at)
            .field("answers", &self.answers)
            .finish_non_exhaustive()
    }
}

/// The BasicOCSPResponse inside an OCSPResponse that says "successful".
fn basic(der: &[u8]) -> Result<tlv::Tlv<'_>, OcspError> {
    const ENUMERATED: u8 = 0x0a;
    let mut reader = tlv::sole(der, tlv::SEQUENCE, "OCSPResponse")?.reader();
    let status = reader.expect(ENUMERATED, "responseStatus")?;
    let bytes = reader.optional(0xa0, "responseBytes")?;
    reader.finish("OCSPResponse")?;
    match status.content {
        [0] => {}
        [code @ 1..=0x7f] => return Err(OcspError::Unsuccessful(Unsuccessful::of_code(*code))),
        _ => return Err(malformed("responseStatus", Problem::Value)),
    }
    let bytes = bytes.ok_or(malformed("responseBytes", Problem::Truncated))?;
    let mut bytes = tlv::sole(bytes.content, tlv::SEQUENCE, "responseBytes")?.reader();
    let oid = tlv::oid(bytes.expect(tlv::OID, "responseType")?, "responseType")?;
    let response = bytes.expect(tlv::OCTET_STRING, "response")?;
    bytes.finish("responseBytes")?;
    if oid != BASIC {
        return Err(OcspError::NotBasic { oid });
    }
    Ok(tlv::sole(response.content, tlv::SEQUENCE, "BasicOCSPResponse")?)
}

/// id-pkix-ocsp-basic.
const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";

/// `[0] EXPLICIT SEQUENCE OF Certificate`, each with its DER.
fn certificates_of(tagged: tlv::Tlv<'_>) -> Result<Vec<&[u8]>, OcspError> {
    let mut reader = tlv::sole(tagged.content, tlv::SEQUENCE, "certs")?.reader();
    let mut certificates = Vec::new();
    while !reader.is_empty() {
        if certificates.len() >= CERTIFICATES_MAX {
            return Err(OcspError::TooMany { what: "certificates", max: CERTIFICATES_MAX });
        }
        certificates.push(reader.expect(tlv::SEQUENCE, "certs")?.whole);
    }
    Ok(certificates)
}

/// A ResponseData.
struct Data {
    responder: ResponderId,
    produced_at: Timestamp,
    answers: Vec<Answer>,
    nonce: Option<Nonce>,
}

impl Data {
    fn read(mut reader: Reader<'_>) -> Result<Data, OcspError> {
        if let Some(version) = reader.optional(0xa0, "tbsResponseData.version")? {
            version_1(version, "tbsResponseData.version")?;
        }
        let responder = ResponderId::read(reader.any("responderID")?)?;
        let produced_at = moment(&mut reader, "producedAt")?;
        let answers = answers(reader.expect(tlv::SEQUENCE, "responses")?)?;
        let nonce = match reader.optional(0xa1, "responseExtensions")? {
            Some(tagged) => extensions::read(tagged, "responseExtensions")?,
            None => None,
        };
        reader.finish("tbsResponseData")?;
        Ok(Data { responder, produced_at, answers, nonce })
    }
}

fn answers(list: tlv::Tlv<'_>) -> Result<Vec<Answer>, OcspError> {
    let mut reader = list.reader();
    let mut answers = Vec::new();
    while !reader.is_empty() {
        if answers.len() >= ANSWERS_MAX {
            return Err(OcspError::TooMany { what: "single responses", max: ANSWERS_MAX });
        }
        answers.push(answer(reader.expect(tlv::SEQUENCE, "singleResponse")?.reader())?);
    }
    if answers.is_empty() { Err(malformed("responses", Problem::Truncated)) } else { Ok(answers) }
}

fn answer(mut reader: Reader<'_>) -> Result<Answer, OcspError> {
    let id = CertId::read(reader.expect(tlv::SEQUENCE, "certID")?)?;
    let status = status(reader.any("certStatus")?)?;
    let this_update = moment(&mut reader, "thisUpdate")?;
    let next_update = match reader.optional(0xa0, "nextUpdate")? {
        Some(tagged) => {
            let mut inner = tagged.reader();
            let moment = moment(&mut inner, "nextUpdate")?;
            inner.finish("nextUpdate")?;
            Some(moment)
        }
        None => None,
    };
    if let Some(tagged) = reader.optional(0xa1, "singleExtensions")? {
        extensions::refuse_critical(tagged, "singleExtensions")?;
    }
    reader.finish("singleResponse")?;
    if next_update.is_some_and(|next| next < this_update) {
        return Err(malformed("nextUpdate", Problem::Value));
    }
    Ok(Answer { id, status, this_update, next_update })
}

fn status(choice: tlv::Tlv<'_>) -> Result<Status, OcspError> {
    const FIELD: &str = "certStatus";
    match choice.tag {
        0x80 if choice.content.is_empty() => Ok(Status::Good),
        0x82 if choice.content.is_empty() => Ok(Status::Unknown),
        0x80 | 0x82 => Err(malformed(FIELD, Problem::Value)),
        0xa1 => {
            let mut revoked = choice.reader();
            let at = moment(&mut revoked, "revocationTime")?;
            let reason = match revoked.optional(0xa0, "revocationReason")? {
                Some(tagged) => {
                    let code = tlv::sole(tagged.content, 0x0a, "revocationReason")?;
                    Reason::of_code(tlv::small_integer(code, "revocationReason")?)
                }
                None => Reason::Unspecified,
            };
            revoked.finish(FIELD)?;
            Ok(Status::Revoked { at, reason })
        }
        tag => Err(malformed(FIELD, Problem::UnexpectedTag(tag))),
    }
}

/// GeneralizedTime, to the second and in UTC (RFC 6960 §4.2.2.1).
fn moment(reader: &mut Reader<'_>, field: &'static str) -> Result<Timestamp, OcspError> {
    Ok(tlv::time(reader.expect(tlv::GENERALIZED_TIME, field)?, field)?)
}

fn malformed(field: &'static str, problem: Problem) -> OcspError {
    OcspError::Malformed { field, problem }
}
