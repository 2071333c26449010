//! How much the sessions of a shard hold back, for `$SYS`: kept up to date with each message, never summed up over
//! sessions. One shard writes it, so no processor waits for another.

use crate::{Heap, Message, heap::ENTRY_BYTES};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Messages in flight and queued in memory, over all sessions. A message that waits for several clients counts for each.
#[derive(Debug, Clone)]
pub(crate) struct Backlog(Arc<Sums>, Heap);

#[derive(Debug, Default)]
struct Sums {
    messages: AtomicU64,
    payload_bytes: AtomicU64,
}

impl Backlog {
    pub(crate) fn new(heap: Heap) -> Backlog {
        Backlog(Arc::default(), heap)
    }

    pub(super) fn add(&self, message: &Message) {
        self.1.add(ENTRY_BYTES);
        self.0.messages.fetch_add(1, Ordering::Relaxed);
        self.0.payload_bytes.fetch_add(message.payload.len() as u64, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, message: &Message) {
        self.1.sub(ENTRY_BYTES);
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
