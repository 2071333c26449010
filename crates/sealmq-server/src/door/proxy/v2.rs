//! Version 2: a signature, lengths, addresses, and fields of type, length and value.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::{Header, HeaderError, Parsed, ProxiedCertificate, ProxiedClient, ProxiedTls, Source};

/// Signature, version and command, family, length.
pub(super) const PREFIX_BYTES: usize = 16;
/// mosquitto's bound on what the length may claim.
pub(super) const REST_BYTES_MAX: usize = 500;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// One path of a unix socket; a header has two.
const PATH_BYTES: usize = 108;

const TYPE_CRC32C: u8 = 0x03;
const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_VERSION: u8 = 0x21;
const SUBTYPE_SSL_CN: u8 = 0x22;
const SUBTYPE_SSL_CIPHER: u8 = 0x23;

const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_SESS: u8 = 0x04;

/// The second half of the family byte is 1: a stream.
#[derive(Clone, Copy)]
enum Family {
    Ipv4,
    Ipv6,
    Unix,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let shared = bytes.len().min(SIGNATURE.len());
    if bytes[..shared] != SIGNATURE[..shared] {
        return Err(HeaderError::Binary("its signature is another"));
    }
    let Some((prefix, behind)) = bytes.split_at_checked(PREFIX_BYTES) else { return Ok(Parsed::Incomplete) };
    if prefix[12] >> 4 != 2 {
        return Err(HeaderError::Binary("its version is not 2"));
    }
    let length = usize::from(u16::from_be_bytes([prefix[14], prefix[15]]));
    if length > REST_BYTES_MAX {
        return Err(HeaderError::Binary("it is longer than 500 bytes"));
    }
    let family = match prefix[12] & 0x0f {
        // A health check. Its address, if any, is to be ignored (§2.2).
        0 => None,
        1 => Some(family(prefix[13], length)?),
        _ => return Err(HeaderError::Binary("its command is neither LOCAL nor PROXY")),
    };
    let Some(rest) = behind.get(..length) else { return Ok(Parsed::Incomplete) };
    let header = match family {
        None => Header::Local,
        Some(family) => client(family, &bytes[..PREFIX_BYTES + length], rest)?,
    };
    Ok(Parsed::Header { header, bytes: PREFIX_BYTES + length })
}

fn family(byte: u8, length: usize) -> Result<Family, HeaderError> {
    let (family, least) = match byte {
        0x11 => (Family::Ipv4, 12),
        0x21 => (Family::Ipv6, 36),
        0x31 => (Family::Unix, 1),
        _ => return Err(HeaderError::Binary("its family is not TCP over IPv4 or IPv6, or a unix stream")),
    };
    match length {
        0 => Err(HeaderError::Empty),
        short if short < least => Err(HeaderError::Binary("it is shorter than its addresses")),
        _ => Ok(family),
    }
}

/// `whole` is the header from its signature on, `rest` what follows the length. `family` has checked that `rest` holds
/// the addresses.
fn client(family: Family, whole: &[u8], rest: &[u8]) -> Result<Header, HeaderError> {
    let (source, fields) = match family {
        Family::Ipv4 => {
            let (addresses, fields) = rest.split_first_chunk::<12>().ok_or(HeaderError::Empty)?;
            let [a, b, c, d, _, _, _, _, port_high, port_low, _, _] = *addresses;
            let ip = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
            (Source::Ip(SocketAddr::new(ip, u16::from_be_bytes([port_high, port_low]))), fields)
        }
        Family::Ipv6 => {
            let (addresses, fields) = rest.split_first_chunk::<36>().ok_or(HeaderError::Empty)?;
            let (ip, others) = addresses.split_first_chunk::<16>().ok_or(HeaderError::Empty)?;
            let port = u16::from_be_bytes([others[16], others[17]]);
            (Source::Ip(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*ip)), port)), fields)
        }
        // mosquitto takes a header that is shorter than both paths: the first path is all there is then.
        Family::Unix => {
            let fields = rest.get(2 * PATH_BYTES..).unwrap_or_default();
            (Source::Unix(path(&rest[..rest.len().min(PATH_BYTES)])), fields)
        }
    };
    match read_fields(whole, fields) {
        Ok(tls) => Ok(Header::Client(ProxiedClient { source, tls })),
        Err(what) => Err(HeaderError::Fields { address: source, what }),
    }
}

fn path(bytes: &[u8]) -> Arc<str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into()
}

/// One field and what is behind it.
struct Field<'a> {
    kind: u8,
    value: &'a [u8],
    rest: &'a [u8],
}

fn split_field(bytes: &[u8]) -> Result<Field<'_>, &'static str> {
    let ([kind, high, low], behind) = bytes.split_first_chunk().ok_or("a field has no length")?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, rest) = behind.split_at_checked(length).ok_or("a field is longer than what it stands in")?;
    Ok(Field { kind: *kind, value, rest })
}

fn read_fields(whole: &[u8], mut fields: &[u8]) -> Result<Option<ProxiedTls>, &'static str> {
    let mut tls = None;
    let mut described = false;
    while !fields.is_empty() {
        let at = whole.len() - fields.len();
        let field = split_field(fields)?;
        match field.kind {
            TYPE_SSL if described => return Err("it describes TLS twice"),
            TYPE_SSL => {
                described = true;
                tls = read_tls(field.value)?;
            }
            TYPE_CRC32C => check_crc(whole, at + 3, field.value)?,
            // ALPN, authority, network namespace, vendors' own: nothing here goes by them.
            _ => {}
        }
        fields = field.rest;
    }
    Ok(tls)
}

/// `client` is a bit field, `verify` is 0 where the certificate was verified (§2.2.6). `None`: the client used no TLS, which
/// haproxy says with this field too (mosquitto takes the field itself for a yes).
fn read_tls(value: &[u8]) -> Result<Option<ProxiedTls>, &'static str> {
    let ([client, verify @ ..], mut fields) =
        value.split_first_chunk::<5>().ok_or("its description of TLS is shorter than 5 bytes")?;
    let certificate =
        match (client & CLIENT_SSL != 0, client & CLIENT_CERT_SESS != 0, u32::from_be_bytes(*verify)) {
            (true, true, 0) => ProxiedCertificate::Verified,
            (true, true, _) => ProxiedCertificate::Unverified,
            (true, false, _) | (false, _, _) => ProxiedCertificate::None,
        };
    let mut tls = ProxiedTls { certificate, ..ProxiedTls::default() };
    while !fields.is_empty() {
        let field = split_field(fields)?;
        match field.kind {
            SUBTYPE_SSL_VERSION => tls.version = Some(text(field.value)),
            SUBTYPE_SSL_CIPHER => tls.cipher = Some(text(field.value)),
            SUBTYPE_SSL_CN if tls.common_name.is_some() => return Err("it has two common names"),
            SUBTYPE_SSL_CN => tls.common_name = Some(field.value.to_vec()),
            _ => {}
        }
        fields = field.rest;
    }
    Ok((client & CLIENT_SSL != 0).then_some(tls))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// The checksum is over the whole header with its own four bytes as zero (§2.2.3).
fn check_crc(whole: &[u8], at: usize, value: &[u8]) -> Result<(), &'static str> {
    let said = <[u8; 4]>::try_from(value).map_err(|_| "its CRC32C is not 4 bytes")?;
    let zeroed = |(index, byte): (usize, &u8)| if (at..at + 4).contains(&index) { 0 } else { *byte };
    match crc32c(whole.iter().enumerate().map(zeroed)) == u32::from_be_bytes(said) {
        true => Ok(()),
        false => Err("its CRC32C does not match"),
    }
}

/// RFC 3720 appendix B.4: reflected, polynomial 0x1EDC6F41. Bit by bit: a header has 516 bytes at most.
fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    const REFLECTED: u32 = 0x82F6_3B78;
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (REFLECTED & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc32c_of_the_rfcs_examples() {
        assert_eq!(super::crc32c([0_u8; 32].into_iter()), 0x8A91_36AA);
        assert_eq!(super::crc32c([0xff_u8; 32].into_iter()), 0x62A8_AB43);
        assert_eq!(super::crc32c(0..32), 0x46DD_794E);
    }
}
