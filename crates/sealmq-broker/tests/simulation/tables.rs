//! The three shared tables and the trust of the simulated process: the real data structures behind plain locks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use sealmq_broker::{
    Admission, ClientId, Ended, Farewell, GroupTable, GroupsFull, Interest, InterestTable, Limits, Member,
    Message, Millis, Mono, Pick, Presence, Retained, RetainedFull, RetainedMessage, RetainedTable,
    RetainedVersion, ShardId, ShardSet, SharedGroups, Tables, TrustGeneration, Wall,
};
use sealmq_mqtt::QoS;

fn hold<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().expect("one thread, and a panic ends the run")
}

#[derive(Debug, Default)]
struct SimInterest(Mutex<InterestTable>);

impl Interest for SimInterest {
    fn add(&self, filter: &str, shard: ShardId) {
        hold(&self.0).add(filter, shard);
    }
    fn remove(&self, filter: &str, shard: ShardId) {
        hold(&self.0).remove(filter, shard);
    }
    fn shards(&self, topic: &str) -> ShardSet {
        hold(&self.0).shards(topic)
    }
}

#[derive(Debug)]
struct SimRetained(Mutex<RetainedTable>);

impl Retained for SimRetained {
    fn store(&self, message: &Arc<Message>) -> Result<RetainedVersion, RetainedFull> {
        hold(&self.0).store(message)
    }
    fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion {
        hold(&self.0).read(filter, found)
    }
    fn set_life(&self, life: Option<Millis>) {
        hold(&self.0).set_life(life);
    }
    fn sweep(&self, now: Mono) -> Option<Mono> {
        hold(&self.0).sweep(now)
    }
    fn forget(&self, topic: &str, version: RetainedVersion) {
        hold(&self.0).forget(topic, version);
    }
}

#[derive(Debug)]
struct SimGroups(Mutex<GroupTable>);

impl SharedGroups for SimGroups {
    fn join(&self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull> {
        hold(&self.0).join(group, filter, member)
    }
    fn leave(&self, group: &str, filter: &str, client: &ClientId) {
        hold(&self.0).leave(group, filter, client);
    }
    fn presence(&self, group: &str, filter: &str, client: &ClientId, presence: Presence) {
        hold(&self.0).presence(group, filter, client, presence);
    }
    fn pick(&self, topic: &str, qos: QoS, picks: &mut Vec<Pick>) {
        hold(&self.0).pick(topic, qos, picks);
    }
}

/// Who is revoked, and the counter that rises after that is published.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    generation: AtomicU64,
    revoked: Mutex<BTreeSet<usize>>,
}

impl Trust {
    /// Publishes first, raises second: the order that the whole design rests on.
    pub(crate) fn revoke(&self, identity: usize) {
        hold(&self.revoked).insert(identity);
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn is_revoked(&self, identity: usize) -> bool {
        hold(&self.revoked).contains(&identity)
    }
}

impl TrustGeneration for Trust {
    fn current(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

/// What admitted a connection: asked again when the generation moves.
#[derive(Debug)]
pub(crate) struct Judgment {
    pub(crate) identity: usize,
    pub(crate) trust: Arc<Trust>,
}

impl Admission for Judgment {
    fn judge(&self, _now: Wall) -> Result<u64, Ended> {
        let generation = self.trust.current();
        if self.trust.is_revoked(self.identity) {
            return Err(Ended {
                code: "SIM-REVOKED",
                text: "revoked".to_owned(),
                farewell: Farewell::NotAuthorized,
            });
        }
        Ok(generation)
    }
}

/// The tables, once per simulated process.
pub(crate) fn tables(limits: &Limits, trust: &Arc<Trust>) -> Tables {
    Tables {
        interest: Arc::new(SimInterest::default()),
        retained: Arc::new(SimRetained(Mutex::new(RetainedTable::new(
            limits.retained_max,
            limits.retained_bytes_max,
        )))),
        groups: Arc::new(SimGroups(Mutex::new(GroupTable::new(limits.shared_members_max)))),
        trust: Arc::clone(trust) as Arc<dyn TrustGeneration>,
        places: sealmq_broker::Places::default(),
        heap: sealmq_broker::Heap::default(),
    }
}
