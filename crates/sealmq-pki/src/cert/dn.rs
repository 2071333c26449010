//! Distinguished names: their bytes, their attributes, and their text as OpenSSL's RFC 2253 option prints it.

use std::fmt;

use super::oids::attribute_short_name;
use super::tlv::{self, ParseError, Tlv};

/// The attribute type of a common name.
const COMMON_NAME: &str = "2.5.4.3";

/// A subject or an issuer. Two names are equal when their DER is.
#[derive(Clone, PartialEq, Eq)]
pub struct DistinguishedName {
    der: Vec<u8>,
    rdns: Vec<Vec<Attribute>>,
}

/// One attribute of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its type, in dots.
    pub oid: String,
    /// The ASN.1 tag of its value (12 = UTF8String, 19 = PrintableString, …).
    pub tag: u8,
    /// The content octets of its value, as they stand in the certificate.
    pub value: Vec<u8>,
    /// The value with tag and length.
    whole: Vec<u8>,
}

impl DistinguishedName {
    pub(crate) fn parse(name: Tlv<'_>, field: &'static str) -> Result<DistinguishedName, ParseError> {
        let mut rdns = Vec::new();
        let mut sequence = name.reader();
        while !sequence.is_empty() {
            let mut set = sequence.expect(tlv::SET, field)?.reader();
            let mut rdn = Vec::new();
            while !set.is_empty() {
                rdn.push(attribute(set.expect(tlv::SEQUENCE, field)?, field)?);
            }
            rdns.push(rdn);
        }
        Ok(DistinguishedName { der: name.whole.to_vec(), rdns })
    }

    /// The name's DER, byte for byte as it stands in the certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether there is no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.rdns.iter().all(Vec::is_empty)
    }

    /// The relative names, in the order of the certificate.
    pub(crate) fn rdns(&self) -> impl Iterator<Item = &[Attribute]> {
        self.rdns.iter().map(Vec::as_slice)
    }

    /// All attributes, in the order of the certificate.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.rdns.iter().flatten()
    }

    /// The raw values of all common names, in the order of the certificate.
    ///
    /// mosquitto takes the first; whoever decides an identity must look at how many there are, and at the bytes.
    pub fn common_names(&self) -> Vec<&Attribute> {
        self.attributes().filter(|a| a.oid == COMMON_NAME).collect()
    }

    /// The text that OpenSSL prints with `-nameopt RFC2253`, and that mosquitto's `use_subject_as_username` makes the
    /// user name: last RDN first, `CN=client1,O=MyOrg,L=City,ST=State,C=US`.
    pub fn rfc2253(&self) -> String {
        let rdns = self.rdns.iter().rev().filter(|rdn| !rdn.is_empty());
        let texts: Vec<String> =
            rdns.map(|rdn| rdn.iter().rev().map(Attribute::rfc2253).collect::<Vec<_>>().join("+")).collect();
        texts.join(",")
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc2253())
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinguishedName({})", self.rfc2253())
    }
}

impl Attribute {
    /// The value as text, where its type has one: UTF-8, Printable, IA5, Numeric, Visible, T61 (read as Latin-1, as
    /// OpenSSL does), BMP and Universal strings.
    pub fn text(&self) -> Option<String> {
        match Charset::of(self.tag)? {
            Charset::Utf8 => String::from_utf8(self.value.clone()).ok(),
            Charset::Latin1 => Some(self.value.iter().map(|b| char::from(*b)).collect()),
            Charset::Ucs2 => wide(&self.value, 2),
            Charset::Ucs4 => wide(&self.value, 4),
        }
    }

    fn rfc2253(&self) -> String {
        let Some(short) = attribute_short_name(&self.oid) else {
            // OpenSSL dumps the whole value of a type it does not know (XN_FLAG_DUMP_UNKNOWN_FIELDS).
            return format!("{}={}", self.oid, self.dumped());
        };
        format!("{short}={}", self.escaped().unwrap_or_else(|| self.dumped()))
    }

    fn dumped(&self) -> String {
        let mut text = String::from("#");
        self.whole.iter().for_each(|octet| text.push_str(&format!("{octet:02X}")));
        text
    }

    /// The value with RFC 2253 escapes; `None` for a type that OpenSSL dumps.
    fn escaped(&self) -> Option<String> {
        let bytes = match Charset::of(self.tag)? {
            Charset::Utf8 => self.value.clone(),
            Charset::Latin1 | Charset::Ucs2 | Charset::Ucs4 => self.text()?.into_bytes(),
        };
        let last = bytes.len().saturating_sub(1);
        let mut text = String::with_capacity(bytes.len());
        for (index, byte) in bytes.iter().enumerate() {
            let edge = Edge { first: index == 0 && index != last, last: index == last };
            push_escaped(&mut text, *byte, edge);
        }
        Some(text)
    }
}

/// Where in a value an octet stands. OpenSSL treats an only octet as the last one.
struct Edge {
    first: bool,
    last: bool,
}

fn push_escaped(text: &mut String, byte: u8, edge: Edge) {
    let escape = match byte {
        b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => true,
        b'#' => edge.first,
        b' ' => edge.first || edge.last,
        _ => false,
    };
    if escape {
        text.push('\\');
    }
    if !(0x20..0x7f).contains(&byte) {
        text.push_str(&format!("\\{byte:02X}"));
    } else {
        text.push(char::from(byte));
    }
}

/// How the octets of a string type make characters.
enum Charset {
    Utf8,
    Latin1,
    Ucs2,
    Ucs4,
}

impl Charset {
    fn of(tag: u8) -> Option<Charset> {
        match tag {
            12 => Some(Charset::Utf8),
            18 | 19 | 20 | 22 | 23 | 24 | 26 => Some(Charset::Latin1),
            28 => Some(Charset::Ucs4),
            30 => Some(Charset::Ucs2),
            _ => None,
        }
    }
}

fn wide(octets: &[u8], size: usize) -> Option<String> {
    let units = octets.chunks(size);
    units
        .map(|unit| {
            let code = unit.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet));
            (unit.len() == size).then(|| char::from_u32(code)).flatten()
        })
        .collect()
}

fn attribute(sequence: Tlv<'_>, field: &'static str) -> Result<Attribute, ParseError> {
    let mut reader = sequence.reader();
    let oid = tlv::oid(reader.expect(tlv::OID, field)?, field)?;
    let value = reader.any(field)?;
    reader.finish(field)?;
    Ok(Attribute { oid, tag: value.tag, value: value.content.to_vec(), whole: value.whole.to_vec() })
}
