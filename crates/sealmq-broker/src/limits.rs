//! The bound of every queue, map, buffer and timer that a peer can grow.
//!
//! Timers and wills need none of their own: a session has at most one will and five timers. Each bound has a test that reaches
//! it (`tests/it/limits.rs`). What bounds a single packet (its size, the levels of a topic) is the codec's:
//! [`crate::ListenerRules::decoder_limits`].

/// The bounds of one broker. Defaults are mosquitto's where it has the key, ours elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `max_inflight_messages` 20: outgoing QoS 1 and 2 in flight per session, and the Receive Maximum of CONNACK. 1 to 65535.
    pub inflight_max: u16,
    /// `max_inflight_bytes` (0 there: `None`): the same in bytes.
    pub inflight_bytes_max: Option<usize>,
    /// `max_queued_messages` 1000 (0 there: `usize::MAX`): messages that wait behind those in flight, per session.
    pub queued_max: usize,
    /// `max_queued_bytes` (0 there: `None`): the same in bytes.
    pub queued_bytes_max: Option<usize>,
    /// Of the queue, how many messages are held in memory where a store is behind it (`Durability::Gated`).
    pub queue_window: usize,
    /// Bytes given to a connection and not yet written, above which QoS 0 is dropped for it.
    pub outgoing_bytes_max: usize,
    /// Incoming QoS 2 messages of a 3.x session that wait for PUBREL (a 5.0 client has the Receive Maximum).
    ///
    /// Not `max_inflight_messages`, which a 3.x client is never told: mosquitto 2.1.2 answers PUBREC and PUBCOMP to what
    /// is above it (1500 at once: all answered, 20 delivered) and drops it without a word to the sender. What is
    /// answered here is delivered; past this bound the connection ends, so that the client sends again.
    pub incoming_qos2_max: usize,
    /// The bytes of those, for every version.
    pub incoming_qos2_bytes_max: usize,
    /// Subscriptions per session.
    pub subscriptions_max: usize,
    /// Bytes of all filters of a session.
    pub subscription_bytes_max: usize,
    /// Retained messages that one SUBSCRIBE makes us look at: after the filter that reaches it, the filters behind get
    /// none. Without it, one packet full of `#` would cost the whole retained table for each.
    pub retained_given_max: usize,
    /// `global_max_clients`: sessions of all shards together, with those whose client is away.
    pub sessions_max: usize,
    /// `memory_limit` (0 there: `None`): bytes of [`crate::Heap`], of all shards together. From there on nothing new is
    /// held: no session, subscription or message, apart from what is promised already (wills, QoS 2 after PUBREC).
    pub heap_bytes_max: Option<usize>,
    /// `message_size_limit` (0 there: `None`): payload bytes of a PUBLISH or will.
    pub payload_bytes_max: Option<usize>,
    /// Members of all shared groups together, per process; the table enforces it.
    pub shared_members_max: usize,
    /// Retained messages, per process; the table enforces it.
    pub retained_max: usize,
    /// Their bytes, per process; the table enforces it.
    pub retained_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            inflight_max: 20,
            inflight_bytes_max: None,
            queued_max: 1000,
            queued_bytes_max: None,
            queue_window: 100,
            outgoing_bytes_max: 4 << 20,
            incoming_qos2_max: 1000,
            incoming_qos2_bytes_max: 64 << 20,
            subscriptions_max: 100_000,
            subscription_bytes_max: 16 << 20,
            retained_given_max: 1_000_000,
            sessions_max: usize::MAX,
            heap_bytes_max: None,
            payload_bytes_max: None,
            shared_members_max: 1_000_000,
            retained_max: 10_000_000,
            retained_bytes_max: 4 << 30,
        }
    }
}
