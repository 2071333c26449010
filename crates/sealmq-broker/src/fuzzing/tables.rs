//! The shared tables behind mutexes, and a judgment that a script can turn.

use crate::{
    Admission, ClientId, Ended, Farewell, GroupTable, GroupsFull, Heap, Interest, InterestTable, Limits,
    Member, Message, Millis, Mono, Pick, Places, Presence, Retained, RetainedFull, RetainedMessage,
    RetainedTable, RetainedVersion, ShardId, ShardSet, SharedGroups, Tables, TrustGeneration, Wall,
};
use sealmq_mqtt::QoS;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Shared {
    interest: Mutex<InterestTable>,
    retained: Mutex<RetainedTable>,
    groups: Mutex<GroupTable>,
    pub(super) trust: AtomicU64,
    places: Places,
    pub(super) heap: Heap,
}

fn locked<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().expect("no panic is caught in here")
}

impl Shared {
    pub(super) fn new(limits: &Limits) -> Shared {
        Shared {
            interest: Mutex::new(InterestTable::default()),
            retained: Mutex::new(RetainedTable::new(limits.retained_max, limits.retained_bytes_max)),
            groups: Mutex::new(GroupTable::new(limits.shared_members_max)),
            trust: AtomicU64::new(1),
            places: Places::default(),
            heap: Heap::default(),
        }
    }

    pub(super) fn tables(shared: &Arc<Shared>) -> Tables {
        Tables {
            interest: shared.clone(),
            retained: shared.clone(),
            groups: shared.clone(),
            trust: shared.clone(),
            places: shared.places.clone(),
            heap: shared.heap.clone(),
        }
    }

    pub(super) fn check_bounds(&self, limits: &Limits) {
        let mut found = Vec::new();
        locked(&self.retained).read("#", &mut found);
        assert!(found.len() <= limits.retained_max);
        assert!(locked(&self.groups).members() <= limits.shared_members_max);
    }
}

impl Interest for Shared {
    fn add(&self, filter: &str, shard: ShardId) {
        locked(&self.interest).add(filter, shard);
    }
    fn remove(&self, filter: &str, shard: ShardId) {
        locked(&self.interest).remove(filter, shard);
    }
    fn shards(&self, topic: &str) -> ShardSet {
        locked(&self.interest).shards(topic)
    }
}

impl Retained for Shared {
    fn store(&self, message: &Arc<Message>) -> Result<RetainedVersion, RetainedFull> {
        locked(&self.retained).store(message)
    }
    fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion {
        locked(&self.retained).read(filter, found)
    }
    fn set_life(&self, life: Option<Millis>) {
        locked(&self.retained).set_life(life);
    }
    fn sweep(&self, now: Mono) -> Option<Mono> {
        locked(&self.retained).sweep(now)
    }
    fn forget(&self, topic: &str, version: RetainedVersion) {
        locked(&self.retained).forget(topic, version);
    }
}

impl SharedGroups for Shared {
    fn join(&self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull> {
        locked(&self.groups).join(group, filter, member)
    }
    fn leave(&self, group: &str, filter: &str, client: &ClientId) {
        locked(&self.groups).leave(group, filter, client);
    }
    fn presence(&self, group: &str, filter: &str, client: &ClientId, presence: Presence) {
        locked(&self.groups).presence(group, filter, client, presence);
    }
    fn pick(&self, topic: &str, qos: QoS, picks: &mut Vec<Pick>) {
        locked(&self.groups).pick(topic, qos, picks);
    }
}

impl TrustGeneration for Shared {
    fn current(&self) -> u64 {
        self.trust.load(Ordering::Relaxed)
    }
}

/// Good at whatever generation it is asked, until it ends.
#[derive(Debug)]
pub(super) struct Verdict {
    shared: Arc<Shared>,
    ended: AtomicBool,
}

impl Verdict {
    pub(super) fn good(shared: Arc<Shared>) -> Verdict {
        Verdict { shared, ended: AtomicBool::new(false) }
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Admission for Verdict {
    fn judge(&self, _now: Wall) -> Result<u64, Ended> {
        if self.ended.load(Ordering::Relaxed) {
            return Err(Ended {
                code: "ended",
                text: "by the script".to_owned(),
                farewell: Farewell::NotAuthorized,
            });
        }
        Ok(self.shared.current())
    }
}
