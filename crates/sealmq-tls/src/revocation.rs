//! Certificate revocation lists of a listener: which of them count, and what they say about a path.
//!
//! Our own check, after the path was built: webpki leaves the end of a list to its caller, takes no version 1
//! certificates, and knows no grace. A list counts for the CA that has its issuer's name *and* the key that signed it;
//! whether the list says so itself (authorityKeyIdentifier) does not matter, since many do not.
//!
//! Invariants: a certificate whose issuer has no list that counts is refused; so is one that any list of its issuer
//! names, current or not; a list that is not used is an error or a finding, never silence.

mod ledger;
mod read;

use std::sync::{Arc, OnceLock};

use rustls::crypto::WebPkiSupportedAlgorithms;
use sealmq_pki::cert::KeyUsageBit;
use sealmq_pki::crl::{Crl, Depth};
use sealmq_pki::watch::Watched;
use sealmq_pki::{Facts, KeyId, Timestamp};

use crate::Finding;
use crate::failure::Refusal;
use crate::legacy;
use crate::path::Link;
use crate::symptoms::Code;
pub use ledger::CrlLedger;
pub use read::{CrlError, CrlSource};

/// What holds after a list's nextUpdate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlPolicy {
    /// Nothing: its issuer's certificates are refused at once, as mosquitto does.
    Strict,
    /// The last list serves for so many more seconds, with alarms; then they are refused.
    GraceSecs(u32),
}

impl CrlPolicy {
    /// Seven days.
    pub const DEFAULT: CrlPolicy = CrlPolicy::GraceSecs(7 * 86_400);

    const fn grace_secs(self) -> i64 {
        match self {
            CrlPolicy::Strict => 0,
            CrlPolicy::GraceSecs(secs) => secs as i64,
        }
    }
}

/// How much of a path is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlCheck {
    /// The client's certificate, as mosquitto does.
    Leaf,
    /// Every certificate below the anchor.
    Chain,
}

/// `crlfile` of a listener, and how it is used.
#[derive(Clone, Debug)]
pub struct CrlSpec {
    /// The files; at least one list must be in them.
    pub sources: Vec<CrlSource>,
    /// `crl_policy`.
    pub policy: CrlPolicy,
    /// `crl_check`.
    pub check: CrlCheck,
    /// What has been in force in this process: no list goes back behind it.
    pub ledger: Arc<CrlLedger>,
}

/// How far a list is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrlAge {
    /// thisUpdate lies ahead: it does not count yet.
    Future,
    /// In its first half.
    Fresh,
    /// In its second half: the next one should be here by now.
    PastHalf,
    /// Past nextUpdate and within the grace.
    Grace,
    /// Past all: it does not count any more.
    Ended,
}

/// The codes of the findings about a list's age: those of [`ServerTls::crl_alarms`](crate::ServerTls::crl_alarms).
pub const CRL_ALARMS: [&str; 4] = ["crl-not-yet-valid", "crl-past-half", "crl-in-grace", "crl-ended"];

/// The lists of a listener.
#[derive(Debug)]
pub(crate) struct CrlSet {
    lists: Vec<List>,
    policy: CrlPolicy,
    check: CrlCheck,
    ledger: Arc<CrlLedger>,
}

/// One list that may count.
#[derive(Debug)]
struct List {
    crl: Crl,
    origin: String,
    /// The key that signed it. Known from the start where its CA is configured; else found when a path first has it.
    signer: OnceLock<KeyId>,
}

impl CrlSet {
    /// Whether every certificate of this path may be used.
    ///
    /// `is_own` says which issuers are our own CA: their inventory is the truth, so a list for them may be absent.
    pub(crate) fn check(
        &self,
        links: &[Link],
        anchor: &Facts,
        algorithms: &WebPkiSupportedAlgorithms,
        is_own: impl Fn(&KeyId) -> bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let depths = match self.check {
            CrlCheck::Leaf => 1,
            CrlCheck::Chain => links.len(),
        };
        for (depth, link) in links.iter().enumerate().take(depths) {
            let issuer = links.get(depth + 1).map_or(anchor, |above| &above.facts);
            let answer = self.ask(link, issuer, depth, algorithms, now);
            match answer {
                Err(refusal) if refusal.code == Code::NoCrl && is_own(&link.issuer) => {}
                Err(refusal) => return Err(refusal),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn ask(
        &self,
        link: &Link,
        issuer: &Facts,
        depth: usize,
        algorithms: &WebPkiSupportedAlgorithms,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut not_now = None;
        let mut elsewhere = None;
        let mut counts = false;
        for list in self.lists.iter().filter(|list| list.is_of(issuer, algorithms)) {
            if let Some(reason) = list.crl.revoked(&link.serial) {
                let detail = format!("{} by the CRL in {}", reason.as_str(), list.origin);
                return Err(Refusal::about(Code::Revoked, &link.facts, detail));
            }
            let place = if depth == 0 { Depth::Leaf } else { Depth::Authority };
            if !list.crl.covers(&link.facts, place) {
                elsewhere.get_or_insert(&list.origin);
                continue;
            }
            match self.age(&list.crl, now) {
                CrlAge::Fresh | CrlAge::PastHalf | CrlAge::Grace => counts = true,
                CrlAge::Ended => {
                    not_now.get_or_insert((
                        Code::CrlEnded,
                        format!("nextUpdate of {} was {}", list.origin, list.crl.next_update()),
                    ));
                }
                CrlAge::Future => {
                    not_now.get_or_insert((
                        Code::CrlNotYet,
                        format!("thisUpdate of {} is {}", list.origin, list.crl.this_update()),
                    ));
                }
            }
        }
        match not_now {
            _ if counts => Ok(()),
            Some((code, detail)) => Err(Refusal::about(code, &link.facts, detail)),
            None => {
                let issuer = link.facts.issuer.rfc2253().escape_debug().to_string();
                let detail = match elsewhere {
                    Some(origin) => format!(
                        "the CRL of '{issuer}' in {origin} is about other certificates: its issuingDistributionPoint is limited to them"
                    ),
                    None => format!("no CRL of '{issuer}'"),
                };
                Err(Refusal::about(Code::NoCrl, &link.facts, detail))
            }
        }
    }

    fn age(&self, crl: &Crl, now: Timestamp) -> CrlAge {
        let (this, next) = (crl.this_update(), crl.next_update());
        let half = this.plus_secs(next.secs_since(this) / 2);
        match now {
            now if now < this => CrlAge::Future,
            now if now < half => CrlAge::Fresh,
            now if now < next => CrlAge::PastHalf,
            now if now < next.plus_secs(self.policy.grace_secs()) => CrlAge::Grace,
            _ => CrlAge::Ended,
        }
    }

    /// The moments at which a list begins or ceases to count.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Timestamp> {
        let grace = self.policy.grace_secs();
        self.lists
            .iter()
            .flat_map(move |list| [list.crl.this_update(), list.crl.next_update().plus_secs(grace)])
    }

    /// The lists, as what ends.
    pub(crate) fn watched(&self) -> impl Iterator<Item = Watched> {
        self.lists.iter().map(|list| Watched::list(&list.crl, list.origin.as_str()))
    }

    /// What should be said about the lists now: each with its age, so that a change of age can be noticed.
    pub(crate) fn alarms(&self, now: Timestamp) -> Vec<(CrlAge, Finding)> {
        self.lists
            .iter()
            .filter_map(|list| {
                let age = self.age(&list.crl, now);
                self.alarm(list, age).map(|finding| (age, finding))
            })
            .collect()
    }

    fn alarm(&self, list: &List, age: CrlAge) -> Option<Finding> {
        let (origin, next) = (&list.origin, list.crl.next_update());
        let last = next.plus_secs(self.policy.grace_secs());
        let issuer = list.crl.issuer().rfc2253().escape_debug().to_string();
        let (code, text) = match age {
            CrlAge::Fresh => return None,
            CrlAge::Future => (
                "crl-not-yet-valid",
                format!(
                    "{origin}: the CRL of '{issuer}' begins at {}; until then its clients are refused",
                    list.crl.this_update()
                ),
            ),
            CrlAge::PastHalf => (
                "crl-past-half",
                format!(
                    "{origin}: the CRL of '{issuer}' is past half of its life and ends at {next}; no newer one is here"
                ),
            ),
            CrlAge::Grace => (
                "crl-in-grace",
                format!(
                    "{origin}: the CRL of '{issuer}' ended at {next}; who was revoked since is not known, and from {last} on all its clients are refused"
                ),
            ),
            CrlAge::Ended => (
                "crl-ended",
                format!("{origin}: the CRL of '{issuer}' ended at {next}; all its clients are refused"),
            ),
        };
        Some(Finding::new(
            code,
            text,
            "bring the CA's newest CRL (`openssl ca -gencrl -out FILE`) and reload (SIGHUP); look at the clock if it is new",
        ))
    }

    /// From now on no list older than these is taken.
    pub(crate) fn in_force(&self) {
        self.ledger.record(self.lists.iter().map(|list| (list.signer.get(), &list.crl)));
    }
}

impl List {
    /// Whether this issuer made it: its name, its key, and the right to sign lists.
    fn is_of(&self, issuer: &Facts, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        if *self.crl.issuer() != issuer.subject || !may_sign_lists(issuer) {
            return false;
        }
        match self.signer.get() {
            Some(signer) => *signer == issuer.computed_key_id,
            None => {
                let signed = legacy::signed_list(&self.crl, issuer, algorithms.all);
                if signed {
                    // Whoever was first found the same: there is one signer.
                    let _ = self.signer.set(issuer.computed_key_id.clone());
                }
                signed
            }
        }
    }
}

/// RFC 5280 §4.2.1.3: cRLSign, where keyUsage is present.
fn may_sign_lists(issuer: &Facts) -> bool {
    issuer.key_usage.is_none_or(|usage| usage.has(KeyUsageBit::CrlSign))
}
