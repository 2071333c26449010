//! A request: which certificates, and the nonce that the answer must repeat.

use der::Encode;

use super::{CertId, Nonce, OcspError, REQUEST_BYTES_MAX, REQUESTED_MAX, asn1, extensions};
use crate::cert::{Problem, tlv};

/// A question about one or more certificates.
///
/// A signature on a request is read over: who asks is nobody's secret here, and no answer depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The certificates that it asks about: 1 to [`REQUESTED_MAX`] where it was read.
    pub ids: Vec<CertId>,
    /// What the answer must repeat.
    pub nonce: Option<Nonce>,
}

impl Request {
    /// Reads the body of a POST, or what a GET carries in base64.
    ///
    /// # Errors
    /// [`OcspError`]: a responder answers it with [`malformedRequest`](super::Unsuccessful::MalformedRequest).
    pub fn parse(der: &[u8]) -> Result<Request, OcspError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(OcspError::TooLarge { what: "request", bytes: der.len(), max: REQUEST_BYTES_MAX });
        }
        let mut request = tlv::sole(der, tlv::SEQUENCE, "OCSPRequest")?.reader();
        let mut tbs = request.expect(tlv::SEQUENCE, "tbsRequest")?.reader();
        request.optional(0xa0, "optionalSignature")?;
        request.finish("OCSPRequest")?;
        if let Some(version) = tbs.optional(0xa0, "tbsRequest.version")? {
            version_1(version, "tbsRequest.version")?;
        }
        tbs.optional(0xa1, "tbsRequest.requestorName")?;
        let ids = ids(tbs.expect(tlv::SEQUENCE, "tbsRequest.requestList")?)?;
        let nonce = match tbs.optional(0xa2, "tbsRequest.requestExtensions")? {
            Some(tagged) => extensions::read(tagged, "tbsRequest.requestExtensions")?,
            None => None,
        };
        tbs.finish("tbsRequest")?;
        Ok(Request { ids, nonce })
    }

    /// Its DER, unsigned: the body of a POST of type `application/ocsp-request`.
    pub fn to_der(&self) -> Vec<u8> {
        let single = |id: &CertId| asn1::SingleRequest {
            req_cert: asn1::raw(id.der()).expect("a CertId's DER was read or written by us"),
        };
        let request = asn1::OcspRequest {
            tbs_request: asn1::TbsRequest {
                request_list: self.ids.iter().map(single).collect(),
                request_extensions: asn1::with_nonce(self.nonce.as_ref()).expect("a nonce is short"),
            },
        };
        request.to_der().expect("a list of short values")
    }
}

fn ids(list: tlv::Tlv<'_>) -> Result<Vec<CertId>, OcspError> {
    const FIELD: &str = "tbsRequest.requestList";
    let mut reader = list.reader();
    let mut ids = Vec::new();
    while !reader.is_empty() {
        if ids.len() >= REQUESTED_MAX {
            return Err(OcspError::TooMany { what: "certificates to ask about", max: REQUESTED_MAX });
        }
        let mut single = reader.expect(tlv::SEQUENCE, FIELD)?.reader();
        ids.push(CertId::read(single.expect(tlv::SEQUENCE, "reqCert")?)?);
        if let Some(tagged) = single.optional(0xa0, "singleRequestExtensions")? {
            extensions::refuse_critical(tagged, "singleRequestExtensions")?;
        }
        single.finish(FIELD)?;
    }
    if ids.is_empty() {
        return Err(OcspError::Malformed { field: FIELD, problem: Problem::Value });
    }
    Ok(ids)
}

/// `[0] EXPLICIT INTEGER`, which is 0 in every message there is; DER leaves the default out, and some write it.
pub(super) fn version_1(tagged: tlv::Tlv<'_>, field: &'static str) -> Result<(), OcspError> {
    match tlv::small_integer(tlv::sole(tagged.content, tlv::INTEGER, field)?, field)? {
        0 => Ok(()),
        _ => Err(OcspError::Malformed { field, problem: Problem::Value }),
    }
}
