//! The audit log: what was done to the CA, who did it, and a chain of hashes that shows when a record is missing.
//!
//! Each [`Record`] holds the SHA-256 of the one before, so a record that was changed, taken out, put in or moved is
//! found by [`Chain::follow`]. What a chain cannot show by itself is that its *end* was cut off, or that all of it was
//! written anew: for that the [`Head`] (number, hash and time of the last record) is signed by the issuing CA from time
//! to time and goes to every destination of the log. A chain that does not hold the record of such a head was cut or
//! rewritten. Whoever has the issuing key can sign another head, but not take back the one that a log already has.
//!
//! Not here: where records are kept and when heads are signed (the server's inventory).
//!
//! Invariants: the encoding of a record is injective (every text is preceded by its length); what is signed as a head
//! begins with words that no certificate, list or response of a CA begins with, so a head is never anything else.

mod head;
mod record;

use thiserror::Error;

pub use head::{Head, HeadError, SignedHead};
pub use record::{Digest, Draft, Record, Subject, What};

/// The end of a chain: what the next record follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Number of the last record; 0 where there is none.
    pub number: u64,
    /// Its hash; zeros where there is none.
    pub hash: Digest,
}

/// A chain as far as it was followed.
#[derive(Clone, Debug)]
pub struct Chain {
    tip: Tip,
    awaited: Vec<Head>,
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Broken {
    /// A number is missing, or comes twice.
    #[error("audit record {expected} is missing: record {found} stands in its place")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A record does not continue the one before.
    #[error(
        "audit record {number} does not follow the one before it: one of the two was changed or exchanged"
    )]
    Unlinked {
        /// The later of the two.
        number: u64,
    },
    /// A record is not what its hash says.
    #[error("audit record {number} was changed after it was written")]
    Changed {
        /// Its number.
        number: u64,
    },
    /// The chain has another record than the signed head says.
    #[error("audit record {number} is not the one that was signed at {at}: the log was written anew")]
    Rewritten {
        /// Its number.
        number: u64,
        /// When the head was signed.
        at: crate::time::Timestamp,
    },
    /// The chain ends before the signed head.
    #[error(
        "the audit log ends at record {last}, but record {signed} was signed at {at}: its end was cut off"
    )]
    Cut {
        /// The last record.
        last: u64,
        /// The record that the head names.
        signed: u64,
        /// When the head was signed.
        at: crate::time::Timestamp,
    },
}

impl Tip {
    /// Before the first record.
    pub const START: Tip = Tip { number: 0, hash: Digest::ZERO };
}

impl Chain {
    /// A chain from its first record on, which must hold the records of `heads`.
    pub fn whole(heads: Vec<Head>) -> Chain {
        Chain::after(Tip::START, heads)
    }

    /// A chain from the record after `tip` on, which nobody vouches for here. Heads that name an earlier record than
    /// `tip` are not checked.
    pub fn after(tip: Tip, heads: Vec<Head>) -> Chain {
        Chain { tip, awaited: heads.into_iter().filter(|head| head.number > tip.number).collect() }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// [`Broken`], and the chain is where it was.
    pub fn follow(&mut self, record: &Record) -> Result<(), Broken> {
        let expected = self.tip.number + 1;
        if record.number != expected {
            return Err(Broken::Gap { expected, found: record.number });
        }
        if record.previous != self.tip.hash {
            return Err(Broken::Unlinked { number: record.number });
        }
        if record.hash != record.digest() {
            return Err(Broken::Changed { number: record.number });
        }
        let other = |head: &&Head| head.number == record.number && head.hash != record.hash;
        if let Some(head) = self.awaited.iter().find(other) {
            return Err(Broken::Rewritten { number: record.number, at: head.at });
        }
        self.awaited.retain(|head| head.number != record.number);
        self.tip = Tip { number: record.number, hash: record.hash };
        Ok(())
    }

    /// What was followed last.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// Ends it: every head that was to come has come.
    ///
    /// # Errors
    /// [`Broken::Cut`].
    pub fn end(self) -> Result<Tip, Broken> {
        match self.awaited.iter().max_by_key(|head| head.number) {
            Some(head) => Err(Broken::Cut { last: self.tip.number, signed: head.number, at: head.at }),
            None => Ok(self.tip),
        }
    }
}

/// Follows a whole chain.
///
/// # Errors
/// [`Broken`], at the first place.
pub fn verify<'a>(records: impl IntoIterator<Item = &'a Record>, heads: Vec<Head>) -> Result<Tip, Broken> {
    let mut chain = Chain::whole(heads);
    for record in records {
        chain.follow(record)?;
    }
    chain.end()
}
