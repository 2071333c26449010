//! The attributes of a request, and the extensions that one of them asks for (RFC 2985 §5.4.2).

use super::{CsrError, LIST_MAX};
use crate::cert::ext;
use crate::cert::{
    AltName, BasicConstraints, ExtKeyUsage, Extension, KeyUsage, ParseError, Problem, Reader, tlv,
};

/// id-ExtensionReq, and Microsoft's older number for the same.
const EXTENSION_REQUEST: &str = "1.2.840.113549.1.9.14";
const MICROSOFT_EXTENSION_REQUEST: &str = "1.3.6.1.4.1.311.2.1.14";

const FIELD: &str = "certificationRequestInfo.attributes";
const EXTENSIONS: &str = "extensionRequest";

/// One extension that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Its OID, in dots.
    pub oid: String,
    /// Whether it is to be critical.
    pub critical: bool,
    /// What it is to say.
    pub value: RequestedValue,
}

/// The content of a requested extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedValue {
    /// subjectAltName.
    AltNames(Vec<AltName>),
    /// keyUsage.
    KeyUsage(KeyUsage),
    /// extKeyUsage.
    ExtKeyUsage(Vec<ExtKeyUsage>),
    /// basicConstraints.
    BasicConstraints(BasicConstraints),
    /// Another one: the octets of its value.
    Other(Vec<u8>),
}

#[derive(Default)]
pub(super) struct Attributes {
    pub(super) requested: Vec<Requested>,
    pub(super) oids: Vec<String>,
}

/// Reads the `[0] IMPLICIT SET OF Attribute`. DER would sort the set; OpenSSL does not insist, and no two readers can
/// differ on what is in it.
pub(super) fn read(set: tlv::Tlv<'_>) -> Result<Attributes, CsrError> {
    let mut found = Attributes::default();
    let mut reader = set.reader();
    let mut asked = false;
    while !reader.is_empty() {
        let mut attribute = reader.expect(tlv::SEQUENCE, FIELD)?.reader();
        let oid = tlv::oid(attribute.expect(tlv::OID, FIELD)?, FIELD)?;
        let values = attribute.expect(tlv::SET, FIELD)?;
        attribute.finish(FIELD)?;
        if found.oids.contains(&oid) {
            return Err(CsrError::Repeated { oid });
        }
        if found.oids.len() == LIST_MAX {
            return Err(CsrError::TooMany { what: "attributes", max: LIST_MAX });
        }
        if matches!(oid.as_str(), EXTENSION_REQUEST | MICROSOFT_EXTENSION_REQUEST) {
            // Under two numbers it is still one thing that stands twice.
            if std::mem::replace(&mut asked, true) {
                return Err(CsrError::Repeated { oid });
            }
            found.requested = extensions(sole_value(values)?)?;
        }
        found.oids.push(oid);
    }
    Ok(found)
}

/// RFC 2985 §5.4.2: SINGLE VALUE TRUE.
fn sole_value(values: tlv::Tlv<'_>) -> Result<tlv::Tlv<'_>, ParseError> {
    let mut reader = values.reader();
    let value = reader.expect(tlv::SEQUENCE, EXTENSIONS)?;
    reader.finish(EXTENSIONS)?;
    Ok(value)
}

fn extensions(list: tlv::Tlv<'_>) -> Result<Vec<Requested>, CsrError> {
    let mut found: Vec<Requested> = Vec::new();
    let mut reader: Reader<'_> = list.reader();
    while !reader.is_empty() {
        let Extension { oid, critical, value } = Extension::read(&mut reader, EXTENSIONS)?;
        if found.iter().any(|other| other.oid == oid) {
            return Err(CsrError::Repeated { oid });
        }
        if found.len() == LIST_MAX {
            return Err(CsrError::TooMany { what: "requested extensions", max: LIST_MAX });
        }
        let value = content(&oid, value)?;
        found.push(Requested { oid, critical, value });
    }
    Ok(found)
}

fn content(oid: &str, value: &[u8]) -> Result<RequestedValue, CsrError> {
    Ok(match oid {
        "2.5.29.15" => RequestedValue::KeyUsage(ext::key_usage(value)?),
        "2.5.29.17" => RequestedValue::AltNames(alt_names(value)?),
        "2.5.29.19" => RequestedValue::BasicConstraints(ext::basic_constraints(value)?),
        "2.5.29.37" => RequestedValue::ExtKeyUsage(purposes(value)?),
        _ => RequestedValue::Other(value.to_vec()),
    })
}

fn alt_names(value: &[u8]) -> Result<Vec<AltName>, CsrError> {
    let names = ext::alt_names(value)?;
    match names.len() {
        // RFC 5280 §4.2.1.6: GeneralNames has at least one.
        0 => Err(CsrError::Malformed { field: "subjectAltName", problem: Problem::Length }),
        1..=LIST_MAX => Ok(names),
        _ => Err(CsrError::TooMany { what: "names in subjectAltName", max: LIST_MAX }),
    }
}

fn purposes(value: &[u8]) -> Result<Vec<ExtKeyUsage>, CsrError> {
    let purposes = ext::ext_key_usage(value)?;
    match purposes.len() {
        0 => Err(CsrError::Malformed { field: "extKeyUsage", problem: Problem::Length }),
        1..=LIST_MAX => Ok(purposes),
        _ => Err(CsrError::TooMany { what: "purposes in extKeyUsage", max: LIST_MAX }),
    }
}
