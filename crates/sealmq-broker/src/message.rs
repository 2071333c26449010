//! The application message, as it travels between sessions and shards.

use crate::{Attributes, ClientId, ListenerId, Millis, Mono, Now, Retain, Role, ShardId, TopicScope};
use bytes::Bytes;
use sealmq_mqtt::{ForwardedProperties, QoS};
use std::sync::Arc;

/// One accepted PUBLISH. Immutable; shared by every queue that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The shard that accepted it.
    pub origin: ShardId,
    /// Its number there; rises, never repeats while the process lives.
    pub sequence: u64,
    /// The topic, with the mount point of the publisher's listener.
    pub topic: Arc<str>,
    /// The payload, byte for byte.
    pub payload: Bytes,
    /// The properties a server must pass on, as they came.
    pub properties: ForwardedProperties,
    /// The QoS it was published with.
    pub qos: QoS,
    /// The RETAIN flag it was published with.
    pub retain: Retain,
    /// When it was accepted.
    pub received: Now,
    /// Its life in seconds; `None`: no end.
    pub expiry_secs: Option<u32>,
    /// Who published it; `None`: the broker itself.
    pub source: Option<Arc<Source>>,
}

/// Who published a message: what no-local and `check_retain_source` ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The client id.
    pub client_id: ClientId,
    /// The user name the door decided.
    pub username: Option<Arc<str>>,
    /// The role recorded at its certificate.
    pub role: Role,
    /// The fields of its certificate, where an ACL names some.
    pub attributes: Option<Arc<Attributes>>,
    /// The listener it came through, whose ACL counts.
    pub listener: ListenerId,
    /// What its token was meant for.
    pub topics: Option<Arc<TopicScope>>,
}

impl Message {
    /// Whether its life is over. [MQTT-3.3.2-5]
    pub fn is_expired(&self, now: Mono) -> bool {
        self.expires_at().is_some_and(|end| end <= now)
    }

    /// The end of its life on the monotonic clock.
    pub fn expires_at(&self) -> Option<Mono> {
        self.expiry_secs.map(|secs| self.received.mono + Millis::from_secs(u64::from(secs)))
    }

    /// What a receiver is told: the interval it came with minus the time it has waited here. [MQTT-3.3.2-6]
    pub fn remaining_secs(&self, now: Mono) -> Option<u32> {
        let waited = now.since(self.received.mono).0 / 1000;
        self.expiry_secs.map(|secs| secs.saturating_sub(u32::try_from(waited).unwrap_or(u32::MAX)))
    }

    /// What it counts for against byte bounds.
    pub fn size(&self) -> usize {
        self.topic.len() + self.payload.len() + self.properties.as_bytes().len()
    }
}
