//! What clients make a process hold, in bytes, over all shards: what `memory_limit` bounds.
//!
//! Counted is what grows with clients: each payload once, however many queues, packets or tables share it; places in
//! queues, sessions, subscriptions, connections, and what a shell holds for them ([`Heap::charge`]). The sizes beside
//! payloads are rounded up. Not counted: the program itself, its threads and configuration, and what the door lends to
//! strangers, which has a bound of its own. It decides nothing: the gates are where something new would be held.
//!
//! Invariant: what was counted is given back by being dropped, so that no path can forget it.

use crate::Message;
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A message without its payload, topic and properties.
const MESSAGE_BYTES: usize = 384;
/// A place in the window or queue of one session.
pub(crate) const ENTRY_BYTES: usize = 128;
/// A session without what it holds.
pub(crate) const SESSION_BYTES: usize = 1024;
/// A connection at rest, with TLS.
pub(crate) const CONNECTION_BYTES: usize = 16 * 1024;
/// A subscription in the trees and maps that know it, and each level of its filter; a retained message has as many.
const SUBSCRIPTION_BYTES: usize = 256;
const LEVEL_BYTES: usize = 128;

/// The bytes that are held, of one process.
#[derive(Debug, Clone, Default)]
pub struct Heap(Arc<AtomicUsize>);

impl Heap {
    /// How many.
    pub fn held(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts `bytes` until the charge is dropped or changed.
    pub fn charge(&self, bytes: usize) -> Charge {
        self.add(bytes);
        Charge { heap: self.clone(), bytes }
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// `message` with a payload that counts, with the message around it, as long as anybody holds it.
    pub(crate) fn counted(&self, mut message: Message) -> Message {
        let levels = if message.retain == crate::Retain::Retained { levels(&message.topic) } else { 0 };
        let charge = self.charge(MESSAGE_BYTES + message.size() + levels * LEVEL_BYTES);
        message.payload = Bytes::from_owner(Counted { payload: message.payload, _charge: charge });
        message
    }
}

/// What a subscription to `filter` counts for: it stands in two maps and in two trees.
pub(crate) fn subscription_bytes(filter: &str) -> usize {
    SUBSCRIPTION_BYTES + 3 * filter.len() + levels(filter) * LEVEL_BYTES
}

fn levels(topic: &str) -> usize {
    topic.split('/').count()
}

/// Bytes that are counted until it is dropped.
#[derive(Debug)]
pub struct Charge {
    heap: Heap,
    bytes: usize,
}

impl Charge {
    /// Counts `bytes` from now on, instead of what it counted.
    pub fn resize(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.heap.add(bytes);
            self.heap.sub(self.bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.heap.sub(self.bytes);
    }
}

struct Counted {
    payload: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}
