//! What is written down so that a restart loses nothing: the records of the log and their numbers.
//!
//! The core emits records only where [`crate::Durability::Gated`] is chosen, and only for sessions that outlive their
//! connection and for retained messages. What must not be said before it is safe carries the number of the record.

use crate::{
    ClientId, Delivery, Message, Millis, Pick, RetainedVersion, ShardId, ShardSet, Wall, policy::Owner,
};
use sealmq_mqtt::{PacketId, SubscriptionId, SubscriptionOptions};
use std::sync::Arc;

/// The number of a record of one shard; they rise by one from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Commit(pub u64);

/// One change of durable state.
#[derive(Debug, Clone)]
pub enum Record {
    /// A message was accepted; written before it is forwarded. Recovery forwards it again.
    Accepted {
        /// The message, with its origin and sequence.
        message: Arc<Message>,
        /// The shards with ordinary subscribers.
        targets: ShardSet,
        /// The members picked of shared groups.
        picks: Vec<Pick>,
    },
    /// A forward of another shard was taken: the last sequence of that origin.
    Taken {
        /// The origin.
        from: ShardId,
        /// Its sequence.
        sequence: u64,
    },
    /// A retained message was stored, or cleared where its payload is empty.
    Retained {
        /// The message.
        message: Arc<Message>,
        /// Its version.
        version: RetainedVersion,
    },
    /// A session began or continues.
    Session {
        /// Whose.
        client: ClientId,
        /// Whom it belongs to.
        owner: Owner,
        /// How long it lasts without a connection; `None`: it does not end.
        expiry: Option<Millis>,
        /// Since when its client is away; `None`: it is connected.
        away_since: Option<Wall>,
    },
    /// A session has ended; everything of it is gone.
    SessionEnded {
        /// Whose.
        client: ClientId,
    },
    /// A subscription was made or replaced.
    Subscribed {
        /// Whose.
        client: ClientId,
        /// The filter as the client gave it.
        filter: Box<str>,
        /// What was asked for.
        options: SubscriptionOptions,
        /// Its identifier.
        subscription_id: Option<SubscriptionId>,
    },
    /// A subscription was removed.
    Unsubscribed {
        /// Whose.
        client: ClientId,
        /// The filter as the client gave it.
        filter: Box<str>,
    },
    /// A message joined the end of a session's queue.
    Queued {
        /// Whose.
        client: ClientId,
        /// The message.
        message: Arc<Message>,
        /// How it is to be delivered.
        delivery: Delivery,
    },
    /// The first message of the queue got a packet id (or, at QoS 0 and where it is dropped, left).
    Started {
        /// Whose.
        client: ClientId,
        /// The packet id; `None`: it left the queue for good.
        packet_id: Option<PacketId>,
    },
    /// PUBREC came for an outgoing QoS 2 message: from here on only PUBREL is sent.
    Released {
        /// Whose.
        client: ClientId,
        /// The packet id.
        packet_id: PacketId,
    },
    /// An outgoing message is done.
    Completed {
        /// Whose.
        client: ClientId,
        /// The packet id.
        packet_id: PacketId,
    },
    /// An incoming QoS 2 message waits for PUBREL.
    Received {
        /// Whose.
        client: ClientId,
        /// The packet id.
        packet_id: PacketId,
        /// The message, not yet routed.
        message: Arc<Message>,
    },
    /// PUBREL came: the message was routed, or there was none.
    Routed {
        /// Whose.
        client: ClientId,
        /// The packet id.
        packet_id: PacketId,
    },
}
