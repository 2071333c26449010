//! How names are compared for a person: distinguished names as RFC 5280 §7.1 and OpenSSL do, hosts as RFC 6125.
//!
//! Admission compares names byte for byte, which is stricter: "example  co" and "Example Co" are one name here, and two
//! for the broker.

use std::net::IpAddr;

use crate::cert::{Attribute, DistinguishedName};
use crate::host::HostName;
use crate::{AltName, Facts};

/// A name whose equality is that of RFC 5280 §7.1, as OpenSSL implements it: string types do not matter, nor does the
/// case of ASCII letters, nor how many spaces stand between words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CanonicalName(Vec<Vec<(String, Value)>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Value {
    Text(String),
    Other(u8, Vec<u8>),
}

impl CanonicalName {
    pub(super) fn of(name: &DistinguishedName) -> CanonicalName {
        let rdn = |attributes: &[Attribute]| {
            let mut set: Vec<(String, Value)> =
                attributes.iter().map(|attribute| (attribute.oid.clone(), value(attribute))).collect();
            set.sort_unstable();
            set
        };
        CanonicalName(name.rdns().map(rdn).collect())
    }

    /// Whether this name lies in the subtree below `base` (RFC 5280 §4.2.1.10).
    pub(super) fn is_below(&self, base: &CanonicalName) -> bool {
        self.0.starts_with(&base.0)
    }
}

fn value(attribute: &Attribute) -> Value {
    match attribute.text() {
        Some(text) => {
            let words: Vec<String> = text.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
            Value::Text(words.join(" "))
        }
        None => Value::Other(attribute.tag, attribute.value.clone()),
    }
}

/// By what a certificate is for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    AltName,
    /// It has no DNS name in its SAN, and the CN was compared, as OpenSSL does.
    CommonName,
    No,
}

/// Whether the certificate is for this host.
pub(super) fn host_matches(facts: &Facts, host: &HostName) -> Matched {
    let by_alt_name = facts.alt_names.iter().any(|name| match (name, host) {
        (AltName::Dns(pattern), HostName::Dns(dns)) => dns_matches(pattern, dns.as_str()),
        (AltName::Ip(address), HostName::Ip(wanted)) => same_address(*address, *wanted),
        _ => false,
    });
    if by_alt_name {
        return Matched::AltName;
    }
    let HostName::Dns(dns) = host else { return Matched::No };
    let has_dns = facts.alt_names.iter().any(|name| matches!(name, AltName::Dns(_) | AltName::Other(2)));
    if !has_dns && facts.common_names().iter().any(|cn| dns_matches(cn, dns.as_str())) {
        return Matched::CommonName;
    }
    Matched::No
}

fn same_address(one: IpAddr, other: IpAddr) -> bool {
    one == other
}

/// RFC 6125 §6.4.3, with `*` as the whole of the leftmost label only.
fn dns_matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(name),
        Some(parent) if parent.contains('.') => {
            name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
        }
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_whole_label_below_a_domain() {
        for (pattern, name, matches) in [
            ("a.example.com", "A.example.com", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.com", "example.com", false),
            ("a*.example.com", "ab.example.com", false),
            ("*", "localhost", false),
        ] {
            assert_eq!(dns_matches(pattern, name), matches, "{pattern} {name}");
        }
    }
}
