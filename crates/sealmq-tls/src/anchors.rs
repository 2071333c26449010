//! Which certificates of `cafile` and `capath` are trust anchors, which are intermediates, and which are neither.
//!
//! webpki takes whatever it is given as an anchor: it looks at no date, no CA flag, no keyUsage, no path length, no
//! self-signature (`trust_anchor.rs` of rustls-webpki says so). So all of that is looked at here, and the dates once
//! more at each use, since an anchor can end while we run.
//!
//! Invariants: an anchor is a self-signed CA certificate; a file that is only partly readable is not used at all.

use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use sealmq_pki::cert::{SelfSigned, Version};
use sealmq_pki::pem::{self, PemError};
use sealmq_pki::{Facts, Timestamp};
use thiserror::Error;

use crate::Finding;

/// A PEM text and where it came from (a path, for messages).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemSource {
    /// Path of the file as the user wrote it, or another name for where the text came from.
    pub origin: String,
    /// Its content.
    pub pem: Vec<u8>,
}

impl PemSource {
    /// A text with its origin.
    pub fn new(origin: impl Into<String>, pem: impl Into<Vec<u8>>) -> PemSource {
        PemSource { origin: origin.into(), pem: pem.into() }
    }
}

/// Why a file of CA certificates stops the start or the reload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnchorError {
    /// The PEM framing is broken.
    #[error("{origin}: {error}")]
    Pem {
        /// Where.
        origin: String,
        /// What.
        error: PemError,
    },
    /// A certificate block that is no certificate.
    #[error(
        "{origin}: block {block} (line {line}) is not a certificate that can be read: {reason}\n\
         hint: the file is damaged or was cut; nothing of it is used until every block parses"
    )]
    Block {
        /// Where.
        origin: String,
        /// Counted from 1 over all PEM blocks of the file.
        block: usize,
        /// Line of its BEGIN.
        line: usize,
        /// The field at fault.
        reason: String,
    },
    /// No certificate block at all.
    #[error(
        "{origin}: holds no certificate\nhint: put the root CA there, in PEM form (-----BEGIN CERTIFICATE-----)"
    )]
    Empty {
        /// Where.
        origin: String,
    },
    /// Client certificates are wanted and nothing vouches for any.
    #[error(
        "no trust anchor is left in {origins}, so no {whose} certificate could ever be accepted ({reason})\n\
         hint: append the self-signed root CA certificate that issued the {whose} certificates"
    )]
    NoAnchor {
        /// `client` or `server`.
        whose: &'static str,
        /// The files.
        origins: String,
        /// What became of the certificates in them.
        reason: String,
    },
}

/// A CA certificate that we trust or complete chains with.
#[derive(Clone, Debug)]
pub(crate) struct CaCertificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) facts: Facts,
    pub(crate) origin: String,
}

/// Anchors and intermediates of one listener or client.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustStore {
    pub(crate) anchors: Vec<CaCertificate>,
    /// The same, in the same order, as webpki wants them.
    pub(crate) webpki_anchors: Vec<TrustAnchor<'static>>,
    pub(crate) intermediates: Vec<CaCertificate>,
}

impl TrustStore {
    /// Reads and sorts the certificates of all sources.
    ///
    /// # Errors
    /// A block that does not parse, a source without any certificate.
    pub(crate) fn read(
        sources: &[PemSource],
        now: Timestamp,
    ) -> Result<(TrustStore, Vec<Finding>), AnchorError> {
        let mut store = TrustStore::default();
        let mut findings = Vec::new();
        for source in sources {
            for certificate in certificates(source, &mut findings)? {
                store.sort_in(certificate, now, &mut findings);
            }
        }
        Ok((store, findings))
    }

    /// Anchors that count at `now`.
    pub(crate) fn anchors_at(&self, now: Timestamp) -> impl Iterator<Item = &CaCertificate> {
        self.anchors.iter().filter(move |anchor| anchor.facts.is_current(now))
    }

    /// All CA certificates, anchors first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &CaCertificate> {
        self.anchors.iter().chain(&self.intermediates)
    }

    /// The names that a server sends so that a client can pick its certificate: every CA we know that counts now.
    pub(crate) fn names_at(&self, now: Timestamp) -> Vec<DistinguishedName> {
        let mut names: Vec<&[u8]> =
            self.all().filter(|ca| ca.facts.is_current(now)).map(|ca| ca.facts.subject.der()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| DistinguishedName::from(name.to_vec())).collect()
    }

    pub(crate) fn webpki_anchor_of(&self, anchor: &TrustAnchor<'_>) -> Option<&CaCertificate> {
        let index = self.webpki_anchors.iter().position(|a| std::ptr::eq(a, anchor) || a == anchor)?;
        self.anchors.get(index)
    }

    /// Adds a CA certificate of our own.
    pub(crate) fn sort_in(&mut self, ca: CaCertificate, now: Timestamp, findings: &mut Vec<Finding>) {
        if self.all().any(|known| known.der == ca.der) {
            return;
        }
        match standing(&ca.facts) {
            Standing::Anchor => self.add_anchor(ca, now, findings),
            Standing::Intermediate => self.add_intermediate(ca, now, findings),
            Standing::Neither(reason) => findings.push(Finding::new(
                "not-a-ca",
                format!("{}: '{}' is not used: {reason}", ca.origin, shown(&ca.facts)),
                "leave only CA certificates there; a device's or server's own certificate belongs into its 'certfile'",
            )),
        }
    }

    fn add_anchor(&mut self, ca: CaCertificate, now: Timestamp, findings: &mut Vec<Finding>) {
        let der = ca.der.clone();
        match webpki::anchor_from_trusted_cert(&der) {
            Ok(anchor) => {
                out_of_dates(&ca, "trust anchor", now, findings);
                self.webpki_anchors.push(anchor.to_owned());
                self.anchors.push(ca);
            }
            Err(error) => findings.push(Finding::new(
                "anchor-unusable",
                format!("{}: '{}' cannot be a trust anchor: {error}", ca.origin, shown(&ca.facts)),
                "reissue the CA certificate",
            )),
        }
    }

    fn add_intermediate(&mut self, ca: CaCertificate, now: Timestamp, findings: &mut Vec<Finding>) {
        out_of_dates(&ca, "intermediate CA", now, findings);
        self.intermediates.push(ca);
    }
}

/// What a certificate in a file of CAs is good for.
enum Standing {
    Anchor,
    Intermediate,
    Neither(&'static str),
}

fn standing(facts: &Facts) -> Standing {
    match (facts.version, facts.self_signed) {
        (Version::V1, SelfSigned::Yes) => Standing::Anchor,
        (Version::V1, _) => {
            Standing::Neither("a version 1 certificate that is not self-signed cannot say that it is a CA")
        }
        (Version::V2, _) => Standing::Neither("version 2 certificates are not supported"),
        (Version::V3, _) if !facts.basic_constraints.is_some_and(|bc| bc.ca) => {
            Standing::Neither("it is no CA certificate (basicConstraints does not say CA:TRUE)")
        }
        (Version::V3, _) if !facts.is_ca() => Standing::Neither("its keyUsage lacks keyCertSign"),
        (Version::V3, SelfSigned::Yes) => Standing::Anchor,
        (Version::V3, SelfSigned::No | SelfSigned::Mismatch) => Standing::Intermediate,
        (Version::V3, SelfSigned::Unverifiable) => {
            Standing::Neither("its own signature cannot be checked (SHA-1, MD5, or a key below RSA 2048)")
        }
    }
}

fn out_of_dates(ca: &CaCertificate, what: &str, now: Timestamp, findings: &mut Vec<Finding>) {
    if ca.facts.is_current(now) {
        return;
    }
    let problem = if now < ca.facts.not_before {
        format!("is not valid before {}", ca.facts.not_before)
    } else {
        format!("expired at {}", ca.facts.not_after)
    };
    findings.push(Finding::new(
        "ca-out-of-dates",
        format!("{}: the {what} '{}' {problem} and does not count", ca.origin, shown(&ca.facts)),
        "replace it with the renewed CA certificate, or look at the clock of this machine",
    ));
}

fn shown(facts: &Facts) -> String {
    facts.subject.rfc2253().escape_debug().to_string()
}

/// The certificates of one PEM text; everything else in it is a finding.
///
/// # Errors
/// Broken PEM, a block that is no certificate, no certificate at all.
pub(crate) fn certificates(
    source: &PemSource,
    findings: &mut Vec<Finding>,
) -> Result<Vec<CaCertificate>, AnchorError> {
    let origin = &source.origin;
    let blocks =
        pem::blocks(&source.pem).map_err(|error| AnchorError::Pem { origin: origin.clone(), error })?;
    let mut found = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let facts = Facts::parse(&block.der).map_err(|error| AnchorError::Block {
                    origin: origin.clone(),
                    block: index + 1,
                    line: block.line,
                    reason: error.to_string(),
                })?;
                let der = CertificateDer::from(block.der.to_vec());
                found.push(CaCertificate { der, facts, origin: origin.clone() });
            }
            label => findings.push(ignored(origin, label, index + 1)),
        }
    }
    if found.is_empty() { Err(AnchorError::Empty { origin: origin.clone() }) } else { Ok(found) }
}

fn ignored(origin: &str, label: &str, block: usize) -> Finding {
    if label.ends_with("PRIVATE KEY") {
        return Finding::new(
            "key-among-certificates",
            format!("{origin}: block {block} is a private key among certificates"),
            "move it into a file of its own with mode 0600; whoever reads certificates should not read it",
        );
    }
    Finding::new(
        "block-ignored",
        format!("{origin}: block {block} ('{}') is no certificate and is ignored", label.escape_debug()),
        "CRLs belong into 'crlfile'; convert 'TRUSTED CERTIFICATE' with `openssl x509 -in FILE -out NEW`",
    )
}
