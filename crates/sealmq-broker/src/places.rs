//! The places for sessions, counted over all shards of a process: what makes [`crate::Limits::sessions_max`] exact.
//!
//! A place is taken before a session begins and given back when it is dropped with its session; a client that begins
//! anew keeps the one it had, so no other shard can slip in between. Nothing else is decided here: which session a
//! place belongs to is its shard's business.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many sessions a process has.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<AtomicUsize>);

/// One session's place. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Places {
    /// Sessions of all shards, with those whose client is away.
    pub fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A place, if fewer than `max` are taken. Looking and taking are one step: two shards never share the last one.
    pub(crate) fn take(&self, max: usize) -> Option<Place> {
        let one_more = |taken: usize| (taken < max).then(|| taken + 1);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Place(Arc::clone(&self.0)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
