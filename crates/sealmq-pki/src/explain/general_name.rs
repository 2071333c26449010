//! GeneralName (RFC 5280 §4.2.1.6) as name constraints compare them.

use super::names::CanonicalName;
use crate::cert::{DistinguishedName, ParseError, tlv};

/// One name, or the base of a constraint on names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GeneralName {
    Email(String),
    Dns(String),
    Uri(String),
    Directory(CanonicalName),
    /// The octets: an address, or an address and a mask.
    Ip(Vec<u8>),
    /// A kind that nobody compares (its context tag number), or content that is not what its kind demands.
    Other(u8),
}

impl GeneralName {
    /// The number of its kind (RFC 5280's context tag).
    pub(super) fn kind(&self) -> u8 {
        match self {
            GeneralName::Email(_) => 1,
            GeneralName::Dns(_) => 2,
            GeneralName::Directory(_) => 4,
            GeneralName::Uri(_) => 6,
            GeneralName::Ip(_) => 7,
            GeneralName::Other(kind) => *kind,
        }
    }

    pub(super) fn of(name: tlv::Tlv<'_>) -> GeneralName {
        let text = || std::str::from_utf8(name.content).ok().filter(|t| t.is_ascii()).map(str::to_owned);
        let read = match name.tag {
            0x81 => text().map(GeneralName::Email),
            0x82 => text().map(GeneralName::Dns),
            0x86 => text().map(GeneralName::Uri),
            0x87 => Some(GeneralName::Ip(name.content.to_vec())),
            0xa4 => directory(name.content).ok().map(GeneralName::Directory),
            _ => None,
        };
        read.unwrap_or(GeneralName::Other(name.tag & 0x1f))
    }
}

fn directory(content: &[u8]) -> Result<CanonicalName, ParseError> {
    const FIELD: &str = "directoryName";
    let name = DistinguishedName::parse(tlv::sole(content, tlv::SEQUENCE, FIELD)?, FIELD)?;
    Ok(CanonicalName::of(&name))
}

/// A SEQUENCE OF GeneralName.
pub(super) fn sequence(value: &[u8], field: &'static str) -> Result<Vec<GeneralName>, ParseError> {
    let mut reader = tlv::sole(value, tlv::SEQUENCE, field)?.reader();
    let mut names = Vec::new();
    while !reader.is_empty() {
        names.push(GeneralName::of(reader.any(field)?));
    }
    Ok(names)
}
