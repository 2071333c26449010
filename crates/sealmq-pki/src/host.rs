//! Names and addresses of a server, as its certificate lists them.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// A DNS name or an IP address that a server certificate vouches for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostName {
    /// A DNS name in lower case, single labels (`localhost`) too, without a final dot.
    Dns(DnsName),
    /// An address.
    Ip(IpAddr),
}

/// A DNS name: labels of letters, digits, `-` and `_`, at most 63 octets each and 253 in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

/// Why a text is neither.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{text}' is no host name and no IP address: {problem}\nhint: give a name such as broker.example.com or an address such as 192.168.1.10, without port and brackets"
)]
pub struct HostNameError {
    /// The text, escaped and bounded.
    pub text: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl HostName {
    /// Reads a DNS name or an IP address.
    ///
    /// # Errors
    /// [`HostNameError`]; wildcards are refused too, since a server here knows what it is called.
    pub fn parse(text: &str) -> Result<HostName, HostNameError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(HostName::Ip(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        match dns_problem(name) {
            None => Ok(HostName::Dns(DnsName(name.to_ascii_lowercase()))),
            Some(problem) => {
                let text = text.chars().take(80).flat_map(char::escape_debug).collect();
                Err(HostNameError { text, problem })
            }
        }
    }
}

impl DnsName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostName::Dns(name) => f.write_str(&name.0),
            HostName::Ip(address) => write!(f, "{address}"),
        }
    }
}

fn dns_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > 253 {
        return Some("it is longer than 253 characters");
    }
    let labels: Vec<&str> = name.split('.').collect();
    if labels.iter().any(|label| label.is_empty() || label.len() > 63) {
        return Some("a label between dots is empty or longer than 63 characters");
    }
    if labels.iter().any(|label| label.starts_with('-') || label.ends_with('-')) {
        return Some("a label starts or ends with '-'");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Some("it has characters other than letters, digits, '-', '_' and '.'");
    }
    // `256.1.1.1` and `10.1` are no addresses, and no client would look them up as names.
    if labels.last().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit())) {
        return Some("it ends with a number, but is no valid address");
    }
    None
}
