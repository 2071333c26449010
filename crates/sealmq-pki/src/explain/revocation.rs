//! What revocation lists say about one link of a chain (RFC 5280 §6.3.3), in words.
//!
//! Like `sealmq-tls`, but without grace and ledger: a list counts between its dates, for the CA whose key signed it.

use super::names::CanonicalName;
use super::problem::{Problem, ProblemCode};
use super::specimen::Specimen;
use crate::cert::{KeyUsageBit, Signature, explain_raw};
use crate::crl::{self, Crl, CrlError, Depth};
use crate::{Facts, Timestamp};

/// One list, usable or not, and where it came from.
#[derive(Debug)]
pub struct List {
    origin: String,
    /// Whose it is; `None`: that cannot be read either.
    issuer: Option<CanonicalName>,
    read: Result<Crl, CrlError>,
}

impl List {
    /// Reads a list, DER. One that cannot be used is kept: it makes revocation unknown for its issuer's certificates.
    pub fn read(der: Vec<u8>, origin: impl Into<String>) -> List {
        let issuer = crl::issuer_of(&der).ok().map(|name| CanonicalName::of(&name));
        List { origin: origin.into(), issuer, read: Crl::parse(der) }
    }

    /// The list, or why it cannot be used.
    ///
    /// # Errors
    /// Broken, partial, with unknown critical extensions.
    pub fn crl(&self) -> Result<&Crl, &CrlError> {
        self.read.as_ref()
    }
}

/// What the lists say about `subject`. `above` is the path from its issuer upwards: a CA that changed its key signs its
/// lists with another of its keys, and that counts where a certificate of the same name in the path holds it (RFC 5280
/// §6.3.3 (f)).
pub(super) fn check(
    lists: &[List],
    subject: &Specimen,
    above: &[&Facts],
    depth: usize,
    at: Timestamp,
) -> Option<Problem> {
    let issuer = *above.first()?;
    let name = CanonicalName::of(&issuer.subject);
    if let Some(problem) = unusable(lists, &name, depth) {
        return Some(problem);
    }
    let mut not_now = None;
    let mut counts = false;
    let is_ca = subject.facts().basic_constraints.is_some_and(|bc| bc.ca);
    let place = if is_ca { Depth::Authority } else { Depth::Leaf };
    let of_issuer = lists.iter().filter(|list| list.issuer.as_ref() == Some(&name));
    for (list, crl) in of_issuer.filter_map(|list| Some((list, list.read.as_ref().ok()?))) {
        let problem = |code, text: String| Problem::new(code, depth, format!("{}: {text}", list.origin));
        if let Some(reason) = not_by_any(crl, above, &name) {
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

/// A list of this issuer, or of nobody knows whom, that cannot be used: a delta or a partial list may hold what no other
/// list holds.
fn unusable(lists: &[List], issuer: &CanonicalName, depth: usize) -> Option<Problem> {
    let concerns = |list: &&List| list.issuer.as_ref().is_none_or(|name| name == issuer);
    lists.iter().filter(concerns).find_map(|list| {
        let error = list.read.as_ref().err()?.to_string();
        let what = error.split('\n').next().unwrap_or_default();
        Some(Problem::new(ProblemCode::CrlUnusable, depth, format!("{}: {what}", list.origin)))
    })
}

/// Why a list with this name is not the issuer's by any of its keys in the path; the reason of the first of them.
fn not_by_any(crl: &Crl, above: &[&Facts], name: &CanonicalName) -> Option<&'static str> {
    let of_name = above.iter().filter(|facts| CanonicalName::of(&facts.subject) == *name);
    let mut reasons = Vec::new();
    for signer in of_name {
        reasons.push(not_by(crl, signer)?);
    }
    reasons.first().copied()
}

/// Why a list is not by this key.
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
