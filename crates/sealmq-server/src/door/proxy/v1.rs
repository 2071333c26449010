//! Version 1: one line of ASCII.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, HeaderError, Parsed, ProxiedClient, Source};

/// `PROXY TCP6 …` with the longest addresses and ports, and CRLF (`proxy-protocol.txt` §2.1).
const LINE_BYTES_MAX: usize = 107;
const START: &[u8] = b"PROXY ";

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let shared = bytes.len().min(START.len());
    if bytes[..shared] != START[..shared] {
        return Err(HeaderError::Text("it does not begin with 'PROXY '"));
    }
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = within.windows(2).position(|two| two == b"\r\n") else {
        return match within.len() < LINE_BYTES_MAX {
            true => Ok(Parsed::Incomplete),
            false => Err(HeaderError::Text("its line is longer than 107 bytes")),
        };
    };
    let line = std::str::from_utf8(&bytes[START.len().min(end)..end])
        .map_err(|_| HeaderError::Text("its line is not ASCII"))?;
    Ok(Parsed::Header { header: header(line)?, bytes: end + 2 })
}

/// The line behind `PROXY `.
fn header(line: &str) -> Result<Header, HeaderError> {
    let (family, rest) = line.split_once(' ').unwrap_or((line, ""));
    match family {
        // What follows is to be ignored: §2.1.
        "UNKNOWN" => Ok(Header::Unknown),
        "TCP4" => addresses(rest, |text| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4)),
        "TCP6" => addresses(rest, |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6)),
        _ => Err(HeaderError::Text("its family is not TCP4, TCP6 or UNKNOWN")),
    }
}

fn addresses(rest: &str, address: impl Fn(&str) -> Option<IpAddr>) -> Result<Header, HeaderError> {
    let mut fields = rest.split(' ');
    let mut next = || fields.next().ok_or(HeaderError::Text("a field is missing"));
    let (source, destination, source_port, destination_port) = (next()?, next()?, next()?, next()?);
    if fields.next().is_some() {
        return Err(HeaderError::Text("it has more than four fields"));
    }
    let address = |text| address(text).ok_or(HeaderError::Text("an address is none of its family"));
    let (ip, _) = (address(source)?, address(destination)?);
    let (port, _) = (port(source_port)?, port(destination_port)?);
    Ok(Header::Client(ProxiedClient { source: Source::Ip(SocketAddr::new(ip, port)), tls: None }))
}

/// 1 to 65,535: no client and no broker has port 0.
fn port(text: &str) -> Result<u16, HeaderError> {
    Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|port| *port != 0)
        .ok_or(HeaderError::Text("a port is not 1 to 65535"))
}
