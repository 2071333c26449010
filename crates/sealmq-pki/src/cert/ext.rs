//! The extensions an explanation needs; the others are remembered by OID, and whether they are critical.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::points::{self, PointName};
use super::tlv::{self, ParseError, Problem, Reader, Tlv};
use crate::ids::KeyId;

/// One entry of a SubjectAltName. Displays as `DNS:localhost`, `IP:127.0.0.1`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AltName {
    /// dNSName.
    Dns(String),
    /// iPAddress.
    Ip(IpAddr),
    /// uniformResourceIdentifier.
    Uri(String),
    /// rfc822Name.
    Email(String),
    /// A kind we do not read (its context tag number), or one whose content is not what its kind demands.
    Other(u8),
}

/// BasicConstraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// CA:TRUE.
    pub ca: bool,
    /// How many CA certificates may follow below this one.
    pub path_len: Option<u32>,
}

/// The bits of KeyUsage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage(u16);

/// One bit of KeyUsage (RFC 5280 §4.2.1.3); the value is its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum KeyUsageBit {
    DigitalSignature = 0,
    NonRepudiation = 1,
    KeyEncipherment = 2,
    DataEncipherment = 3,
    KeyAgreement = 4,
    KeyCertSign = 5,
    CrlSign = 6,
    EncipherOnly = 7,
    DecipherOnly = 8,
}

/// One purpose of ExtendedKeyUsage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtKeyUsage {
    /// anyExtendedKeyUsage.
    Any,
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
    /// Another one, by its OID.
    Other(String),
}

/// What the extensions of one certificate say.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) alt_names: Vec<AltName>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) ext_key_usage: Option<Vec<ExtKeyUsage>>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) subject_key_id: Option<KeyId>,
    pub(crate) authority_key_id: Option<KeyId>,
    pub(crate) crl_points: Vec<PointName>,
    pub(crate) critical: Vec<String>,
    pub(crate) all: Vec<String>,
}

impl KeyUsage {
    /// Whether this bit is set.
    pub fn has(self, bit: KeyUsageBit) -> bool {
        self.0 & (1 << bit as u16) != 0
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = ALL_BITS.iter().filter(|bit| self.has(**bit));
        f.debug_set().entries(set).finish()
    }
}

const ALL_BITS: [KeyUsageBit; 9] = [
    KeyUsageBit::DigitalSignature,
    KeyUsageBit::NonRepudiation,
    KeyUsageBit::KeyEncipherment,
    KeyUsageBit::DataEncipherment,
    KeyUsageBit::KeyAgreement,
    KeyUsageBit::KeyCertSign,
    KeyUsageBit::CrlSign,
    KeyUsageBit::EncipherOnly,
    KeyUsageBit::DecipherOnly,
];

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AltName::Dns(name) => write!(f, "DNS:{}", name.escape_debug()),
            AltName::Ip(address) => write!(f, "IP:{address}"),
            AltName::Uri(uri) => write!(f, "URI:{}", uri.escape_debug()),
            AltName::Email(address) => write!(f, "email:{}", address.escape_debug()),
            AltName::Other(kind) => write!(f, "unreadable name of kind {kind}"),
        }
    }
}

const FIELD: &str = "tbsCertificate.extensions";

/// One extension, of a certificate, a revocation list, an entry of one, or an OCSP message.
pub(crate) struct Extension<'a> {
    pub(crate) oid: String,
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Extension<'a>, ParseError> {
        let mut extension = reader.expect(tlv::SEQUENCE, field)?.reader();
        let oid = tlv::oid(extension.expect(tlv::OID, field)?, field)?;
        let critical = extension.optional(tlv::BOOLEAN, field)?;
        let critical = critical.map(|c| tlv::boolean(c, field)).transpose()?.unwrap_or(false);
        let value = extension.expect(tlv::OCTET_STRING, field)?.content;
        extension.finish(field)?;
        Ok(Extension { oid, critical, value })
    }
}

/// Reads the SEQUENCE OF Extension.
pub(crate) fn parse(list: Tlv<'_>) -> Result<Extensions, ParseError> {
    let mut found = Extensions::default();
    let mut reader = list.reader();
    while !reader.is_empty() {
        let Extension { oid, critical, value } = Extension::read(&mut reader, FIELD)?;
        if found.all.contains(&oid) {
            return Err(ParseError { field: FIELD, problem: Problem::Repeated });
        }
        read_known(&mut found, &oid, value)?;
        if critical {
            found.critical.push(oid.clone());
        }
        found.all.push(oid);
    }
    Ok(found)
}

fn read_known(found: &mut Extensions, oid: &str, value: &[u8]) -> Result<(), ParseError> {
    match oid {
        "2.5.29.14" => found.subject_key_id = Some(subject_key_id(value)?),
        "2.5.29.15" => found.key_usage = Some(key_usage(value)?),
        "2.5.29.17" => found.alt_names = alt_names(value)?,
        "2.5.29.19" => found.basic_constraints = Some(basic_constraints(value)?),
        "2.5.29.31" => found.crl_points = points::of_certificate(value),
        "2.5.29.35" => found.authority_key_id = authority_key_id(value)?,
        "2.5.29.37" => found.ext_key_usage = Some(ext_key_usage(value)?),
        _ => {}
    }
    Ok(())
}

fn subject_key_id(value: &[u8]) -> Result<KeyId, ParseError> {
    Ok(KeyId::from_bytes(tlv::sole(value, tlv::OCTET_STRING, "subjectKeyIdentifier")?.content))
}

fn authority_key_id(value: &[u8]) -> Result<Option<KeyId>, ParseError> {
    const FIELD: &str = "authorityKeyIdentifier";
    let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    Ok(reader.optional(0x80, FIELD)?.map(|id| KeyId::from_bytes(id.content)))
}

pub(crate) fn key_usage(value: &[u8]) -> Result<KeyUsage, ParseError> {
    const FIELD: &str = "keyUsage";
    let (octets, _) = tlv::bit_string(tlv::sole(value, tlv::BIT_STRING, FIELD)?, FIELD)?;
    let bits = (0..9u16).filter(|bit| {
        let octet = octets.get(usize::from(bit / 8)).copied().unwrap_or(0);
        octet & (0x80 >> (bit % 8)) != 0
    });
    Ok(KeyUsage(bits.fold(0, |sum, bit| sum | 1 << bit)))
}

pub(crate) fn ext_key_usage(value: &[u8]) -> Result<Vec<ExtKeyUsage>, ParseError> {
    const FIELD: &str = "extKeyUsage";
    let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    let mut purposes = Vec::new();
    while !reader.is_empty() {
        let oid = tlv::oid(reader.expect(tlv::OID, FIELD)?, FIELD)?;
        purposes.push(match oid.as_str() {
            "2.5.29.37.0" => ExtKeyUsage::Any,
            "1.3.6.1.5.5.7.3.1" => ExtKeyUsage::ServerAuth,
            "1.3.6.1.5.5.7.3.2" => ExtKeyUsage::ClientAuth,
            _ => ExtKeyUsage::Other(oid),
        });
    }
    Ok(purposes)
}

pub(crate) fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, ParseError> {
    const FIELD: &str = "basicConstraints";
    let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    let ca =
        reader.optional(tlv::BOOLEAN, FIELD)?.map(|b| tlv::boolean(b, FIELD)).transpose()?.unwrap_or(false);
    let path_len = reader.optional(tlv::INTEGER, FIELD)?.map(|n| tlv::small_integer(n, FIELD)).transpose()?;
    reader.finish(FIELD)?;
    Ok(BasicConstraints { ca, path_len })
}

pub(crate) fn alt_names(value: &[u8]) -> Result<Vec<AltName>, ParseError> {
    const FIELD: &str = "subjectAltName";
    let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
    let mut names = Vec::new();
    while !reader.is_empty() {
        names.push(alt_name(reader.any(FIELD)?));
    }
    Ok(names)
}

/// A name of a readable kind with unreadable content stays in the list as `Other`: it must neither match anything nor
/// make the list look empty, which would let a verifier fall back to the CN.
fn alt_name(name: Tlv<'_>) -> AltName {
    let kind = name.tag & 0x1f;
    let text = || std::str::from_utf8(name.content).ok().filter(|t| t.is_ascii()).map(str::to_owned);
    let read = match name.tag {
        0x81 => text().map(AltName::Email),
        0x82 => text().map(AltName::Dns),
        0x86 => text().map(AltName::Uri),
        0x87 => address(name.content).map(AltName::Ip),
        _ => None,
    };
    read.unwrap_or(AltName::Other(kind))
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::V4(Ipv4Addr::from(v4)));
    }
    <[u8; 16]>::try_from(octets).ok().map(|v6| IpAddr::V6(Ipv6Addr::from(v6)))
}
