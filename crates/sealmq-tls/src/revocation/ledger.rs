//! The newest list of each CA that has been in force in this process: behind it no reload goes.
//!
//! Not on disk: after a restart the files count as they are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sealmq_pki::cert::PointName;
use sealmq_pki::crl::{Crl, CrlNumber, Scope};
use sealmq_pki::{KeyId, Timestamp};

/// One for each process. Bounded by the number of lists that its files ever held.
#[derive(Debug, Default)]
pub struct CrlLedger(Mutex<HashMap<Line, Held>>);

/// A line of lists in which each replaces the one before.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Line {
    issuer: Vec<u8>,
    key: Option<KeyId>,
    scope: Scope,
    points: Vec<PointName>,
}

/// The newest of a line.
#[derive(Clone, Debug)]
pub(super) struct Held {
    number: Option<CrlNumber>,
    this_update: Timestamp,
}

/// In what a list is older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backwards {
    /// cRLNumber.
    Number {
        /// Of the list in force.
        held: CrlNumber,
        /// Of the new one; it may have none.
        offered: Option<CrlNumber>,
    },
    /// thisUpdate.
    ThisUpdate {
        /// Of the list in force.
        held: Timestamp,
        /// Of the new one.
        offered: Timestamp,
    },
}

impl CrlLedger {
    /// An empty one.
    pub fn new() -> Arc<CrlLedger> {
        Arc::default()
    }

    pub(super) fn of(&self, signer: Option<&KeyId>, crl: &Crl) -> Option<Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&Line::of(signer, crl)).cloned()
    }

    pub(super) fn record<'a>(&self, lists: impl Iterator<Item = (Option<&'a KeyId>, &'a Crl)>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (signer, crl) in lists {
            let held = Held { number: crl.number().cloned(), this_update: crl.this_update() };
            let line = lines.entry(Line::of(signer, crl)).or_insert_with(|| held.clone());
            if line.backwards(crl).is_none() {
                *line = held;
            }
        }
    }
}

impl Line {
    fn of(signer: Option<&KeyId>, crl: &Crl) -> Line {
        Line {
            issuer: crl.issuer().der().to_vec(),
            key: signer.or_else(|| crl.authority_key_id()).cloned(),
            scope: crl.scope(),
            points: crl.points().to_vec(),
        }
    }
}

impl Held {
    pub(super) fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// In what `offered` is older than this; `None` where it is not.
    pub(super) fn backwards(&self, offered: &Crl) -> Option<Backwards> {
        match (&self.number, offered.number()) {
            (Some(held), number) if number.is_none_or(|number| number < held) => {
                return Some(Backwards::Number { held: held.clone(), offered: number.cloned() });
            }
            (Some(_) | None, _) => {}
        }
        (offered.this_update() < self.this_update)
            .then_some(Backwards::ThisUpdate { held: self.this_update, offered: offered.this_update() })
    }
}

impl fmt::Display for Backwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backwards::Number { held, offered: Some(offered) } => {
                write!(f, "number {offered}, in force is number {held}")
            }
            Backwards::Number { held, offered: None } => {
                write!(f, "it has no number, in force is number {held}")
            }
            Backwards::ThisUpdate { held, offered } => {
                write!(f, "made at {offered}, the one in force at {held}")
            }
        }
    }
}
