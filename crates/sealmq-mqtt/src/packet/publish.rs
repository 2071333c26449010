//! PUBLISH: an application message. MQTT §3.3, MQTT311 §3.3

use super::check_properties;
use crate::{
    Dup, EncodeError, Fault, ForwardedProperties, Limits, PacketId, PacketType, Place, Properties, QoS,
    TopicName, Version,
    property::put_len_prefixed,
    reader::{Reader, TOPIC_NAME},
    sink::Sink,
};

/// PUBLISH.
///
/// `packet_id` is there exactly when `qos` is not 0 ([MQTT-2.2.1-2] [MQTT311-2.3.1-5]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Whether it may have been sent before.
    pub dup: Dup,
    /// Its quality of service.
    pub qos: QoS,
    /// The retain flag.
    pub retain: bool,
    /// The topic; `None` stands for the one that the topic alias was given before (5.0), and then the properties
    /// have an alias. What the aliases mean, and how many there are, is the session's to know.
    pub topic: Option<TopicName<'a>>,
    /// The packet identifier.
    pub packet_id: Option<PacketId>,
    /// Properties.
    pub properties: Properties<'a>,
    /// The message; may be empty.
    pub payload: &'a [u8],
}

pub(crate) const DUP: u8 = 0b1000;
pub(crate) const RETAIN: u8 = 0b0001;

impl<'a> Publish<'a> {
    /// The properties that a server passes on as they are.
    pub fn forwarded_properties(&self) -> ForwardedProperties {
        ForwardedProperties::of(&self.properties)
    }

    #[inline]
    pub(crate) fn check_flags(flags: u8) -> Result<QoS, Fault> {
        // [MQTT-3.3.1-4] [MQTT311-3.3.1-4]
        let qos = QoS::from_u8(flags >> 1 & 0b11).ok_or(Fault::QoS3)?;
        // [MQTT-3.3.1-2] [MQTT311-3.3.1-2]
        if flags & DUP != 0 && qos == QoS::AtMostOnce {
            return Err(Fault::DupAtQoS0);
        }
        Ok(qos)
    }

    /// [MQTT-3.3.2-1] [MQTT311-3.3.2-1]
    #[inline]
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        flags: u8,
        version: Version,
        limits: &Limits,
    ) -> Result<Publish<'a>, Fault> {
        let qos = Publish::check_flags(flags)?;
        let topic = reader.topic_name_or_empty(TOPIC_NAME, limits.topic_separators_max)?;
        let packet_id = if qos == QoS::AtMostOnce { None } else { Some(reader.packet_id()?) };
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Publish), limits.sender)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        // MQTT §3.3.2.1; [MQTT311-4.7.3-1]
        if topic.is_none() && properties.topic_alias().is_none() {
            return Err(Fault::NoTopic);
        }
        let dup = if flags & DUP != 0 { Dup::Again } else { Dup::First };
        let payload = reader.rest();
        Ok(Publish { dup, qos, retain: flags & RETAIN != 0, topic, packet_id, properties, payload })
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        check_packet_id(self.qos, self.packet_id, self.dup)?;
        if self.topic.is_none() && self.properties.topic_alias().is_none() {
            return Err(EncodeError::NoTopic);
        }
        check_properties(self.properties, Place::Packet(PacketType::Publish), version)
    }

    pub(crate) fn flags(&self) -> u8 {
        let dup = match self.dup {
            Dup::First => 0,
            Dup::Again => DUP,
        };
        dup | self.qos.as_u8() << 1 | if self.retain { RETAIN } else { 0 }
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S, version: Version) {
        sink.binary(self.topic.map_or(&[][..], |topic| topic.as_str().as_bytes()));
        if let Some(packet_id) = self.packet_id {
            sink.u16(packet_id.get());
        }
        if version.is_v5() {
            put_len_prefixed(sink, self.properties);
        }
        sink.put(self.payload);
    }
}

/// [MQTT-2.2.1-2] [MQTT-2.2.1-4] [MQTT-3.3.1-2] [MQTT311-2.3.1-5]
pub(crate) fn check_packet_id(qos: QoS, packet_id: Option<PacketId>, dup: Dup) -> Result<(), EncodeError> {
    match (qos, packet_id, dup) {
        (QoS::AtMostOnce, Some(_), _) => Err(EncodeError::PacketIdAtQoS0),
        (QoS::AtMostOnce, None, Dup::Again) => Err(EncodeError::DupAtQoS0),
        (QoS::AtMostOnce, None, Dup::First) => Ok(()),
        (QoS::AtLeastOnce | QoS::ExactlyOnce, Some(_), _) => Ok(()),
        (QoS::AtLeastOnce | QoS::ExactlyOnce, None, _) => Err(EncodeError::PacketIdMissing),
    }
}
