//! What the server of a connection takes, as its CONNACK said.

use sealmq_mqtt::{Properties, Version};

use super::wire;
use crate::error::PublishError;
use crate::{Outgoing, Property};

/// What the server of this connection takes; MQTT 5.0 §3.2.2.3 with its defaults.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Server {
    pub(crate) receive_maximum: u16,
    pub(crate) qos_max: sealmq_mqtt::QoS,
    pub(crate) retain: Availability,
    pub(crate) packet_bytes_max: Option<u32>,
    pub(crate) topic_alias_max: u16,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Availability {
    Available,
    Missing,
}

impl Server {
    pub(super) fn unknown() -> Self {
        Self {
            receive_maximum: u16::MAX,
            qos_max: sealmq_mqtt::QoS::ExactlyOnce,
            retain: Availability::Available,
            packet_bytes_max: None,
            topic_alias_max: 0,
        }
    }

    pub(super) fn from_properties(properties: &Properties<'_>) -> Self {
        let default = Self::unknown();
        Self {
            receive_maximum: properties
                .receive_maximum()
                .map_or(default.receive_maximum, std::num::NonZeroU16::get),
            qos_max: wire::qos_max(properties),
            retain: wire::retain_available(properties),
            packet_bytes_max: properties.maximum_packet_size().map(std::num::NonZeroU32::get),
            topic_alias_max: properties.topic_alias_maximum().unwrap_or(default.topic_alias_max),
        }
    }

    /// [MQTT-3.2.2-11] maximum QoS, [MQTT-3.2.2-14] retain, [MQTT-3.2.2-15] packet size, [MQTT-3.2.2-17] aliases.
    /// [MQTT-3.2.2-18]
    pub(super) fn check(&self, message: &Outgoing, version: Version) -> Result<(), PublishError> {
        if message.qos > self.qos_max {
            return Err(PublishError::QoSNotSupported { qos: message.qos, max: self.qos_max });
        }
        if message.retain == crate::Retain::Stored && self.retain == Availability::Missing {
            return Err(PublishError::RetainNotSupported);
        }
        if version != Version::V5 {
            return Ok(());
        }
        for property in &message.properties {
            if let Property::TopicAlias(alias) = property
                && *alias > self.topic_alias_max
            {
                return Err(PublishError::TopicAlias { alias: *alias, max: self.topic_alias_max });
            }
        }
        match (self.packet_bytes_max, wire::publish_len(message, version)) {
            (Some(max), bytes) if bytes > max as usize => Err(PublishError::TooLarge { bytes, max }),
            (Some(_) | None, _) => Ok(()),
        }
    }
}
