//! The trust generation: one atomic counter that says "judge your sessions again".
//!
//! Order matters: whoever changes trust (revocation, CA, CRL, identity rule, a certificate's end) *publishes* the new
//! state first and raises the counter afterwards. A reader that sees the new number therefore also sees the new
//! state; one that reads the counter *before* it judges and records that number can at worst judge once too often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number of the counter. Only [`TrustGeneration`] makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    /// The bare number, for tables and logs.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// The counter; one for each process, shared by door, shards and control socket.
#[derive(Debug, Default)]
pub struct TrustGeneration(AtomicU64);

impl TrustGeneration {
    /// A counter at its start.
    pub fn new() -> Arc<TrustGeneration> {
        Arc::default()
    }

    /// The present generation. Read it *before* judging, and store it with the judgment.
    pub fn current(&self) -> Generation {
        // Acquire pairs with Release below: what was published before the raise is visible after this load.
        Generation(self.0.load(Ordering::Acquire))
    }

    /// Publishes a new state and then raises the counter: the only way to raise it, so the order cannot be wrong.
    pub fn publish<T>(&self, publish: impl FnOnce() -> T) -> (T, Generation) {
        let published = publish();
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        (published, Generation(before + 1))
    }
}
