//! The words of OpenSSL's configuration for what a profile chooses from, and the nearest of them to a mistyped one.

use super::{AltNameKind, KeyAlgorithm, Purpose, Requestable};
use crate::cert::KeyUsageBit;

pub(super) const PURPOSES: &[(&str, Purpose)] = &[
    ("serverAuth", Purpose::Server),
    ("clientAuth", Purpose::Client),
    ("OCSPSigning", Purpose::OcspSigning),
];

pub(super) const KEYS: &[(&str, KeyAlgorithm)] =
    &[("P-256", KeyAlgorithm::P256), ("P-384", KeyAlgorithm::P384), ("RSA", KeyAlgorithm::Rsa)];

pub(super) const ALT_NAMES: &[(&str, AltNameKind)] = &[
    ("DNS", AltNameKind::Dns),
    ("IP", AltNameKind::Ip),
    ("URI", AltNameKind::Uri),
    ("email", AltNameKind::Email),
];

pub(super) const REQUESTABLE: &[(&str, Requestable)] = &[
    ("subjectAltName", Requestable::SubjectAltName),
    ("keyUsage", Requestable::KeyUsage),
    ("extendedKeyUsage", Requestable::ExtKeyUsage),
    ("basicConstraints", Requestable::BasicConstraints),
];

pub(super) const KEY_USAGE: &[(&str, KeyUsageBit)] = &[
    ("digitalSignature", KeyUsageBit::DigitalSignature),
    ("nonRepudiation", KeyUsageBit::NonRepudiation),
    ("keyEncipherment", KeyUsageBit::KeyEncipherment),
    ("dataEncipherment", KeyUsageBit::DataEncipherment),
    ("keyAgreement", KeyUsageBit::KeyAgreement),
    ("keyCertSign", KeyUsageBit::KeyCertSign),
    ("cRLSign", KeyUsageBit::CrlSign),
    ("encipherOnly", KeyUsageBit::EncipherOnly),
    ("decipherOnly", KeyUsageBit::DecipherOnly),
];

/// Extensions that requests in the field ask for, by OpenSSL's short names.
const EXTENSIONS: &[(&str, &str)] = &[
    ("subjectKeyIdentifier", "2.5.29.14"),
    ("keyUsage", "2.5.29.15"),
    ("subjectAltName", "2.5.29.17"),
    ("basicConstraints", "2.5.29.19"),
    ("nameConstraints", "2.5.29.30"),
    ("crlDistributionPoints", "2.5.29.31"),
    ("certificatePolicies", "2.5.29.32"),
    ("authorityKeyIdentifier", "2.5.29.35"),
    ("extendedKeyUsage", "2.5.29.37"),
    ("authorityInfoAccess", "1.3.6.1.5.5.7.1.1"),
    ("tlsfeature", "1.3.6.1.5.5.7.1.24"),
    ("nsCertType", "2.16.840.1.113730.1.1"),
    ("nsComment", "2.16.840.1.113730.1.13"),
    ("smimeCapabilities", "1.2.840.113549.1.9.15"),
    ("Microsoft certificate template", "1.3.6.1.4.1.311.21.7"),
    ("Microsoft application policies", "1.3.6.1.4.1.311.21.10"),
];

/// `subjectAltName (2.5.29.17)`, or the OID alone.
pub(super) fn extension(oid: &str) -> String {
    let named = EXTENSIONS.iter().find(|(_, known)| *known == oid);
    named.map_or_else(|| oid.to_owned(), |(name, oid)| format!("{name} ({oid})"))
}

/// The value of a word.
pub(super) fn value<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

/// The words of these values, with commas; `none` where there are none.
pub(super) fn list<T: PartialEq>(table: &[(&'static str, T)], values: &[T]) -> String {
    let words: Vec<&str> =
        table.iter().filter(|(_, value)| values.contains(value)).map(|(word, _)| *word).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// `did you mean 'X'?` where one is near, else all of them.
pub(super) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let known: Vec<&str> = known.collect();
    let near = known
        .iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4);
    match near {
        Some((_, candidate)) => format!("did you mean '{candidate}'?"),
        None => format!("there are: {}", known.join(", ")),
    }
}

/// Levenshtein's distance.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// At most 64 characters of somebody's text, safe for a terminal.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
