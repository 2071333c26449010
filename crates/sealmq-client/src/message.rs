//! Application messages, wills and subscriptions as a client holds them: owned, checked before they are sent.

use bytes::Bytes;
use sealmq_mqtt::{PacketId, QoS, RetainHandling};

use crate::Property;

/// A message that has arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// The topic; where the server sent an alias, the topic it stands for.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// The quality of service of this delivery.
    pub qos: QoS,
    /// The RETAIN flag: the message had been stored before the subscription was made.
    pub retain: bool,
    /// The packet id, at QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// The properties in the order in which they came; empty before MQTT 5.0.
    pub properties: Vec<Property>,
}

/// A message to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outgoing {
    /// A topic name; may be empty where a topic alias is among the properties and is known to the server.
    pub topic: String,
    /// The payload.
    pub payload: Bytes,
    /// The quality of service.
    pub qos: QoS,
    /// Whether the server is to store it for later subscribers.
    pub retain: Retain,
    /// Properties of the PUBLISH; ignored before MQTT 5.0.
    pub properties: Vec<Property>,
}

/// Whether the server is to store a message for later subscribers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Retain {
    /// It is for those who are subscribed now.
    #[default]
    Live,
    /// It replaces what the server has stored for the topic; an empty payload removes it.
    Stored,
}

impl Outgoing {
    /// A message that is not retained and has no properties.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>, qos: QoS) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos,
            retain: Retain::Live,
            properties: Vec::new(),
        }
    }

    /// The same, retained.
    #[must_use]
    pub fn retained(mut self) -> Self {
        self.retain = Retain::Stored;
        self
    }
}

/// What the server publishes when the connection ends without DISCONNECT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Will {
    /// The message; its properties may include a will delay interval.
    pub message: Outgoing,
}

/// One filter of a SUBSCRIBE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter {
    /// The topic filter.
    pub filter: String,
    /// The highest quality of service wanted.
    pub qos: QoS,
    /// Whether messages that this client publishes come back to it (MQTT 5.0).
    pub own_messages: OwnMessages,
    /// Whether forwarded messages keep the RETAIN flag they were published with (MQTT 5.0).
    pub retain_flag: RetainFlag,
    /// Whether stored messages are sent (MQTT 5.0).
    pub retain_handling: RetainHandling,
}

/// Whether messages that a client publishes come back to it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OwnMessages {
    /// They do, as in MQTT 3.1.1.
    #[default]
    Deliver,
    /// They do not (No Local).
    Withhold,
}

/// The RETAIN flag of a forwarded live message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RetainFlag {
    /// It is cleared, as in MQTT 3.1.1.
    #[default]
    Clear,
    /// It stays as published (Retain As Published).
    AsPublished,
}

impl Filter {
    /// A filter with MQTT 3.1.1's behaviour.
    pub fn new(filter: impl Into<String>, qos: QoS) -> Self {
        Self {
            filter: filter.into(),
            qos,
            own_messages: OwnMessages::Deliver,
            retain_flag: RetainFlag::Clear,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }
}
