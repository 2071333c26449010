//! DER, tag by tag: definite minimal lengths, tags below 31, nothing left over.

use thiserror::Error;

use crate::time::{Civil, Timestamp};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Why bytes are no certificate: which field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "not a valid certificate: {field}: {problem}\nhint: look at it with `openssl x509 -noout -text -in FILE`; it may be cut off, or no certificate at all"
)]
pub struct ParseError {
    /// The field in RFC 5280's words, for example `tbsCertificate.validity.notAfter`.
    pub field: &'static str,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a DER value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The bytes end before the value does.
    #[error("cut off")]
    Truncated,
    /// Something follows where nothing may.
    #[error("has trailing bytes")]
    Trailing,
    /// Another type than the field has.
    #[error("has another type than expected (tag {0:#04x})")]
    UnexpectedTag(u8),
    /// Length not in its shortest form, or indefinite.
    #[error("has a length that DER does not allow")]
    Length,
    /// The content does not follow its type's rules.
    #[error("has an invalid value")]
    Value,
    /// The same extension twice (RFC 5280 §4.2).
    #[error("stands twice")]
    Repeated,
}

/// One value: its tag, its content, and the bytes of both together.
#[derive(Clone, Copy)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads values one after the other; every error names the field.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value, whatever its tag.
    pub(crate) fn any(&mut self, field: &'static str) -> Result<Tlv<'a>, ParseError> {
        let err = |problem| ParseError { field, problem };
        let [tag, first, after @ ..] = self.rest else {
            return Err(err(Problem::Truncated));
        };
        if tag & 0x1f == 0x1f {
            return Err(err(Problem::UnexpectedTag(*tag)));
        }
        let (len, after) = length(*first, after).map_err(err)?;
        if after.len() < len {
            return Err(err(Problem::Truncated));
        }
        let (content, rest) = after.split_at(len);
        let whole = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        Ok(Tlv { tag: *tag, content, whole })
    }

    /// The next value, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8, field: &'static str) -> Result<Tlv<'a>, ParseError> {
        let tlv = self.any(field)?;
        if tlv.tag == tag {
            Ok(tlv)
        } else {
            Err(ParseError { field, problem: Problem::UnexpectedTag(tlv.tag) })
        }
    }

    /// The next value if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8, field: &'static str) -> Result<Option<Tlv<'a>>, ParseError> {
        if self.peek() == Some(tag) { self.any(field).map(Some) } else { Ok(None) }
    }

    /// Nothing may be left.
    pub(crate) fn finish(self, field: &'static str) -> Result<(), ParseError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ParseError { field, problem: Problem::Trailing }) }
    }
}

impl<'a> Tlv<'a> {
    pub(crate) const fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }
}

/// A value and nothing after it.
pub(crate) fn sole<'a>(bytes: &'a [u8], tag: u8, field: &'static str) -> Result<Tlv<'a>, ParseError> {
    let mut reader = Reader::new(bytes);
    let tlv = reader.expect(tag, field)?;
    reader.finish(field)?;
    Ok(tlv)
}

/// The octets of a BIT STRING, and how many bits of the last one do not count.
pub(crate) fn bit_string<'a>(tlv: Tlv<'a>, field: &'static str) -> Result<(&'a [u8], u8), ParseError> {
    match tlv.content {
        [unused, bits @ ..] if *unused < 8 && (*unused == 0 || !bits.is_empty()) => Ok((bits, *unused)),
        _ => Err(ParseError { field, problem: Problem::Value }),
    }
}

/// BOOLEAN: TRUE is any non-zero octet, as OpenSSL reads it; DER has 0xff only, some CAs wrote 0x01.
pub(crate) fn boolean(tlv: Tlv<'_>, field: &'static str) -> Result<bool, ParseError> {
    match tlv.content {
        [octet] => Ok(*octet != 0),
        _ => Err(ParseError { field, problem: Problem::Value }),
    }
}

/// A small non-negative INTEGER.
pub(crate) fn small_integer(tlv: Tlv<'_>, field: &'static str) -> Result<u32, ParseError> {
    match tlv.content {
        [] => Err(ParseError { field, problem: Problem::Value }),
        [first, ..] if first & 0x80 != 0 => Err(ParseError { field, problem: Problem::Value }),
        content if content.len() > 4 => Err(ParseError { field, problem: Problem::Value }),
        content => Ok(content.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet))),
    }
}

/// An OBJECT IDENTIFIER in dots.
pub(crate) fn oid(tlv: Tlv<'_>, field: &'static str) -> Result<String, ParseError> {
    dotted(tlv.content).ok_or(ParseError { field, problem: Problem::Value })
}

fn dotted(content: &[u8]) -> Option<String> {
    if content.last()? & 0x80 != 0 {
        return None;
    }
    // Long enough for most; each certificate of each handshake has a dozen of them.
    let mut text = String::with_capacity(32);
    let mut arc: u128 = 0;
    for octet in content {
        arc = arc.checked_mul(128)? | u128::from(octet & 0x7f);
        if octet & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let top = (arc / 40).min(2);
            push_decimal(&mut text, top);
            push_decimal_behind_dot(&mut text, arc - top * 40);
        } else {
            push_decimal_behind_dot(&mut text, arc);
        }
        arc = 0;
    }
    Some(text)
}

fn push_decimal_behind_dot(text: &mut String, arc: u128) {
    text.push('.');
    push_decimal(text, arc);
}

/// As `format!` would, in a fifth of its time: arcs are small, and formatting a `u128` is slow.
fn push_decimal(text: &mut String, arc: u128) {
    let Ok(mut rest) = u32::try_from(arc) else { return text.push_str(&arc.to_string()) };
    let mut digits = ['0'; 10];
    let mut first = digits.len() - 1;
    loop {
        digits[first] = char::from(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
        first -= 1;
    }
    text.extend(&digits[first..]);
}

/// UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 writes them: to the second, in UTC.
pub(crate) fn time(tlv: Tlv<'_>, field: &'static str) -> Result<Timestamp, ParseError> {
    let err = |problem| ParseError { field, problem };
    let (year, rest) = match tlv.tag {
        UTC_TIME => {
            let (year, rest) = number(tlv.content, 2).ok_or(err(Problem::Value))?;
            (if year >= 50 { 1900 + year } else { 2000 + year }, rest)
        }
        GENERALIZED_TIME => number(tlv.content, 4).ok_or(err(Problem::Value))?,
        other => return Err(err(Problem::UnexpectedTag(other))),
    };
    civil(year, rest).and_then(Timestamp::from_civil).ok_or(err(Problem::Value))
}

fn civil(year: u32, rest: &[u8]) -> Option<Civil> {
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    // UTCTime without seconds is BER, but old tools wrote it and OpenSSL reads it.
    let (second, rest) = if rest == b"Z" { (0, rest) } else { number(rest, 2)? };
    let narrow = |n: u32| u8::try_from(n).expect("two digits");
    (rest == b"Z").then(|| Civil {
        year: i32::try_from(year).expect("four digits"),
        month: narrow(month),
        day: narrow(day),
        hour: narrow(hour),
        minute: narrow(minute),
        second: narrow(second),
    })
}

fn number(bytes: &[u8], digits: usize) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_at_checked(digits)?;
    let sum =
        number.iter().try_fold(0, |sum, c| c.is_ascii_digit().then(|| sum * 10 + u32::from(c - b'0')))?;
    Some((sum, rest))
}

fn length(first: u8, after: &[u8]) -> Result<(usize, &[u8]), Problem> {
    if first < 0x80 {
        return Ok((usize::from(first), after));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(Problem::Length);
    }
    let (octets, after) = after.split_at_checked(count).ok_or(Problem::Truncated)?;
    let len = octets.iter().fold(0usize, |sum, octet| sum << 8 | usize::from(*octet));
    if octets[0] == 0 || len < 0x80 { Err(Problem::Length) } else { Ok((len, after)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X.690 §8.19, with arcs on both sides of each way to write them.
    #[test]
    fn an_object_identifier_is_written_with_dots() {
        for (content, text) in [
            (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2][..], "1.2.840.10045.4.3.2"),
            (&[0], "0.0"),
            (&[0x27, 0], "0.39.0"),
            (&[0x88, 0x37, 9, 10], "2.999.9.10"),
            (&[0x55, 0x8f, 0xff, 0xff, 0xff, 0x7f], "2.5.4294967295"),
            (&[0x55, 0x90, 0x80, 0x80, 0x80, 0], "2.5.4294967296"),
        ] {
            assert_eq!(dotted(content).as_deref(), Some(text));
        }
        let uuid = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
        assert_eq!(dotted(&uuid).as_deref(), Some("2.25.340282366920938463463374607431768211455"));
        let larger = [&[0x69, 0x84][..], &[0x80; 17], &[0]].concat();
        assert_eq!(dotted(&larger), None, "an arc of more than 128 bits");
        assert_eq!((dotted(&[]), dotted(&[0x2a, 0x86])), (None, None));
    }
}
