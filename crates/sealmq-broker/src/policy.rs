//! The snapshot of what the configuration allows. Swapped whole by [`crate::Input::Policy`].

use crate::{Acl, ListenerId, Millis};
use std::{collections::BTreeMap, sync::Arc};

/// Everything the core asks the configuration for, apart from bounds ([`crate::Limits`]).
///
/// [`Policy::default`] is mosquitto's without any file: every client may do everything but publish to `$SYS`.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The ACL of listeners that have none of their own.
    pub acl: Arc<Acl>,
    /// The ACLs of `per_listener_settings true`.
    pub listener_acls: BTreeMap<ListenerId, Arc<Acl>>,
    /// Who may use topics that start with `$SYS` and `$CONTROL`.
    pub dollar: DollarTopics,
    /// Whether a session may pass to another identity.
    pub session_owner: SessionOwner,
    /// `revocation_will`: the will of a session whose judgment was taken back.
    pub taken_back_will: TakenBackWill,
    /// `check_retain_source`.
    pub retain_source: RetainSource,
    /// `retain_available`.
    pub retained: RetainedMessages,
    /// `retain_expiry_interval`: life of retained messages that came without one.
    pub retain_expiry: Option<Millis>,
    /// `queue_qos0_messages`.
    pub offline_qos0: OfflineQoS0,
    /// `upgrade_outgoing_qos`.
    pub outgoing_qos: OutgoingQoS,
    /// `allow_duplicate_messages`.
    pub overlapping: Overlapping,
    /// `max_keepalive`; `None`: any, also none.
    pub keep_alive_max_secs: Option<u16>,
    /// `persistent_client_expiration` for sessions of 3.x with `clean_session` 0; `None`: never.
    pub persistent_client_expiration: Option<Millis>,
    /// Whether what is acknowledged must be durable first.
    pub durability: Durability,
}

impl Policy {
    /// The ACL that counts for clients of `listener`.
    pub fn acl_of(&self, listener: ListenerId) -> &Acl {
        self.listener_acls.get(&listener).unwrap_or(&self.acl)
    }
}

/// What becomes of a will whose client was let go because its right to be here was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TakenBackWill {
    /// Published, if the ACL of now allows it.
    #[default]
    Published,
    /// Dropped: others learn nothing in its name.
    Dropped,
}

/// Whom a session belongs to: bytes that the door builds from what it verified (certificate identity and issuer, or
/// user name, or none), equal exactly where the identity is the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Arc<[u8]>);

impl Owner {
    /// From the door's bytes.
    pub fn new(identity: &[u8]) -> Owner {
        Owner(Arc::from(identity))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What happens when a client id comes under another identity than its session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionOwner {
    /// It takes the session over.
    #[default]
    Mosquitto,
    /// It is refused: 0x87, 3.x return code 5.
    Bound,
}

/// Topics that start with `$SYS` and `$CONTROL`, beyond what the ACL says. Nobody publishes to `$SYS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DollarTopics {
    /// mosquitto's rule: everyone reads, and bridges may publish `$SYS/broker/connection/+/state`.
    #[default]
    Mosquitto,
    /// Ours: only [`crate::Role::Operator`] reads `$SYS` and uses `$CONTROL`.
    Operator,
}

/// `check_retain_source`: whether a retained message is delivered only while its publisher may still write there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetainSource {
    /// `true`, the default.
    #[default]
    Checked,
    /// `false`.
    NotChecked,
}

/// `retain_available`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetainedMessages {
    /// `true`, the default.
    #[default]
    Available,
    /// `false`: RETAIN 1 is refused and CONNACK says so.
    Unavailable,
}

/// `queue_qos0_messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OfflineQoS0 {
    /// `false`, the default: QoS 0 is not kept for who is away.
    #[default]
    Dropped,
    /// `true`.
    Queued,
}

/// `upgrade_outgoing_qos`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutgoingQoS {
    /// The lower of published and granted QoS, as the standard says. [MQTT-3.8.4-8]
    #[default]
    Lower,
    /// The granted one.
    Granted,
}

/// `allow_duplicate_messages`: what a session gets of a message that several of its subscriptions match. Both are the
/// standard's (MQTT §3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlapping {
    /// `true`, the default: a copy for each, with its QoS and its identifier.
    #[default]
    Each,
    /// `false`: one copy, with the highest QoS and all identifiers. [MQTT-3.3.4-2] [MQTT-3.3.4-4] [MQTT311-3.3.5-1]
    Once,
}

/// Whether answers wait for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// `persistence false`: no records, no gates.
    #[default]
    None,
    /// Records are emitted and answers carry gates.
    Gated,
}
