//! One row type for a certificate and one for a list: the tables for people and the JSON are both made of them.

use sealmq_pki::cert::{ExtKeyUsage, KeyUsageBit, SelfSigned};
use sealmq_pki::crl::{Crl, Scope};
use sealmq_pki::csr::{Csr, Requested, RequestedValue};
use sealmq_pki::explain::{self, Specimen, UrlKind};
use sealmq_pki::{Facts, Fingerprint, KeyId, Timestamp};
use serde::Serialize;

use super::clean;

/// Names of one certificate that are shown; the JSON has all.
const NAMES_SHOWN_MAX: usize = 40;

/// What a certificate says.
#[derive(Debug, Serialize)]
pub(super) struct CertificateRow {
    kind: &'static str,
    origin: String,
    version: u8,
    subject: String,
    issuer: String,
    serial: String,
    not_before: String,
    not_after: String,
    /// Negative once it has ended.
    left_secs: i64,
    left: String,
    names: Vec<String>,
    key: String,
    signature_algorithm: String,
    self_signed: &'static str,
    ca: bool,
    path_len: Option<u32>,
    key_usage: Option<Vec<&'static str>>,
    ext_key_usage: Option<Vec<String>>,
    subject_key_id: Option<String>,
    authority_key_id: Option<String>,
    computed_key_id: String,
    crl_urls: Vec<String>,
    ocsp_urls: Vec<String>,
    issuer_urls: Vec<String>,
    extensions: Vec<String>,
    critical_extensions: Vec<String>,
    /// As `%{fingerprint}` spells it.
    sha256: String,
    /// As `openssl x509 -fingerprint -sha256` prints it.
    sha256_openssl: String,
    public_key_sha256: String,
    findings: Vec<FindingRow>,
}

/// Something to mend.
#[derive(Debug, Serialize)]
pub(super) struct FindingRow {
    code: &'static str,
    text: String,
    hint: &'static str,
}

impl FindingRow {
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The same, with the file in front.
    pub(super) fn about(mut self, origin: &str) -> FindingRow {
        self.text = format!("{origin}: {}", self.text);
        self
    }

    pub(super) fn lines(&self) -> [String; 2] {
        [format!("  ! {}: {}", self.code, self.text), format!("    hint: {}", self.hint)]
    }
}

const KEY_USAGES: [(KeyUsageBit, &str); 9] = [
    (KeyUsageBit::DigitalSignature, "digitalSignature"),
    (KeyUsageBit::NonRepudiation, "nonRepudiation"),
    (KeyUsageBit::KeyEncipherment, "keyEncipherment"),
    (KeyUsageBit::DataEncipherment, "dataEncipherment"),
    (KeyUsageBit::KeyAgreement, "keyAgreement"),
    (KeyUsageBit::KeyCertSign, "keyCertSign"),
    (KeyUsageBit::CrlSign, "cRLSign"),
    (KeyUsageBit::EncipherOnly, "encipherOnly"),
    (KeyUsageBit::DecipherOnly, "decipherOnly"),
];

impl CertificateRow {
    pub(super) fn of(specimen: &Specimen, now: Timestamp) -> CertificateRow {
        let facts = specimen.facts();
        let urls = |kind| {
            let of_kind = specimen.urls().iter().filter(move |url| url.kind == kind);
            of_kind.map(|url| clean(&url.text)).collect::<Vec<_>>()
        };
        CertificateRow {
            kind: "certificate",
            origin: specimen.origin().to_owned(),
            version: facts.version.to_string().parse().unwrap_or(0),
            subject: clean(&facts.subject.rfc2253()),
            issuer: clean(&facts.issuer.rfc2253()),
            serial: facts.serial.to_string(),
            not_before: facts.not_before.to_string(),
            not_after: facts.not_after.to_string(),
            left_secs: facts.not_after.secs_since(now),
            left: facts.ends_in(now),
            names: facts.alt_names.iter().map(|name| clean(&name.to_string())).collect(),
            key: facts.key.to_string(),
            signature_algorithm: facts.signature_algorithm.clone(),
            self_signed: match facts.self_signed {
                SelfSigned::Yes => "yes",
                SelfSigned::No => "no",
                SelfSigned::Mismatch => "named so, but signed by another key",
                SelfSigned::Unverifiable => "named so, the signature cannot be checked",
            },
            ca: facts.basic_constraints.is_some_and(|constraints| constraints.ca),
            path_len: facts.basic_constraints.and_then(|constraints| constraints.path_len),
            key_usage: facts.key_usage.map(|usage| {
                KEY_USAGES.iter().filter(|(bit, _)| usage.has(*bit)).map(|(_, name)| *name).collect()
            }),
            ext_key_usage: facts.ext_key_usage.as_ref().map(|usages| usages.iter().map(purpose).collect()),
            subject_key_id: facts.subject_key_id.as_ref().map(key_id),
            authority_key_id: facts.authority_key_id.as_ref().map(key_id),
            computed_key_id: key_id(&facts.computed_key_id),
            crl_urls: urls(UrlKind::Crl),
            ocsp_urls: urls(UrlKind::Ocsp),
            issuer_urls: urls(UrlKind::Issuer),
            extensions: facts.extensions.clone(),
            critical_extensions: facts.critical_extensions.clone(),
            sha256: facts.fingerprint.to_string(),
            sha256_openssl: colons(&facts.fingerprint),
            public_key_sha256: facts.spki_sha256.to_string(),
            findings: found(specimen, now),
        }
    }

    /// Lines of a table.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.origin.clone()];
        let mut line = |label: &str, value: &str| lines.push(format!("  {label:<15} {value}"));
        line("subject", or_empty(&self.subject));
        line("issuer", or_empty(&self.issuer));
        line("serial", &self.serial);
        line("valid", &format!("{} to {} ({})", self.not_before, self.not_after, self.left));
        let shown: Vec<&str> = self.names.iter().take(NAMES_SHOWN_MAX).map(String::as_str).collect();
        let more = self.names.len().saturating_sub(NAMES_SHOWN_MAX);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        line("names (SAN)", &if shown.is_empty() { "none".to_owned() } else { shown.join(", ") + &more });
        line("key", &self.key);
        line("purpose", &self.purposes());
        line("version", &self.version.to_string());
        line("signed with", &self.signature_algorithm);
        line("self-signed", self.self_signed);
        line("key id", self.subject_key_id.as_deref().unwrap_or("none"));
        line("issuer's key id", self.authority_key_id.as_deref().unwrap_or("none"));
        for (label, urls) in
            [("CRL", &self.crl_urls), ("OCSP", &self.ocsp_urls), ("issuer at", &self.issuer_urls)]
        {
            urls.iter().take(10).for_each(|url| line(label, url));
        }
        line("SHA-256", &self.sha256);
        line("  as openssl", &self.sha256_openssl);
        line("public key", &self.public_key_sha256);
        for finding in &self.findings {
            lines.extend(finding.lines());
        }
        lines
    }

    fn purposes(&self) -> String {
        let ca = match (self.ca, self.path_len) {
            (true, Some(max)) => format!("CA (pathlen {max})"),
            (true, None) => "CA".to_owned(),
            (false, _) => "no CA".to_owned(),
        };
        let usages = self.key_usage.as_ref().map(|usages| usages.join(", "));
        let purposes = self.ext_key_usage.as_ref().map(|usages| clean(&usages.join(", ")));
        let parts = [Some(ca), usages, Some(purposes.unwrap_or_else(|| "any purpose".to_owned()))];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn or_empty(text: &str) -> &str {
    if text.is_empty() { "(empty)" } else { text }
}

fn key_id(id: &KeyId) -> String {
    clean(&id.to_string())
}

fn purpose(usage: &ExtKeyUsage) -> String {
    match usage {
        ExtKeyUsage::Any => "anyExtendedKeyUsage".to_owned(),
        ExtKeyUsage::ServerAuth => "serverAuth".to_owned(),
        ExtKeyUsage::ClientAuth => "clientAuth".to_owned(),
        ExtKeyUsage::Other(oid) => match oid.as_str() {
            "1.3.6.1.5.5.7.3.3" => "codeSigning".to_owned(),
            "1.3.6.1.5.5.7.3.4" => "emailProtection".to_owned(),
            "1.3.6.1.5.5.7.3.8" => "timeStamping".to_owned(),
            "1.3.6.1.5.5.7.3.9" => "OCSPSigning".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// `AB:CD:…`.
fn colons(fingerprint: &Fingerprint) -> String {
    let text = fingerprint.to_string().to_ascii_uppercase();
    let pairs: Vec<&str> = (0..text.len()).step_by(2).filter_map(|at| text.get(at..at + 2)).collect();
    pairs.join(":")
}

pub(super) fn found(specimen: &Specimen, now: Timestamp) -> Vec<FindingRow> {
    let findings = explain::findings(specimen, now).into_iter();
    findings
        .map(|finding| FindingRow { code: finding.code, text: finding.text, hint: finding.hint })
        .collect()
}

/// What a revocation list says.
#[derive(Debug, Serialize)]
pub(super) struct CrlRow {
    kind: &'static str,
    origin: String,
    issuer: String,
    this_update: String,
    next_update: String,
    left_secs: i64,
    left: String,
    number: Option<String>,
    revoked: usize,
    scope: &'static str,
    authority_key_id: Option<String>,
    sha256: String,
}

impl CrlRow {
    pub(super) fn of(crl: &Crl, origin: &str, now: Timestamp) -> CrlRow {
        let next = crl.next_update();
        CrlRow {
            kind: "crl",
            origin: origin.to_owned(),
            issuer: clean(&crl.issuer().rfc2253()),
            this_update: crl.this_update().to_string(),
            next_update: next.to_string(),
            left_secs: next.secs_since(now),
            left: sealmq_pki::time::ends_in(next, now),
            number: crl.number().map(ToString::to_string),
            revoked: crl.len(),
            scope: match crl.scope() {
                Scope::All => "all certificates of its issuer",
                Scope::Leaves => "leaves only",
                Scope::Authorities => "CA certificates only",
            },
            authority_key_id: crl.authority_key_id().map(key_id),
            sha256: crl.fingerprint().to_string(),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} (revocation list)", self.origin)];
        let mut line = |label: &str, value: &str| lines.push(format!("  {label:<15} {value}"));
        line("issuer", or_empty(&self.issuer));
        line("number", self.number.as_deref().unwrap_or("none"));
        line("valid", &format!("{} to {} ({})", self.this_update, self.next_update, self.left));
        line("revoked", &format!("{} certificates", self.revoked));
        line("about", self.scope);
        line("issuer's key id", self.authority_key_id.as_deref().unwrap_or("none"));
        line("SHA-256", &self.sha256);
        if self.left_secs < 0 {
            lines.push("  ! crl-ended: the list is out of date".to_owned());
            lines.push("    hint: bring the CA's newest list (openssl ca -gencrl -out FILE)".to_owned());
        }
        lines
    }
}

/// What a certificate request says. Its signature by its own key was verified when it was read.
#[derive(Debug, Serialize)]
pub(super) struct RequestRow {
    kind: &'static str,
    origin: String,
    subject: String,
    key: String,
    names: Vec<String>,
    /// Every extension that it asks for, in words.
    requested: Vec<String>,
    public_key_sha256: String,
}

impl RequestRow {
    pub(super) fn of(csr: &Csr, origin: &str) -> RequestRow {
        let names = csr.requested().iter().flat_map(|asked| match &asked.value {
            RequestedValue::AltNames(names) => names.iter().map(|name| clean(&name.to_string())).collect(),
            RequestedValue::KeyUsage(_)
            | RequestedValue::ExtKeyUsage(_)
            | RequestedValue::BasicConstraints(_)
            | RequestedValue::Other(_) => Vec::new(),
        });
        RequestRow {
            kind: "request",
            origin: origin.to_owned(),
            subject: clean(&csr.subject().rfc2253()),
            key: csr.public_key().kind().to_string(),
            names: names.collect(),
            requested: csr.requested().iter().map(requested).collect(),
            public_key_sha256: csr.public_key().sha256().to_string(),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} (certificate request)", self.origin)];
        let mut line = |label: &str, value: &str| lines.push(format!("  {label:<15} {value}"));
        line("subject", or_empty(&self.subject));
        line("key", &self.key);
        line("proof", "signed with its own key");
        line("names (SAN)", &if self.names.is_empty() { "none".to_owned() } else { self.names.join(", ") });
        self.requested.iter().for_each(|asked| line("asks for", asked));
        line("public key", &self.public_key_sha256);
        lines
    }
}

fn requested(asked: &Requested) -> String {
    let critical = if asked.critical { " (critical)" } else { "" };
    let what = match &asked.value {
        RequestedValue::AltNames(names) => format!("subjectAltName: {} names", names.len()),
        RequestedValue::KeyUsage(usage) => {
            let names = KEY_USAGES.iter().filter(|(bit, _)| usage.has(*bit)).map(|(_, name)| *name);
            format!("keyUsage: {}", names.collect::<Vec<_>>().join(", "))
        }
        RequestedValue::ExtKeyUsage(usages) => {
            format!("extendedKeyUsage: {}", usages.iter().map(purpose).collect::<Vec<_>>().join(", "))
        }
        RequestedValue::BasicConstraints(constraints) if constraints.ca => {
            "basicConstraints: CA:TRUE".to_owned()
        }
        RequestedValue::BasicConstraints(_) => "basicConstraints: CA:FALSE".to_owned(),
        RequestedValue::Other(value) => format!("{}: {} bytes", asked.oid, value.len()),
    };
    clean(&what) + critical
}

/// One line about a certificate of a chain.
pub(super) fn brief(facts: &Facts, at: Timestamp) -> String {
    format!(
        "'{}', serial {}, {}, valid {} to {} ({})",
        clean(&facts.subject.rfc2253()),
        facts.serial,
        facts.key,
        facts.not_before.date(),
        facts.not_after.date(),
        facts.ends_in(at)
    )
}
