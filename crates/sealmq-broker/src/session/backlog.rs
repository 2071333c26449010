//! How much the sessions of a shard hold back, for `$SYS`: kept up to date with each message, never summed up over
//! sessions. One shard writes it, so no processor waits for another.

use crate::Message;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Messages in flight and queued in memory, over all sessions. A message that waits for several clients counts for each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backlog(Arc<Sums>);

#[derive(Debug, Default)]
struct Sums {
    messages: AtomicU64,
    payload_bytes: AtomicU64,
}

impl Backlog {
    pub(super) fn add(&self, message: &Message) {
        self.0.messages.fetch_add(1, Ordering::Relaxed);
        self.0.payload_bytes.fetch_add(message.payload.len() as u64, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, message: &Message) {
        self.0.messages.fetch_sub(1, Ordering::Relaxed);
        self.0.payload_bytes.fetch_sub(message.payload.len() as u64, Ordering::Relaxed);
    }

    pub(crate) fn messages(&self) -> u64 {
        self.0.messages.load(Ordering::Relaxed)
    }

    pub(crate) fn payload_bytes(&self) -> u64 {
        self.0.payload_bytes.load(Ordering::Relaxed)
    }
}
