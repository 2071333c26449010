//! Distribution points of revocation lists: their names in a certificate (RFC 5280 §4.2.1.13) and in a list (§5.2.5).
//!
//! A list that names a point is about the certificates that name the same one, and about no other (§6.3.3 (b)(2)(i)).
//! Names are compared as bytes: whoever writes the same address in two ways has named two points, and is refused.

use super::tlv::{self, ParseError, Problem, Tlv};

/// A GeneralName by which a certificate and a list name the same point, DER.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointName(Vec<u8>);

/// The points at which a certificate's issuer publishes all reasons itself. One that is limited to some reasons, that
/// another issuer publishes, or that cannot be read is none: a list that names it does not count for this certificate.
pub(super) fn of_certificate(value: &[u8]) -> Vec<PointName> {
    read_all(value).unwrap_or_default()
}

fn read_all(value: &[u8]) -> Result<Vec<PointName>, ParseError> {
    const FIELD: &str = "cRLDistributionPoints";
    let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    let mut names = Vec::new();
    while !reader.is_empty() {
        let mut point = reader.expect(tlv::SEQUENCE, FIELD)?.reader();
        let name = point.optional(0xa0, FIELD)?;
        let reasons = point.optional(0x81, FIELD)?;
        let issuer = point.optional(0xa2, FIELD)?;
        point.finish(FIELD)?;
        if let (Some(name), None, None) = (name, reasons, issuer) {
            names.extend(full_names(name, FIELD)?.unwrap_or_default());
        }
    }
    Ok(names)
}

/// What a DistributionPointName (in its explicit tag) says; `None`: nameRelativeToCRLIssuer, which nobody writes.
pub(crate) fn full_names(name: Tlv<'_>, field: &'static str) -> Result<Option<Vec<PointName>>, ParseError> {
    let mut reader = name.reader();
    let choice = reader.any(field)?;
    reader.finish(field)?;
    if choice.tag != 0xa0 {
        return Ok(None);
    }
    let mut names = Vec::new();
    let mut reader = choice.reader();
    while !reader.is_empty() {
        names.push(PointName(reader.any(field)?.whole.to_vec()));
    }
    if names.is_empty() {
        // SIZE (1..MAX): no name at all must not read as "every point".
        return Err(ParseError { field, problem: Problem::Length });
    }
    Ok(Some(names))
}
