//! What is worth saying about one certificate by itself: for `cert show`, and beside a good chain.

use super::path::is_weak;
use super::specimen::Specimen;
use crate::cert::{ExtKeyUsage, KeyUsageBit, Version};
use crate::time::DAY_SECS;
use crate::{Facts, Timestamp};

/// Something that a person should know. Displays are the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable name.
    pub code: &'static str,
    /// What: lower case, no final dot.
    pub text: String,
    /// What mends it.
    pub hint: &'static str,
}

/// Servers' certificates for more than 825 days are refused by Apple's systems, and by people who audit.
const SERVER_DAYS_MAX: i64 = 825;

/// All that is worth saying about this certificate at `now`.
pub fn findings(specimen: &Specimen, now: Timestamp) -> Vec<Finding> {
    let facts = specimen.facts();
    [
        version_1(facts),
        dates(facts, now),
        weak_key(facts),
        weak_signature(facts),
        no_alt_name(facts),
        authority_without_usage(facts),
        too_long(facts),
        unreadable(specimen),
        many_names(facts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn finding(code: &'static str, text: impl Into<String>, hint: &'static str) -> Option<Finding> {
    Some(Finding { code, text: text.into(), hint })
}

fn version_1(facts: &Facts) -> Option<Finding> {
    if facts.version == Version::V3 {
        return None;
    }
    finding(
        "version-1",
        format!("it is X.509 version {}: no SAN, no purpose, no CA flag", facts.version),
        "reissue it as version 3: `sealmq cert reissue FILE` (same key and names, from this computer's CA), or `openssl x509 -req` with -extfile",
    )
}

fn dates(facts: &Facts, now: Timestamp) -> Option<Finding> {
    if facts.not_after < facts.not_before {
        return finding("never-valid", "it ends before it begins", "issue it again");
    }
    if now < facts.not_before {
        let text = format!("it is not valid before {}", facts.not_before);
        return finding("not-yet-valid", text, "look at the clock of this computer (date -u)");
    }
    if now > facts.not_after {
        return finding("expired", format!("it {}", facts.ends_in(now)), "renew it");
    }
    None
}

fn weak_key(facts: &Facts) -> Option<Finding> {
    if !is_weak(&facts.key) {
        return None;
    }
    finding("weak-key", format!("its key is {}", facts.key), "make a new key: P-256 or RSA 2048")
}

fn weak_signature(facts: &Facts) -> Option<Finding> {
    let name = facts.signature_algorithm.to_ascii_lowercase();
    if !name.contains("sha1") && !name.contains("md5") {
        return None;
    }
    let text = format!("it is signed with {}", facts.signature_algorithm);
    finding("weak-signature", text, "reissue it with SHA-256")
}

fn is_authority(facts: &Facts) -> bool {
    facts.basic_constraints.is_some_and(|constraints| constraints.ca)
}

fn is_server(facts: &Facts) -> bool {
    facts.ext_key_usage.as_ref().is_some_and(|usages| usages.contains(&ExtKeyUsage::ServerAuth))
}

fn no_alt_name(facts: &Facts) -> Option<Finding> {
    let client_only = facts.ext_key_usage.is_some() && !is_server(facts);
    let is_root = facts.is_self_issued();
    if facts.version != Version::V3 || is_authority(facts) || client_only || is_root {
        return None;
    }
    if !facts.alt_names.is_empty() {
        return None;
    }
    finding(
        "no-san",
        "it has no subjectAltName",
        "a server's certificate needs every name and address that clients dial as SAN; a client's does not",
    )
}

fn authority_without_usage(facts: &Facts) -> Option<Finding> {
    if !is_authority(facts) {
        return None;
    }
    match facts.key_usage {
        None => finding(
            "ca-without-key-usage",
            "it is a CA without keyUsage: `openssl verify -x509_strict` refuses it",
            "reissue the CA with keyUsage=critical,keyCertSign,cRLSign",
        ),
        Some(usage) if !usage.has(KeyUsageBit::KeyCertSign) => finding(
            "ca-may-not-sign",
            "it says CA:TRUE, but its keyUsage lacks keyCertSign",
            "reissue the CA with keyUsage=critical,keyCertSign,cRLSign",
        ),
        Some(_) => None,
    }
}

fn too_long(facts: &Facts) -> Option<Finding> {
    let days = facts.not_after.secs_since(facts.not_before) / DAY_SECS;
    if !is_server(facts) || is_authority(facts) || days <= SERVER_DAYS_MAX {
        return None;
    }
    finding(
        "too-long",
        format!(
            "it is a server's and valid for {days} days; some systems refuse more than {SERVER_DAYS_MAX}"
        ),
        "issue it for a year or less, and renew it by a machine",
    )
}

fn unreadable(specimen: &Specimen) -> Option<Finding> {
    let oids = specimen.unreadable();
    if oids.is_empty() {
        return None;
    }
    let text = format!(
        "extensions that cannot be read: {}",
        oids.iter().take(20).cloned().collect::<Vec<_>>().join(", ")
    );
    finding("broken-extension", super::path::clean(&text), "issue it again with another tool")
}

fn many_names(facts: &Facts) -> Option<Finding> {
    let count = facts.subject.common_names().len();
    if count < 2 {
        return None;
    }
    finding(
        "several-common-names",
        format!("its subject has {count} CNs"),
        "issue it with one: a broker cannot tell which is the user name",
    )
}
