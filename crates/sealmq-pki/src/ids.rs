//! What identifies a certificate and a key: serial, fingerprint, key identifier.

use std::fmt;

use aws_lc_rs::digest;
use thiserror::Error;

/// A certificate's serial number: the content octets of its INTEGER (big-endian, two's complement, as encoded).
///
/// Displays as `openssl x509 -serial` does: upper-case hex without separators, `-` before a negative one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

/// Why bytes are no serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SerialError {
    /// 128 zero bits: no working random source gives them.
    #[error(
        "the random source returned only zeros\nhint: a serial needs 16 bytes from the system's generator"
    )]
    AllZero,
    /// An INTEGER has at least one octet.
    #[error("the serial number is empty")]
    Empty,
    /// Not pairs of hex digits.
    #[error(
        "{0:?} is no hex digit of a serial number\nhint: write it as `openssl x509 -noout -serial` prints it"
    )]
    NotHex(char),
}

impl Serial {
    /// A fresh serial of 128 random bits, positive (RFC 5280 §4.1.2.2; at most 17 octets once encoded).
    ///
    /// # Errors
    /// All bits zero.
    pub fn from_random(bytes: [u8; 16]) -> Result<Serial, SerialError> {
        if bytes == [0; 16] {
            return Err(SerialError::AllZero);
        }
        Ok(Serial::from_magnitude(&bytes))
    }

    /// From the content octets of an INTEGER, kept as they are.
    ///
    /// # Errors
    /// No octet at all.
    pub fn from_content(content: &[u8]) -> Result<Serial, SerialError> {
        if content.is_empty() { Err(SerialError::Empty) } else { Ok(Serial(content.to_vec())) }
    }

    /// From what [`Display`](fmt::Display) and openssl print; colons between the octets are allowed.
    ///
    /// # Errors
    /// Empty, or a character that is no hex digit.
    pub fn parse_hex(text: &str) -> Result<Serial, SerialError> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).map(|d| d as u8).ok_or(SerialError::NotHex(c)))
            .collect::<Result<_, _>>()?;
        if digits.is_empty() {
            return Err(SerialError::Empty);
        }
        let padded: Vec<u8> = if digits.len() % 2 == 1 { [&[0], digits.as_slice()].concat() } else { digits };
        Ok(Serial::from_magnitude(&padded.chunks(2).map(|p| p[0] << 4 | p[1]).collect::<Vec<u8>>()))
    }

    /// The content octets of the INTEGER.
    pub fn as_content(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_magnitude(bytes: &[u8]) -> Serial {
        let first = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len().saturating_sub(1));
        let mut content = bytes[first..].to_vec();
        if content[0] & 0x80 != 0 {
            content.insert(0, 0);
        }
        Serial(content)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let negative = self.0[0] & 0x80 != 0;
        if !negative {
            let digits = if self.0.len() > 1 && self.0[0] == 0 { &self.0[1..] } else { &self.0[..] };
            return write_hex(f, digits);
        }
        f.write_str("-")?;
        write_hex(f, &negated(&self.0))
    }
}

/// The magnitude of a negative two's complement number.
fn negated(content: &[u8]) -> Vec<u8> {
    let mut magnitude: Vec<u8> = content.iter().map(|b| !b).collect();
    for byte in magnitude.iter_mut().rev() {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            break;
        }
    }
    let first = magnitude.iter().position(|b| *b != 0).unwrap_or(0);
    magnitude.split_off(first)
}

/// SHA-256 over a whole certificate (DER). Displays as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(der: &[u8]) -> Fingerprint {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Fingerprint(out)
    }

    /// From 32 bytes that were a fingerprint before.
    pub const fn from_bytes(bytes: [u8; 32]) -> Fingerprint {
        Fingerprint(bytes)
    }

    /// From what its `Display` writes, upper case too. `None`: not 64 hex digits.
    pub fn parse_hex(text: &str) -> Option<Fingerprint> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Fingerprint(bytes))
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A key identifier as subject and authority key identifier carry it. Displays as upper-case hex.
///
/// Ours are the leftmost 160 bits of SHA-256 over the public key's BIT STRING (RFC 7093 §2, method 1); those of
/// other CAs are whatever they wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Vec<u8>);

impl KeyId {
    /// The identifier of a public key, from the content of its BIT STRING (without the count of unused bits).
    pub fn of_public_key(bits: &[u8]) -> KeyId {
        KeyId(digest::digest(&digest::SHA256, bits).as_ref()[..20].to_vec())
    }

    /// From the octets of an extension.
    pub fn from_bytes(bytes: &[u8]) -> KeyId {
        KeyId(bytes.to_vec())
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
}
