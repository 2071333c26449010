//! A PUBLISH that is encoded once and sent to many.

use crate::{
    Dup, EncodeError, ForwardedProperties, PacketId, PacketType, Property, QoS, SubscriptionId, TopicName,
    Version,
    encode::checked_remaining_length,
    packet::check_packet_id,
    sink::{Count, Sink},
    varint,
};
use bytes::Bytes;
use std::num::{NonZeroU16, NonZeroUsize};

/// What a server sends of a message to one group of subscribers: those with the same version, QoS, retain flag,
/// subscription identifiers and remaining life.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublishParts<'a> {
    /// The quality of service of this delivery.
    pub qos: QoS,
    /// The retain flag of this delivery.
    pub retain: bool,
    /// The topic; `None` where the receiver knows it by `topic_alias`.
    pub topic: Option<TopicName<'a>>,
    /// The receiver's alias (5.0). With one, the result serves that one connection only.
    pub topic_alias: Option<NonZeroU16>,
    /// What is left of the message's life, in seconds. [MQTT-3.3.2-6]; left out before 5.0.
    pub message_expiry_secs: Option<u32>,
    /// Of every subscription that matched. [MQTT-3.3.4-3] [MQTT-3.3.4-4]; left out before 5.0.
    pub subscription_ids: &'a [SubscriptionId],
    /// What the publisher sent along, verbatim; `None` is none. Left out before 5.0.
    pub forwarded: Option<&'a ForwardedProperties>,
    /// The message.
    pub payload: &'a [u8],
}

/// An encoded PUBLISH, cheap to clone; each receiver's packet id and DUP flag are patched in when it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPublish {
    bytes: Bytes,
    /// Where the packet id goes; `None` at QoS 0. Never 0: the fixed header comes first.
    packet_id_at: Option<NonZeroUsize>,
}

impl SharedPublish {
    /// Encodes the parts. Before 5.0 a message is sent without what only 5.0 can say.
    ///
    /// # Errors
    /// [`EncodeError::NoTopic`] without a topic and, in 5.0, an alias; [`EncodeError::TooLarge`].
    pub fn new(parts: &PublishParts<'_>, version: Version) -> Result<SharedPublish, EncodeError> {
        if parts.topic.is_none() && (parts.topic_alias.is_none() || !version.is_v5()) {
            return Err(EncodeError::NoTopic);
        }
        let topic = parts.topic.map_or("", TopicName::as_str);
        let packet_id_len = if parts.qos == QoS::AtMostOnce { 0 } else { 2 };
        let mut properties = Count::default();
        put_properties(parts, &mut properties);
        let properties_len = checked_remaining_length(properties.0)?;
        let properties_bytes = if version.is_v5() { varint::len(properties_len) + properties.0 } else { 0 };
        let body = 2 + topic.len() + packet_id_len + properties_bytes + parts.payload.len();
        let remaining = checked_remaining_length(body)?;

        let mut out = Vec::with_capacity(1 + varint::len(remaining) + body);
        out.u8((PacketType::Publish as u8) << 4 | parts.qos.as_u8() << 1 | u8::from(parts.retain));
        out.varint(remaining);
        out.binary(topic.as_bytes());
        let packet_id_at = if packet_id_len == 0 { None } else { NonZeroUsize::new(out.len()) };
        out.put(&[0; 2][..packet_id_len]);
        if version.is_v5() {
            out.varint(properties_len);
            put_properties(parts, &mut out);
        }
        out.put(parts.payload);
        Ok(SharedPublish { bytes: out.into(), packet_id_at })
    }

    /// The bytes that [`SharedPublish::write`] appends; the same for every receiver.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The quality of service it was encoded for.
    pub fn qos(&self) -> QoS {
        QoS::from_u8(self.bytes[0] >> 1 & 0b11).unwrap_or_default()
    }

    /// Appends the packet for one receiver.
    ///
    /// # Errors
    /// A packet id at QoS 0, none above it, or DUP at QoS 0; `out` is as it was. [MQTT-2.2.1-2] [MQTT-3.3.1-2]
    #[inline]
    pub fn write(&self, packet_id: Option<PacketId>, dup: Dup, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        check_packet_id(self.qos(), packet_id, dup)?;
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if let (Some(at), Some(id)) = (self.packet_id_at, packet_id) {
            let at = start + at.get();
            out[at..at + 2].copy_from_slice(&id.get().to_be_bytes());
        }
        match dup {
            Dup::First => {}
            Dup::Again => out[start] |= crate::packet::DUP,
        }
        Ok(())
    }
}

/// The order is mosquitto's: what came with the message, then what this delivery adds.
fn put_properties<S: Sink>(parts: &PublishParts<'_>, sink: &mut S) {
    if let Some(forwarded) = parts.forwarded {
        sink.put(forwarded.as_bytes());
    }
    if let Some(secs) = parts.message_expiry_secs {
        Property::MessageExpiryInterval(secs).write(sink);
    }
    if let Some(alias) = parts.topic_alias {
        Property::TopicAlias(alias).write(sink);
    }
    for id in parts.subscription_ids {
        Property::SubscriptionIdentifier(*id).write(sink);
    }
}
