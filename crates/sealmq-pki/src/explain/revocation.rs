//! What revocation lists say about one link of a chain (RFC 5280 §6.3.3), in words.
//!
//! Like `sealmq-tls`, but without grace and ledger: a list counts between its dates, for the CA whose key signed it.

use super::problem::{Problem, ProblemCode};
use super::specimen::Specimen;
use crate::cert::{KeyUsageBit, Signature, explain_raw};
use crate::crl::{Crl, CrlError, Depth};
use crate::{Facts, Timestamp};

/// One list, usable or not, and where it came from.
#[derive(Debug)]
pub struct List {
    origin: String,
    read: Result<Crl, CrlError>,
}

impl List {
    /// Reads a list, DER. One that cannot be used is kept: it makes revocation unknown wherever lists are asked for.
    pub fn read(der: Vec<u8>, origin: impl Into<String>) -> List {
        List { origin: origin.into(), read: Crl::parse(der) }
    }

    /// The list, or why it cannot be used.
    ///
    /// # Errors
    /// Broken, partial, with unknown critical extensions.
    pub fn crl(&self) -> Result<&Crl, &CrlError> {
        self.read.as_ref()
    }
}

/// Lists that cannot be used, whomever they are about.
pub(super) fn unusable(lists: &[List]) -> impl Iterator<Item = Problem> {
    lists.iter().filter_map(|list| {
        let error = list.read.as_ref().err()?.to_string();
        let what = error.split('\n').next().unwrap_or_default();
        Some(Problem::new(ProblemCode::CrlUnusable, 0, format!("{}: {what}", list.origin)))
    })
}

/// What the lists say about `subject`, which `issuer` signed.
pub(super) fn check(
    lists: &[List],
    subject: &Specimen,
    issuer: &Facts,
    depth: usize,
    at: Timestamp,
) -> Option<Problem> {
    let mut not_now = None;
    let mut counts = false;
    let is_ca = subject.facts().basic_constraints.is_some_and(|bc| bc.ca);
    let place = if is_ca { Depth::Authority } else { Depth::Leaf };
    let usable = lists.iter().filter_map(|list| Some((list, list.read.as_ref().ok()?)));
    for (list, crl) in usable.filter(|(_, crl)| *crl.issuer() == issuer.subject) {
        let problem = |code, text: String| Problem::new(code, depth, format!("{}: {text}", list.origin));
        if let Some(reason) = not_by(crl, issuer) {
            not_now.get_or_insert_with(|| problem(ProblemCode::CrlSignature, reason.to_owned()));
            continue;
        }
        if let Some(reason) = crl.revoked(&subject.facts().serial) {
            let text = format!("serial {} is on the CRL, reason {}", subject.facts().serial, reason.as_str());
            return Some(problem(ProblemCode::Revoked, text));
        }
        if !crl.covers(subject.facts(), place) {
            not_now.get_or_insert_with(|| {
                problem(ProblemCode::NoCrl, "the CRL is limited to other certificates".to_owned())
            });
        } else if at < crl.this_update() {
            let text = format!("the CRL begins at {}", crl.this_update());
            not_now.get_or_insert_with(|| problem(ProblemCode::CrlNotYet, text));
        } else if at >= crl.next_update() {
            let text = format!("the CRL ended at {}", crl.next_update());
            not_now.get_or_insert_with(|| problem(ProblemCode::CrlEnded, text));
        } else {
            counts = true;
        }
    }
    if counts {
        return None;
    }
    let nowhere = || {
        let issuer = super::path::shown(&issuer.subject);
        Problem::new(ProblemCode::NoCrl, depth, format!("no CRL of '{issuer}' is here"))
    };
    Some(not_now.unwrap_or_else(nowhere))
}

/// Why a list with the issuer's name is not the issuer's.
fn not_by(crl: &Crl, issuer: &Facts) -> Option<&'static str> {
    if issuer.key_usage.is_some_and(|usage| !usage.has(KeyUsageBit::CrlSign)) {
        return Some("the keyUsage of the issuer does not allow it to sign CRLs");
    }
    match explain_raw(crl.signature_algorithm(), crl.signed(), crl.signature(), issuer) {
        Ok(Signature::Verified) => None,
        Ok(Signature::VerifiedButWeak) => Some("the CRL is signed with an algorithm that is too weak"),
        Ok(Signature::Unverifiable) => Some("the signature of the CRL cannot be checked"),
        Ok(Signature::Wrong) | Err(_) => Some("the CRL is not signed by the issuer's key"),
    }
}
