//! The three tables that exist once per process, as the core sees them, and the forward that crosses shards.
//!
//! The core gets them as arguments and holds no lock itself. An implementation answers at once; each call is atomic.
//! The order the core keeps: SUBSCRIBE writes interest first, then reads retained, in one step with its answer; a retained PUBLISH
//! stores first, then matches. So a message is seen at least once, and a live copy whose version the subscription has
//! already got is dropped.

use crate::{ClientId, Heap, Message, Millis, Mono, Places, ShardId, ShardSet, TrustGeneration};
use sealmq_mqtt::QoS;
use std::sync::Arc;

/// What a shard is given at its birth.
#[derive(Clone)]
pub struct Tables {
    /// Filter → shards.
    pub interest: Arc<dyn Interest>,
    /// Topic → retained message.
    pub retained: Arc<dyn Retained>,
    /// (Group, filter) → members in order of subscription, and a cursor.
    pub groups: Arc<dyn SharedGroups>,
    /// The trust counter.
    pub trust: Arc<dyn TrustGeneration>,
    /// The places for sessions.
    pub places: Places,
    /// What is held, in bytes.
    pub heap: Heap,
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

/// Which shards have an ordinary subscription that matches. A shard counts for itself: it adds a filter with its first
/// subscription to it and removes it with the last.
pub trait Interest: Send + Sync {
    /// `shard` has a subscription to `filter` from now on (without `$share`).
    fn add(&self, filter: &str, shard: ShardId);
    /// It has none any more.
    fn remove(&self, filter: &str, shard: ShardId);
    /// The shards with a filter that matches `topic`. [MQTT-4.7.2-1] holds.
    fn shards(&self, topic: &str) -> ShardSet;
}

/// The number of a change of the retained table: rises with each store, over all topics, whoever stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RetainedVersion(pub u64);

/// One retained message, as the table gives it.
#[derive(Debug, Clone)]
pub struct RetainedMessage {
    /// When it was stored.
    pub version: RetainedVersion,
    /// The message.
    pub message: Arc<Message>,
}

/// The last retained message of each topic. One writer order for all.
pub trait Retained: Send + Sync {
    /// Keeps `message` for its topic, or clears it where the payload is empty. [MQTT-3.3.1-5] [MQTT-3.3.1-6]
    ///
    /// # Errors
    /// [`RetainedFull`]: the bounds are reached and nothing has changed.
    fn store(&self, message: &Arc<Message>) -> Result<RetainedVersion, RetainedFull>;
    /// Appends all that match `filter` (without `$share`) to `found`, parents before children (but for the parent of a
    /// `#`, which comes last), and returns the last
    /// version given out: everything up to it is in the answer or replaced by it.
    fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion;
    /// The life of messages that came without one (`retain_expiry_interval`), for those that are kept, too.
    fn set_life(&self, life: Option<Millis>);
    /// Forgets every message that has ended by `now`, and says when the next one will.
    fn sweep(&self, now: Mono) -> Option<Mono>;
    /// Forgets the message of `topic` if it is still the one of `version`: it has expired.
    fn forget(&self, topic: &str, version: RetainedVersion);
}

/// The retained table is at one of its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} has reached {limit}")]
pub struct RetainedFull {
    /// The bound: `retained_max` or `retained_bytes_max`.
    pub what: &'static str,
    /// Its value.
    pub limit: usize,
}

/// A member of a shared group: one subscription of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where its session lives.
    pub shard: ShardId,
    /// Whose session.
    pub client: ClientId,
    /// The QoS granted.
    pub qos: QoS,
    /// Whether it can be given a message now.
    pub presence: Presence,
}

/// Whether a member's client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Online,
    /// It is away; what is picked for it waits in its session, QoS 0 passes it by.
    Offline,
}

/// The members of all shared groups of all shards.
pub trait SharedGroups: Send + Sync {
    /// Adds `member` at the end of its group, or replaces it in its place where the client is a member already.
    ///
    /// # Errors
    /// [`GroupsFull`]: the bound is reached.
    fn join(&self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull>;
    /// Takes a client's membership away.
    fn leave(&self, group: &str, filter: &str, client: &ClientId);
    /// Says that a member's client came or went.
    fn presence(&self, group: &str, filter: &str, client: &ClientId, presence: Presence);
    /// Appends one pick for each group with a filter that matches `topic`: the member at the cursor, which moves on.
    /// Strict round-robin in order of subscription over all members; passed by are only members that cannot be given
    /// the message at all: those away, where the lower of `qos` and theirs is 0. A group whose members all cannot be
    /// given it yields none.
    fn pick(&self, topic: &str, qos: QoS, picks: &mut Vec<Pick>);
}

/// The shared groups have `shared_members_max` members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("shared_members_max has reached {limit}")]
pub struct GroupsFull {
    /// Its value.
    pub limit: usize,
}

/// The member of one shared group that gets a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Where its session lives.
    pub shard: ShardId,
    /// Whose session.
    pub client: ClientId,
    /// The filter as subscribed, `$share/GROUP/FILTER`.
    pub filter: Arc<str>,
}

/// A message on its way to another shard. The target takes each sequence of an origin once.
#[derive(Debug, Clone)]
pub struct Forward {
    /// The message; its `sequence` is the forward's.
    pub message: Arc<Message>,
    /// Where it was retained, the version it got there.
    pub retained: Option<RetainedVersion>,
    /// Whether the target's ordinary subscriptions get it.
    pub live: Live,
    /// The members of shared groups that were picked and live on the target.
    pub picks: Vec<Pick>,
}

/// Whether a forward is for ordinary subscriptions too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// Yes.
    Subscribers,
    /// Only for the picks.
    PicksOnly,
}
