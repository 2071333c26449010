//! Making an answer: put together here, signed wherever the key is, assembled here.

use std::time::Duration;

use der::Encode;
use der::asn1::{BitString, GeneralizedTime, Null, OctetString};
use thiserror::Error;

use super::{ANSWERS_MAX, Answer, CERTIFICATES_MAX, Nonce, ResponderId, Status, asn1};
use crate::cert::{SignedBy, verify_signature};
use crate::crl::Reason;
use crate::issue::Certificate;
use crate::key::{SignError, SignatureAlgorithm, Signer, algorithm_identifier};
use crate::time::Timestamp;

/// What an answer is to say, before it is signed.
///
/// RFC 6960 §4.2.2.1 wants `this_update` of what the status was taken from, and `next_update` where a next one will be
/// made; a pre-signed answer carries no nonce.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who answers.
    pub responder: ResponderId,
    /// When it is signed.
    pub produced_at: Timestamp,
    /// About whom: 1 to [`ANSWERS_MAX`].
    pub answers: Vec<Answer>,
    /// The request's nonce.
    pub nonce: Option<Nonce>,
}

/// A ResponseData, DER: what is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tbs(Vec<u8>);

/// Why an answer was not made.
#[derive(Debug, Error)]
pub enum DraftError {
    /// About nobody, or about too many.
    #[error("an OCSP response speaks about 1 to {ANSWERS_MAX} certificates, not {0}")]
    Answers(usize),
    /// More certificates than a reader takes.
    #[error("an OCSP response carries at most {CERTIFICATES_MAX} certificates, not {0}")]
    Certificates(usize),
    /// It would end before it begins.
    #[error("the OCSP response would end ({next}) before it begins ({this})")]
    EndsBeforeItBegins {
        /// thisUpdate.
        this: Timestamp,
        /// nextUpdate.
        next: Timestamp,
    },
    /// The key failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The key made a wrong signature.
    #[error(
        "the OCSP signer's key made a signature that does not verify\nhint: do not use this key: its token or memory is faulty"
    )]
    BadSignature,
    /// A part cannot be written as DER.
    #[error("the OCSP response cannot be encoded: {reason}")]
    Encoding {
        /// What the encoder says.
        reason: String,
    },
}

impl Draft {
    /// The bytes to sign.
    ///
    /// # Errors
    /// No or too many answers, an end before its beginning, a moment before 1970.
    pub fn finalize(&self) -> Result<Tbs, DraftError> {
        if !(1..=ANSWERS_MAX).contains(&self.answers.len()) {
            return Err(DraftError::Answers(self.answers.len()));
        }
        let data = asn1::ResponseData {
            responder_id: match &self.responder {
                ResponderId::Name(name) => {
                    asn1::ResponderId::ByName(asn1::raw(name.der()).map_err(encoding)?)
                }
                ResponderId::KeyHash(hash) => {
                    asn1::ResponderId::ByKey(OctetString::new(*hash).map_err(encoding)?)
                }
            },
            produced_at: moment(self.produced_at)?,
            responses: self.answers.iter().map(single).collect::<Result<_, _>>()?,
            response_extensions: asn1::with_nonce(self.nonce.as_ref()).map_err(encoding)?,
        };
        Ok(Tbs(data.to_der().map_err(encoding)?))
    }

    /// The whole answer, signed by a key that is here, with the certificates that prove the signer's right: none where
    /// the issuer's own key signs, else the responder's. The signature is checked, as when a certificate is issued.
    ///
    /// # Errors
    /// [`DraftError`].
    pub fn sign(&self, signer: &dyn Signer, certificates: &[&Certificate]) -> Result<Vec<u8>, DraftError> {
        let tbs = self.finalize()?;
        let signature = signer.sign(tbs.as_bytes())?;
        let algorithm = signer.algorithm();
        let (key, oid) = (signer.public_key().spki_der(), algorithm_identifier(algorithm).oid.to_string());
        match verify_signature(key, &oid, tbs.as_bytes(), &signature) {
            Ok(SignedBy::Yes) => tbs.assemble(algorithm, &signature, certificates),
            Ok(SignedBy::No | SignedBy::Unverifiable) | Err(_) => Err(DraftError::BadSignature),
        }
    }
}

impl Tbs {
    /// What a [`Signer`] is given.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The OCSPResponse, DER: the body of type `application/ocsp-response`, and what is stapled.
    ///
    /// # Errors
    /// More than [`CERTIFICATES_MAX`] certificates.
    pub fn assemble(
        self,
        algorithm: SignatureAlgorithm,
        signature: &[u8],
        certificates: &[&Certificate],
    ) -> Result<Vec<u8>, DraftError> {
        if certificates.len() > CERTIFICATES_MAX {
            return Err(DraftError::Certificates(certificates.len()));
        }
        let certs: Vec<_> =
            certificates.iter().map(|c| asn1::raw(c.der())).collect::<Result<_, _>>().map_err(encoding)?;
        let basic = asn1::BasicOcspResponse {
            tbs_response_data: asn1::raw(&self.0).map_err(encoding)?,
            signature_algorithm: algorithm_identifier(algorithm),
            signature: BitString::from_bytes(signature).map_err(encoding)?,
            certs: (!certs.is_empty()).then_some(certs),
        };
        let response = asn1::OcspResponse {
            response_status: asn1::ResponseStatus::Successful,
            response_bytes: Some(asn1::ResponseBytes {
                response_type: asn1::BASIC,
                response: OctetString::new(basic.to_der().map_err(encoding)?).map_err(encoding)?,
            }),
        };
        response.to_der().map_err(encoding)
    }
}

fn single(answer: &Answer) -> Result<asn1::SingleResponse, DraftError> {
    if let Some(next) = answer.next_update.filter(|next| *next < answer.this_update) {
        return Err(DraftError::EndsBeforeItBegins { this: answer.this_update, next });
    }
    Ok(asn1::SingleResponse {
        cert_id: asn1::raw(answer.id.der()).map_err(encoding)?,
        cert_status: match answer.status {
            Status::Good => asn1::CertStatus::Good(Null),
            Status::Unknown => asn1::CertStatus::Unknown(Null),
            Status::Revoked { at, reason } => asn1::CertStatus::Revoked(asn1::RevokedInfo {
                revocation_time: moment(at)?,
                revocation_reason: code(reason),
            }),
        },
        this_update: moment(answer.this_update)?,
        next_update: answer.next_update.map(moment).transpose()?,
    })
}

/// `unspecified` is left out (RFC 5280 §5.3.1), and so is what has no number of its own.
const fn code(reason: Reason) -> Option<asn1::CrlReason> {
    match reason {
        Reason::Unspecified | Reason::Other => None,
        Reason::KeyCompromise => Some(asn1::CrlReason::KeyCompromise),
        Reason::AuthorityCompromise => Some(asn1::CrlReason::CaCompromise),
        Reason::AffiliationChanged => Some(asn1::CrlReason::AffiliationChanged),
        Reason::Superseded => Some(asn1::CrlReason::Superseded),
        Reason::CessationOfOperation => Some(asn1::CrlReason::CessationOfOperation),
        Reason::CertificateHold => Some(asn1::CrlReason::CertificateHold),
        Reason::RemoveFromCrl => Some(asn1::CrlReason::RemoveFromCrl),
        Reason::PrivilegeWithdrawn => Some(asn1::CrlReason::PrivilegeWithdrawn),
    }
}

fn moment(at: Timestamp) -> Result<GeneralizedTime, DraftError> {
    let secs = u64::try_from(at.as_secs())
        .map_err(|_| DraftError::Encoding { reason: format!("{at} lies before 1970") })?;
    GeneralizedTime::from_unix_duration(Duration::from_secs(secs)).map_err(encoding)
}

fn encoding(error: der::Error) -> DraftError {
    DraftError::Encoding { reason: error.to_string() }
}
