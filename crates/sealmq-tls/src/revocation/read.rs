//! From the files of `crlfile` to the lists that may count.

use std::collections::HashSet;
use std::sync::OnceLock;

use rustls::crypto::WebPkiSupportedAlgorithms;
use sealmq_pki::crl::{self, Crl};
use sealmq_pki::pem::{self, PemError};
use sealmq_pki::{KeyId, Timestamp};
use thiserror::Error;

use super::ledger::Backwards;
use super::{CrlSet, CrlSpec, List, may_sign_lists};
use crate::Finding;
use crate::anchors::TrustStore;
use crate::legacy;

/// The bytes of a file, PEM (any number of lists) or DER (one), and where they came from.
#[derive(Clone, PartialEq, Eq)]
pub struct CrlSource {
    /// Path of the file as the user wrote it.
    pub origin: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl CrlSource {
    /// A file's content with its path.
    pub fn new(origin: impl Into<String>, bytes: impl Into<Vec<u8>>) -> CrlSource {
        CrlSource { origin: origin.into(), bytes: bytes.into() }
    }
}

impl std::fmt::Debug for CrlSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrlSource").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Why the revocation lists stop the start or the reload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CrlError {
    /// The PEM framing is broken.
    #[error("{origin}: {error}")]
    Pem {
        /// Where.
        origin: String,
        /// What.
        error: PemError,
    },
    /// A list that cannot be read or must not be used.
    #[error("{origin}: block {block}: {error}")]
    List {
        /// Where.
        origin: String,
        /// Counted from 1 over all PEM blocks of the file; 1 for DER.
        block: usize,
        /// What.
        error: crl::CrlError,
    },
    /// No list at all.
    #[error(
        "{origin}: holds no CRL, so it could not be found out who was revoked\n\
         hint: put the CA's CRL there (`openssl ca -gencrl -out FILE`), also if nobody was revoked yet; or remove 'crlfile'"
    )]
    Empty {
        /// Where.
        origin: String,
    },
    /// Its CA is here, and did not sign it.
    #[error(
        "{origin}: the CRL of '{issuer}' was not signed by the key of the CA of that name\n\
         hint: has the CA a new key? put its new certificate into 'cafile'; otherwise this list is damaged or forged"
    )]
    Signature {
        /// Where.
        origin: String,
        /// RFC 2253, escaped.
        issuer: String,
    },
    /// Its CA may not sign lists.
    #[error(
        "{origin}: the CA '{issuer}' may not sign CRLs: its keyUsage lacks cRLSign\n\
         hint: reissue the CA certificate with 'keyUsage = keyCertSign, cRLSign' and the same key"
    )]
    NoCrlSign {
        /// Where.
        origin: String,
        /// RFC 2253, escaped.
        issuer: String,
    },
    /// It is older than one that has been in force.
    #[error(
        "{origin}: the CRL of '{issuer}' is older than the one in force: {why}\n\
         hint: bring the CA's newest CRL; who was revoked since would be let in again. If the older one is right, restart the broker"
    )]
    Backwards {
        /// Where.
        origin: String,
        /// RFC 2253, escaped.
        issuer: String,
        /// The two numbers or dates.
        why: Backwards,
    },
    /// It begins later than now, and one that counts is in force.
    #[error(
        "{origin}: the CRL of '{issuer}' is not valid before {this_update}\n\
         hint: compare the clocks of the CA's machine and of this one; the list in force is kept"
    )]
    Future {
        /// Where.
        origin: String,
        /// RFC 2253, escaped.
        issuer: String,
        /// When it begins.
        this_update: Timestamp,
    },
}

impl CrlSet {
    /// Reads all lists, checks who signed those whose CA is configured, and that none goes back.
    ///
    /// # Errors
    /// [`CrlError`]: nothing of it is used then.
    pub(crate) fn read(
        spec: &CrlSpec,
        store: &TrustStore,
        algorithms: &WebPkiSupportedAlgorithms,
        now: Timestamp,
    ) -> Result<(CrlSet, Vec<Finding>), CrlError> {
        let mut findings = Vec::new();
        let mut lists: Vec<List> = Vec::new();
        let mut known = HashSet::new();
        for source in &spec.sources {
            for (block, crl) in lists_of(source, &mut findings)? {
                // The hashed names of a folder are links to files that lie there too.
                if !known.insert(crl.fingerprint()) {
                    continue;
                }
                let list = List { crl, origin: named(source, block), signer: OnceLock::new() };
                list.find_signer(store, algorithms, &mut findings)?;
                list.not_backwards(spec, now)?;
                lists.push(list);
            }
        }
        if lists.is_empty() {
            let origins: Vec<&str> = spec.sources.iter().map(|source| source.origin.as_str()).collect();
            let origin = if origins.is_empty() { "crlfile".to_owned() } else { origins.join(", ") };
            return Err(CrlError::Empty { origin });
        }
        leave_out_the_older(&mut lists, &mut findings);
        let ledger = std::sync::Arc::clone(&spec.ledger);
        let set = CrlSet { lists, policy: spec.policy, check: spec.check, ledger };
        findings.extend(set.alarms(now).into_iter().map(|(_, finding)| finding));
        Ok((set, findings))
    }
}

impl List {
    /// The configured CA whose key signed it. None of that name: it may be the list of a CA that clients bring along.
    fn find_signer(
        &self,
        store: &TrustStore,
        algorithms: &WebPkiSupportedAlgorithms,
        findings: &mut Vec<Finding>,
    ) -> Result<(), CrlError> {
        let (origin, issuer) = (self.origin.clone(), self.issuer_shown());
        let named = || store.all().filter(|ca| ca.facts.subject == *self.crl.issuer());
        if named().next().is_none() {
            findings.push(Finding::new(
                "crl-of-another-issuer",
                format!("{origin}: the CRL is of '{issuer}', and no CA of that name is configured; it counts only for clients that bring that CA's certificate along"),
                "put that CA's certificate into 'cafile', or bring the CRL of the CA that issues the client certificates",
            ));
            return Ok(());
        }
        let mut signers =
            named().filter(|ca| legacy::signed_list(&self.crl, &ca.facts, algorithms.all)).peekable();
        if signers.peek().is_none() {
            return Err(CrlError::Signature { origin, issuer });
        }
        let Some(signer) = signers.find(|ca| may_sign_lists(&ca.facts)) else {
            return Err(CrlError::NoCrlSign { origin, issuer });
        };
        // Just made: nobody else has set it.
        let _ = self.signer.set(signer.facts.computed_key_id.clone());
        Ok(())
    }

    fn not_backwards(&self, spec: &CrlSpec, now: Timestamp) -> Result<(), CrlError> {
        let (origin, issuer) = (self.origin.clone(), self.issuer_shown());
        let Some(held) = spec.ledger.of(self.signer.get(), &self.crl) else { return Ok(()) };
        if let Some(why) = held.backwards(&self.crl) {
            return Err(CrlError::Backwards { origin, issuer, why });
        }
        let this_update = self.crl.this_update();
        if this_update > now && held.this_update() <= now {
            return Err(CrlError::Future { origin, issuer, this_update });
        }
        Ok(())
    }

    fn issuer_shown(&self) -> String {
        self.crl.issuer().rfc2253().escape_debug().to_string()
    }

    /// Lists that replace one another: of the same CA, about the same certificates.
    fn same_line(&self, other: &List) -> bool {
        let key = |list: &List| -> Option<KeyId> {
            list.signer.get().or_else(|| list.crl.authority_key_id()).cloned()
        };
        self.crl.issuer() == other.crl.issuer()
            && self.crl.scope() == other.crl.scope()
            && self.crl.points() == other.crl.points()
            && key(self) == key(other)
    }
}

/// A folder often holds last month's list beside this month's: the newest of a CA counts.
fn leave_out_the_older(lists: &mut Vec<List>, findings: &mut Vec<Finding>) {
    let newness = |list: &List| (list.crl.number().cloned(), list.crl.this_update());
    let mut kept: Vec<List> = Vec::new();
    for list in lists.drain(..) {
        let Some(at) = kept.iter().position(|other| other.same_line(&list)) else {
            kept.push(list);
            continue;
        };
        let older =
            if newness(&list) > newness(&kept[at]) { std::mem::replace(&mut kept[at], list) } else { list };
        findings.push(Finding::new(
            "crl-superseded",
            format!(
                "{}: a newer CRL of '{}' is there; this one is not used",
                older.origin,
                older.issuer_shown()
            ),
            "remove the older file",
        ));
    }
    *lists = kept;
}

fn named(source: &CrlSource, block: usize) -> String {
    if block == 1 { source.origin.clone() } else { format!("{} (block {block})", source.origin) }
}

/// The lists of one file.
fn lists_of(source: &CrlSource, findings: &mut Vec<Finding>) -> Result<Vec<(usize, Crl)>, CrlError> {
    let origin = &source.origin;
    let failed = |block, error| CrlError::List { origin: origin.clone(), block, error };
    // A CertificateList is a SEQUENCE; no PEM text begins with '0' and a byte that is a length of that size.
    if matches!(source.bytes.as_slice(), [0x30, length, ..] if *length >= 0x80) {
        return Ok(vec![(1, Crl::parse(source.bytes.clone()).map_err(|error| failed(1, error))?)]);
    }
    let blocks =
        pem::blocks(&source.bytes).map_err(|error| CrlError::Pem { origin: origin.clone(), error })?;
    let mut lists = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        if matches!(block.label.as_str(), "X509 CRL" | "CRL") {
            let crl = Crl::parse(block.der.to_vec()).map_err(|error| failed(index + 1, error))?;
            lists.push((index + 1, crl));
        } else {
            findings.push(Finding::new(
                "block-ignored",
                format!(
                    "{origin}: block {} ('{}') is no CRL and is ignored",
                    index + 1,
                    block.label.escape_debug()
                ),
                "CA certificates belong into 'cafile', certificates into 'certfile'",
            ));
        }
    }
    Ok(lists)
}
