//! A message on its way through the bridge.

use bytes::Bytes;
use sealmq_mqtt::{ForwardedProperties, Publish, QoS};

use crate::Now;

/// A message, with the topic that it has on the side it goes to.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) forwarded: ForwardedProperties,
    expiry_secs: Option<u32>,
    taken_at: Now,
}

impl Message {
    pub(crate) fn of(now: Now, topic: String, publish: &Publish<'_>) -> Message {
        Message {
            topic,
            payload: Bytes::copy_from_slice(publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            forwarded: publish.forwarded_properties(),
            expiry_secs: publish.properties.message_expiry_interval(),
            taken_at: now,
        }
    }

    /// A retained message of the bridge itself.
    pub(crate) fn state(now: Now, topic: &str, payload: &'static [u8], qos: QoS) -> Message {
        Message {
            topic: topic.to_owned(),
            payload: Bytes::from_static(payload),
            qos,
            retain: true,
            forwarded: ForwardedProperties::default(),
            expiry_secs: None,
            taken_at: now,
        }
    }

    /// What is left of its life, in seconds; `Err`: nothing. [MQTT-3.3.2-6]
    pub(crate) fn expiry(&self, now: Now) -> Result<Option<u32>, Expired> {
        let Some(secs) = self.expiry_secs else { return Ok(None) };
        let held = u32::try_from(now.0.saturating_sub(self.taken_at.0) / 1000).unwrap_or(u32::MAX);
        match secs.checked_sub(held) {
            Some(0) | None => Err(Expired),
            Some(left) => Ok(Some(left)),
        }
    }
}

/// A message whose time is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Expired;
