//! crlExtensions: the number, the issuer's key, and everything that limits what a list says.

use super::{CrlError, CrlNumber, Scope};
use crate::cert::{Extension, PointName, Problem, full_names, tlv};
use crate::ids::KeyId;

const FIELD: &str = "tbsCertList.crlExtensions";
const POINT: &str = "issuingDistributionPoint";
/// RFC 5280 §5.2.3.
const NUMBER_OCTETS_MAX: usize = 20;

pub(super) const INDIRECT: CrlError = CrlError::Partial {
    why: "it is indirect: it lists certificates of other CAs",
    hint: "use the CRL that each CA signs for itself",
};
const DELTA: CrlError = CrlError::Partial {
    why: "it is a delta: it lists only what changed since another one",
    hint: "use the complete CRL of the same CA",
};
const RELATIVE: CrlError = CrlError::Partial {
    why: "it is limited to a distribution point whose name is relative to the issuer's, which is not supported",
    hint: "publish a CRL whose issuingDistributionPoint has a full name (openssl: 'fullname=URI:…'), or none",
};
const OF_REASONS: CrlError = CrlError::Partial {
    why: "it is limited to some reasons, or to attribute certificates",
    hint: "use the CA's complete CRL",
};

/// What a list says about itself.
pub(super) struct Extensions {
    pub(super) number: Option<CrlNumber>,
    pub(super) authority_key_id: Option<KeyId>,
    pub(super) scope: Scope,
    pub(super) points: Vec<PointName>,
}

impl Extensions {
    /// What a list says that has no extensions.
    pub(super) const NONE: Extensions =
        Extensions { number: None, authority_key_id: None, scope: Scope::All, points: Vec::new() };
}

impl Extensions {
    /// Reads `[0] EXPLICIT SEQUENCE OF Extension`.
    pub(super) fn read(tagged: tlv::Tlv<'_>) -> Result<Extensions, CrlError> {
        let mut found = Extensions::NONE;
        let mut seen: Vec<String> = Vec::new();
        let mut reader = tlv::sole(tagged.content, tlv::SEQUENCE, FIELD)?.reader();
        while !reader.is_empty() {
            let extension = Extension::read(&mut reader, FIELD)?;
            if seen.contains(&extension.oid) || seen.len() >= EXTENSIONS_MAX {
                return Err(CrlError::Malformed { field: FIELD, problem: Problem::Repeated });
            }
            found.take(&extension)?;
            seen.push(extension.oid);
        }
        Ok(found)
    }

    fn take(&mut self, extension: &Extension<'_>) -> Result<(), CrlError> {
        match extension.oid.as_str() {
            "2.5.29.20" => self.number = Some(number(extension.value)?),
            "2.5.29.27" => return Err(DELTA),
            "2.5.29.28" => (self.scope, self.points) = scope(extension.value)?,
            "2.5.29.35" => self.authority_key_id = authority_key_id(extension.value)?,
            _ if !extension.critical => {}
            oid => return Err(CrlError::CriticalExtension { oid: oid.to_owned() }),
        }
        Ok(())
    }
}

/// Far more than any list has; it keeps the look for repeated ones cheap.
const EXTENSIONS_MAX: usize = 64;

fn number(value: &[u8]) -> Result<CrlNumber, CrlError> {
    const FIELD: &str = "cRLNumber";
    let content = tlv::sole(value, tlv::INTEGER, FIELD)?.content;
    let first = content.iter().position(|octet| *octet != 0).unwrap_or(content.len());
    let negative = content.first().is_none_or(|octet| octet & 0x80 != 0);
    if negative || content.len() - first > NUMBER_OCTETS_MAX {
        return Err(CrlError::Malformed { field: FIELD, problem: Problem::Value });
    }
    Ok(CrlNumber(content[first..].to_vec()))
}

fn authority_key_id(value: &[u8]) -> Result<Option<KeyId>, CrlError> {
    const FIELD: &str = "authorityKeyIdentifier";
    let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    Ok(reader.optional(0x80, FIELD)?.map(|id| KeyId::from_bytes(id.content)))
}

/// RFC 5280 §5.2.5. A limit to leaves, to CA certificates or to named points can be honoured; every other one is an error.
fn scope(value: &[u8]) -> Result<(Scope, Vec<PointName>), CrlError> {
    let mut reader = tlv::sole(value, tlv::SEQUENCE, POINT)?.reader();
    let points = match reader.optional(0xa0, POINT)? {
        Some(name) => full_names(name, POINT)?.ok_or(RELATIVE)?,
        None => Vec::new(),
    };
    let mut flag = |tag: u8| -> Result<bool, CrlError> {
        Ok(reader.optional(tag, POINT)?.map(|flag| tlv::boolean(flag, POINT)).transpose()?.unwrap_or(false))
    };
    let (leaves, authorities) = (flag(0x81)?, flag(0x82)?);
    let some_reasons = reader.optional(0x83, POINT)?.is_some();
    let mut flag = |tag: u8| -> Result<bool, CrlError> {
        Ok(reader.optional(tag, POINT)?.map(|flag| tlv::boolean(flag, POINT)).transpose()?.unwrap_or(false))
    };
    let (indirect, attributes) = (flag(0x84)?, flag(0x85)?);
    reader.finish(POINT)?;
    match (leaves, authorities) {
        _ if indirect => Err(INDIRECT),
        _ if some_reasons || attributes => Err(OF_REASONS),
        (false, false) => Ok((Scope::All, points)),
        (true, false) => Ok((Scope::Leaves, points)),
        (false, true) => Ok((Scope::Authorities, points)),
        // At most one of them may be TRUE.
        (true, true) => Err(CrlError::Malformed { field: POINT, problem: Problem::Value }),
    }
}
