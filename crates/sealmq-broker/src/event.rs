//! What the core tells the log, `$SYS` and the metrics. Nothing is sent per message: those are counters.

use crate::{ClientId, ConnId, Ending, Refusal};
use sealmq_mqtt::{QoS, Version};
use std::sync::Arc;

/// Something worth a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A CONNECT was accepted.
    Connected {
        /// The connection.
        conn: ConnId,
        /// Its client id.
        client: ClientId,
        /// Its user name.
        username: Option<Arc<str>>,
        /// The version it speaks.
        version: Version,
        /// Whether it began with a clean session.
        start: Start,
        /// The keep alive that counts, in seconds.
        keep_alive_secs: u16,
    },
    /// A CONNECT was refused by the core.
    Refused {
        /// The connection.
        conn: ConnId,
        /// The client id it wanted.
        client: ClientId,
        /// Why.
        why: Refusal,
    },
    /// A connection has ended.
    Disconnected {
        /// The connection.
        conn: ConnId,
        /// Its client id.
        client: ClientId,
        /// Why.
        why: Ending,
    },
    /// A session has ended and is forgotten.
    SessionEnded {
        /// Whose.
        client: ClientId,
    },
    /// A subscription was made or replaced.
    Subscribed {
        /// Whose.
        client: ClientId,
        /// The filter.
        filter: Box<str>,
        /// The QoS granted.
        qos: QoS,
    },
    /// A subscription was removed.
    Unsubscribed {
        /// Whose.
        client: ClientId,
        /// The filter.
        filter: Box<str>,
    },
    /// A session's queue is full and messages for it are dropped; said once until it has room again.
    QueueFull {
        /// Whose.
        client: ClientId,
    },
    /// `memory_limit` is reached: nothing new is held; said once until a sixteenth of it is free again.
    MemoryFull {
        /// Bytes held.
        held: usize,
        /// The bound.
        max: usize,
    },
    /// A retained message was not stored.
    RetainedFull {
        /// Its publisher, if it was a client.
        client: Option<ClientId>,
        /// Which bound.
        what: &'static str,
    },
    /// One SUBSCRIBE reached `retained_given_max`: its last filters were given no retained messages.
    RetainedHeldBack {
        /// Whose.
        client: ClientId,
    },
    /// Every session of this shard has been judged at this trust generation.
    Judged {
        /// The generation.
        generation: u64,
    },
}

/// Whether a connection began anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Clean Start / Clean Session 1.
    Clean,
    /// 0.
    Resume,
}

/// What a shard has counted since its birth, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// PUBLISH packets taken from clients.
    pub publish_received: u64,
    /// PUBLISH packets given to clients.
    pub publish_sent: u64,
    /// Their payload bytes.
    pub publish_bytes_received: u64,
    /// Payload bytes of PUBLISH packets given to clients.
    pub publish_bytes_sent: u64,
    /// Messages dropped: queue or outgoing bytes full, expired, too large for the client.
    pub publish_dropped: u64,
    /// Messages refused by the ACL.
    pub publish_denied: u64,
    /// All packets taken.
    pub packets_received: u64,
    /// All packets given.
    pub packets_sent: u64,
    /// Messages that came from other shards.
    pub forwards_taken: u64,
    /// Forwards that had been taken before.
    pub forwards_repeated: u64,
    /// Connections now.
    pub clients_connected: u64,
    /// Sessions now, with those whose client is away.
    pub sessions: u64,
    /// Sessions that ended because their client stayed away too long.
    pub sessions_expired: u64,
    /// Subscriptions now, shared ones included.
    pub subscriptions: u64,
    /// Shared ones now.
    pub shared_subscriptions: u64,
    /// Messages now in flight to clients or queued for them in memory; one for several clients counts for each.
    pub messages_held: u64,
    /// Their payload bytes.
    pub held_bytes: u64,
}

/// Those of two shards together.
impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.publish_received += other.publish_received;
        self.publish_sent += other.publish_sent;
        self.publish_bytes_received += other.publish_bytes_received;
        self.publish_bytes_sent += other.publish_bytes_sent;
        self.publish_dropped += other.publish_dropped;
        self.publish_denied += other.publish_denied;
        self.packets_received += other.packets_received;
        self.packets_sent += other.packets_sent;
        self.forwards_taken += other.forwards_taken;
        self.forwards_repeated += other.forwards_repeated;
        self.clients_connected += other.clients_connected;
        self.sessions += other.sessions;
        self.sessions_expired += other.sessions_expired;
        self.subscriptions += other.subscriptions;
        self.shared_subscriptions += other.shared_subscriptions;
        self.messages_held += other.messages_held;
        self.held_bytes += other.held_bytes;
    }
}
