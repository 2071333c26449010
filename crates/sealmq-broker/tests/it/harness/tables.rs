//! The shared tables and a judgment, as a test has them.

use sealmq_broker::{
    Admission, ClientId, Ended, Farewell, GroupTable, GroupsFull, Heap, Interest, InterestTable, Limits,
    Member, Message, Millis, Mono, Pick, Places, Presence, Retained, RetainedFull, RetainedMessage,
    RetainedTable, RetainedVersion, ShardId, ShardSet, SharedGroups, Tables, TrustGeneration, Wall,
};
use sealmq_mqtt::QoS;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

/// The three tables behind mutexes, and the trust counter.
#[derive(Debug)]
pub(crate) struct TestTables {
    pub(crate) interest: Mutex<InterestTable>,
    pub(crate) retained: Mutex<RetainedTable>,
    pub(crate) groups: Mutex<GroupTable>,
    pub(crate) trust: AtomicU64,
    pub(crate) places: Places,
    pub(crate) heap: Heap,
}

impl TestTables {
    pub(crate) fn new(limits: &Limits) -> Arc<TestTables> {
        Arc::new(TestTables {
            interest: Mutex::new(InterestTable::default()),
            retained: Mutex::new(RetainedTable::new(limits.retained_max, limits.retained_bytes_max)),
            groups: Mutex::new(GroupTable::new(limits.shared_members_max)),
            trust: AtomicU64::new(1),
            places: Places::default(),
            heap: Heap::default(),
        })
    }

    pub(crate) fn tables(self: &Arc<TestTables>) -> Tables {
        Tables {
            interest: self.clone(),
            retained: self.clone(),
            groups: self.clone(),
            trust: self.clone(),
            places: self.places.clone(),
            heap: self.heap.clone(),
        }
    }
}

impl Interest for TestTables {
    fn add(&self, filter: &str, shard: ShardId) {
        self.interest.lock().unwrap().add(filter, shard);
    }
    fn remove(&self, filter: &str, shard: ShardId) {
        self.interest.lock().unwrap().remove(filter, shard);
    }
    fn shards(&self, topic: &str) -> ShardSet {
        self.interest.lock().unwrap().shards(topic)
    }
}

impl Retained for TestTables {
    fn store(&self, message: &Arc<Message>) -> Result<RetainedVersion, RetainedFull> {
        self.retained.lock().unwrap().store(message)
    }
    fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion {
        self.retained.lock().unwrap().read(filter, found)
    }
    fn set_life(&self, life: Option<Millis>) {
        self.retained.lock().unwrap().set_life(life);
    }
    fn sweep(&self, now: Mono) -> Option<Mono> {
        self.retained.lock().unwrap().sweep(now)
    }
    fn forget(&self, topic: &str, version: RetainedVersion) {
        self.retained.lock().unwrap().forget(topic, version);
    }
}

impl SharedGroups for TestTables {
    fn join(&self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull> {
        self.groups.lock().unwrap().join(group, filter, member)
    }
    fn leave(&self, group: &str, filter: &str, client: &ClientId) {
        self.groups.lock().unwrap().leave(group, filter, client);
    }
    fn presence(&self, group: &str, filter: &str, client: &ClientId, presence: Presence) {
        self.groups.lock().unwrap().presence(group, filter, client, presence);
    }
    fn pick(&self, topic: &str, qos: QoS, picks: &mut Vec<Pick>) {
        self.groups.lock().unwrap().pick(topic, qos, picks);
    }
}

impl TrustGeneration for TestTables {
    fn current(&self) -> u64 {
        self.trust.load(Ordering::SeqCst)
    }
}

/// A judgment that a test can change.
#[derive(Debug)]
pub(crate) struct TestAdmission(pub(crate) Mutex<Verdict>);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    /// Good, as of this generation.
    Good(u64),
    Ended,
    /// What it came through is gone.
    Closed,
    Panics,
}

impl Admission for TestAdmission {
    fn judge(&self, _now: Wall) -> Result<u64, Ended> {
        let verdict = *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match verdict {
            Verdict::Good(generation) => Ok(generation),
            Verdict::Ended => Err(ended(Farewell::NotAuthorized)),
            Verdict::Closed => Err(ended(Farewell::AdministrativeAction)),
            Verdict::Panics => panic!("a judgment that breaks"),
        }
    }
}

/// Good for ever, and it ends by itself when this says.
#[derive(Debug)]
pub(crate) struct EndsAt(pub(crate) Option<Wall>);

impl Admission for EndsAt {
    fn judge(&self, _now: Wall) -> Result<u64, Ended> {
        Ok(u64::MAX)
    }

    fn ends_at(&self, _known: Option<Wall>) -> Option<Wall> {
        self.0
    }
}

fn ended(farewell: Farewell) -> Ended {
    Ended { code: "revoked", text: "the certificate is revoked".into(), farewell }
}
