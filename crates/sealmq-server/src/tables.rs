//! The three tables that exist once per process, behind locks: interest, retained, shared groups; and the places for
//! sessions, a number.
//!
//! The tables themselves are plain data of sealmq-broker. They are read with every publish and written with
//! subscriptions and retained messages, hence read-write locks; shared groups move a cursor with every pick, hence a
//! mutex, which a process without a shared subscription never takes. No lock is held while anything else is called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sealmq_broker::{
    ClientId, GroupTable, GroupsFull, Heap, Interest, InterestTable, Limits, Member, Message, Millis, Mono,
    Pick, Places, Presence, Retained, RetainedFull, RetainedMessage, RetainedTable, RetainedVersion, ShardId,
    ShardSet, SharedGroups, Tables, TrustGeneration,
};
use sealmq_mqtt::QoS;

/// Looks at the retained messages without being a shard: for `$SYS`.
#[derive(Clone)]
pub struct RetainedGauge(Arc<LockedRetained>);

/// How many retained messages there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetainedHeld {
    /// How many.
    pub messages: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
}

impl RetainedGauge {
    /// What is kept now.
    #[must_use]
    pub fn held(&self) -> RetainedHeld {
        let table = self.0.0.read().unwrap_or_else(PoisonError::into_inner);
        RetainedHeld { messages: table.len() as u64, payload_bytes: table.payload_bytes() as u64 }
    }
}

/// New, empty tables for all shards of a process, and what may look into them.
#[must_use]
pub fn new(limits: &Limits, trust: Arc<dyn TrustGeneration>) -> (Tables, RetainedGauge) {
    let table = RetainedTable::new(limits.retained_max, limits.retained_bytes_max);
    let retained = Arc::new(LockedRetained(RwLock::new(table)));
    let gauge = RetainedGauge(Arc::clone(&retained));
    let tables = Tables {
        interest: Arc::new(LockedInterest::default()),
        retained,
        groups: Arc::new(LockedGroups {
            used: AtomicBool::new(false),
            table: Mutex::new(GroupTable::new(limits.shared_members_max)),
        }),
        trust,
        places: Places::default(),
        heap: Heap::default(),
    };
    (tables, gauge)
}

// A panic under one of these locks ends the process (worker), so a poisoned lock is only ever seen on the way down.

#[derive(Default)]
struct LockedInterest(RwLock<InterestTable>);

impl Interest for LockedInterest {
    fn add(&self, filter: &str, shard: ShardId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).add(filter, shard);
    }

    fn remove(&self, filter: &str, shard: ShardId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(filter, shard);
    }

    fn shards(&self, topic: &str) -> ShardSet {
        self.0.read().unwrap_or_else(PoisonError::into_inner).shards(topic)
    }
}

struct LockedRetained(RwLock<RetainedTable>);

impl Retained for LockedRetained {
    fn store(&self, message: &Arc<Message>) -> Result<RetainedVersion, RetainedFull> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).store(message)
    }

    fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion {
        self.0.read().unwrap_or_else(PoisonError::into_inner).read(filter, found)
    }

    fn set_life(&self, life: Option<Millis>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).set_life(life);
    }

    fn sweep(&self, now: Mono) -> Option<Mono> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).sweep(now)
    }

    fn forget(&self, topic: &str, version: RetainedVersion) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).forget(topic, version);
    }
}

struct LockedGroups {
    /// Whether anyone has ever joined a group: until then nothing is picked and nothing locked.
    used: AtomicBool,
    table: Mutex<GroupTable>,
}

impl LockedGroups {
    fn lock(&self) -> MutexGuard<'_, GroupTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedGroups for LockedGroups {
    fn join(&self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull> {
        let mut table = self.lock();
        self.used.store(true, Ordering::Release);
        table.join(group, filter, member)
    }

    fn leave(&self, group: &str, filter: &str, client: &ClientId) {
        self.lock().leave(group, filter, client);
    }

    fn presence(&self, group: &str, filter: &str, client: &ClientId, presence: Presence) {
        self.lock().presence(group, filter, client, presence);
    }

    fn pick(&self, topic: &str, qos: QoS, picks: &mut Vec<Pick>) {
        if self.used.load(Ordering::Acquire) {
            self.lock().pick(topic, qos, picks);
        }
    }
}
