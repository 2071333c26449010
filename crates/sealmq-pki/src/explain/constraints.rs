//! nameConstraints (RFC 5280 §4.2.1.10): which names a CA may certify.

use super::general_name::GeneralName;
use super::names::CanonicalName;
use super::specimen::Specimen;
use crate::cert::{ParseError, tlv};

const FIELD: &str = "nameConstraints";
const EMAIL_ADDRESS: &str = "1.2.840.113549.1.9.1";

/// The subtrees of one CA certificate.
#[derive(Clone, Debug)]
pub(super) struct NameConstraints {
    permitted: Vec<GeneralName>,
    excluded: Vec<GeneralName>,
    /// minimum or maximum is used, which RFC 5280 forbids and nobody implements.
    with_distances: bool,
}

/// Why a certificate's names are not within the constraints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    NotPermitted(String),
    Excluded(String),
    /// It cannot be told.
    Unsupported(String),
}

impl NameConstraints {
    pub(super) fn parse(value: &[u8]) -> Result<NameConstraints, ParseError> {
        let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
        let mut with_distances = false;
        let mut trees = |tagged: Option<tlv::Tlv<'_>>| -> Result<Vec<GeneralName>, ParseError> {
            let mut names = Vec::new();
            let Some(tagged) = tagged else { return Ok(names) };
            let mut reader = tagged.reader();
            while !reader.is_empty() {
                let mut tree = reader.expect(tlv::SEQUENCE, FIELD)?.reader();
                names.push(GeneralName::of(tree.any(FIELD)?));
                let minimum = tree.optional(0x80, FIELD)?;
                with_distances |= minimum.is_some_and(|minimum| minimum.content != [0]);
                with_distances |= tree.optional(0x81, FIELD)?.is_some();
                tree.finish(FIELD)?;
            }
            Ok(names)
        };
        let permitted = trees(reader.optional(0xa0, FIELD)?)?;
        let excluded = trees(reader.optional(0xa1, FIELD)?)?;
        reader.finish(FIELD)?;
        Ok(NameConstraints { permitted, excluded, with_distances })
    }

    /// What is wrong with the names of a certificate below.
    pub(super) fn check(&self, below: &Specimen) -> Option<Violation> {
        if self.with_distances {
            return Some(Violation::Unsupported("minimum or maximum distances".to_owned()));
        }
        names_of(below).iter().find_map(|name| self.check_name(name))
    }

    fn check_name(&self, name: &GeneralName) -> Option<Violation> {
        let same_kind = |trees: &[GeneralName]| {
            trees.iter().filter(|t| t.kind() == name.kind()).cloned().collect::<Vec<_>>()
        };
        let (permitted, excluded) = (same_kind(&self.permitted), same_kind(&self.excluded));
        if permitted.is_empty() && excluded.is_empty() {
            return None;
        }
        let mut unsupported = false;
        let mut within = |base: &GeneralName, side: Side| match is_within(name, base, side) {
            Some(within) => within,
            None => {
                unsupported = true;
                false
            }
        };
        let hit = excluded.iter().any(|base| within(base, Side::Excluded));
        let allowed = permitted.is_empty() || permitted.iter().any(|base| within(base, Side::Permitted));
        let shown = shown(name);
        match (unsupported, hit, allowed) {
            (_, true, _) => Some(Violation::Excluded(shown)),
            (true, _, _) => Some(Violation::Unsupported(shown)),
            (false, false, false) => Some(Violation::NotPermitted(shown)),
            (false, false, true) => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Permitted,
    Excluded,
}

/// The subject, its e-mail addresses where the SAN has none, its CN where it could be taken for a host name, the SAN.
fn names_of(specimen: &Specimen) -> Vec<GeneralName> {
    let facts = specimen.facts();
    let mut names = specimen.names.clone();
    let has = |names: &[GeneralName], kind| names.iter().any(|name| name.kind() == kind);
    if !has(&names, 1) {
        let emails = facts.subject.attributes().filter(|attribute| attribute.oid == EMAIL_ADDRESS);
        names.extend(emails.map(|email| email.text().map_or(GeneralName::Other(1), GeneralName::Email)));
    }
    if !has(&names, 2) && !facts.is_ca() {
        let hosts = facts.common_names().into_iter().filter(|cn| crate::HostName::parse(cn).is_ok());
        names.extend(hosts.filter(|cn| cn.contains('.')).map(GeneralName::Dns));
    }
    if !facts.subject.is_empty() {
        names.push(GeneralName::Directory(CanonicalName::of(&facts.subject)));
    }
    names
}

/// `None`: it cannot be told.
fn is_within(name: &GeneralName, base: &GeneralName, side: Side) -> Option<bool> {
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => Some(name.is_below(base)),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => Some(dns_within(name, base, side)),
        (GeneralName::Email(name), GeneralName::Email(base)) => email_within(name, base),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => {
            uri_host(name).map(|host| host_within(host, base))
        }
        (GeneralName::Ip(address), GeneralName::Ip(base)) => address_within(address, base),
        _ => None,
    }
}

fn dns_within(name: &str, base: &str, side: Side) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    let below = |name: &str, base: &str| {
        let parent = base.strip_prefix('.').unwrap_or(base);
        parent.is_empty()
            || (name == parent && !base.starts_with('.'))
            || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
    };
    match (name.strip_prefix("*."), side) {
        // A wildcard reaches an excluded name that lies directly below it, too.
        (Some(parent), Side::Excluded) => {
            below(&name, &base) || base.split_once('.').is_some_and(|(_, rest)| rest == parent)
        }
        _ => below(&name, &base),
    }
}

fn email_within(name: &str, base: &str) -> Option<bool> {
    let (local, host) = name.rsplit_once('@')?;
    Some(match base.rsplit_once('@') {
        Some((base_local, base_host)) => local == base_local && host.eq_ignore_ascii_case(base_host),
        None => host_within(host, base),
    })
}

/// A host, or with a leading dot every host below (RFC 5280 §4.2.1.10, e-mail addresses and URIs).
fn host_within(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    match base.strip_prefix('.') {
        Some(_) => host.len() > base.len() && host.ends_with(&base),
        None => host == base,
    }
}

/// `None`: it has no host name, and then it must not be judged as if it had one.
fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next()?;
    let is_name = !host.is_empty() && host.parse::<std::net::Ipv4Addr>().is_err() && !host.starts_with('[');
    is_name.then_some(host)
}

fn address_within(address: &[u8], base: &[u8]) -> Option<bool> {
    if !matches!(base.len(), 8 | 32) || !matches!(address.len(), 4 | 16) {
        return None;
    }
    let (network, mask) = base.split_at(base.len() / 2);
    if network.len() != address.len() {
        return Some(false);
    }
    Some(address.iter().zip(network).zip(mask).all(|((a, n), m)| a & m == n & m))
}

fn shown(name: &GeneralName) -> String {
    let bounded = |text: &str| text.chars().take(100).flat_map(char::escape_debug).collect::<String>();
    match name {
        GeneralName::Email(text) => format!("email:{}", bounded(text)),
        GeneralName::Dns(text) => format!("DNS:{}", bounded(text)),
        GeneralName::Uri(text) => format!("URI:{}", bounded(text)),
        GeneralName::Directory(_) => "its subject or directoryName".to_owned(),
        GeneralName::Ip(_) => "its iPAddress".to_owned(),
        GeneralName::Other(kind) => format!("a name of kind {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names_lie_below_a_domain_and_a_wildcard_reaches_what_is_excluded() {
        for (name, base, side, within) in [
            ("a.Example.com", "example.com", Side::Permitted, true),
            ("example.com", "example.com", Side::Permitted, true),
            ("badexample.com", "example.com", Side::Permitted, false),
            ("example.com", ".example.com", Side::Permitted, false),
            ("a.example.com", ".example.com", Side::Permitted, true),
            ("anything", "", Side::Excluded, true),
            ("*.example.com", "secret.example.com", Side::Excluded, true),
            ("*.example.com", "secret.example.com", Side::Permitted, false),
        ] {
            assert_eq!(dns_within(name, base, side), within, "{name} {base}");
        }
    }

    #[test]
    fn mailboxes_hosts_and_domains_are_three_things() {
        assert_eq!(email_within("a@example.com", "example.com"), Some(true));
        assert_eq!(email_within("a@b.example.com", "example.com"), Some(false));
        assert_eq!(email_within("a@b.example.com", ".example.com"), Some(true));
        assert_eq!(email_within("a@example.com", "A@example.com"), Some(false));
        assert_eq!(email_within("nobody", "example.com"), None);
        assert_eq!(uri_host("https://u@h.example.com:8/x"), Some("h.example.com"));
        assert_eq!(uri_host("urn:x:y"), None);
        assert_eq!(uri_host("http://10.0.0.1/"), None);
    }

    #[test]
    fn addresses_are_compared_under_the_mask() {
        let base = [10, 1, 0, 0, 255, 255, 0, 0];
        assert_eq!(address_within(&[10, 1, 2, 3], &base), Some(true));
        assert_eq!(address_within(&[10, 2, 2, 3], &base), Some(false));
        assert_eq!(address_within(&[0; 16], &base), Some(false));
        assert_eq!(address_within(&[10, 1, 2, 3], &base[..7]), None);
    }
}
