//! SUBACK and UNSUBACK: one code for each filter, in their order. MQTT §3.9, §3.11; MQTT311 §3.9, §3.11

use super::check_properties;
use crate::{
    EncodeError, Fault, Limits, PacketId, PacketType, Place, Properties, ReasonCode, Version,
    property::put_len_prefixed, reader::Reader, sink::Sink,
};

/// SUBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// Properties.
    pub properties: Properties<'a>,
    /// The QoS granted to each, or why none; 3.x knows 0, 1, 2 and 0x80. [MQTT-3.9.3-1] [MQTT311-3.9.3-2]
    pub codes: ReasonCodes<'a>,
}

/// UNSUBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// Of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// Properties.
    pub properties: Properties<'a>,
    /// How each went; none in 3.x. [MQTT-3.11.3-1]
    pub codes: ReasonCodes<'a>,
}

/// Reason codes, either as bytes of a packet, all checked, or from the one who sends them.
#[derive(Debug, Clone, Copy)]
pub struct ReasonCodes<'a>(Codes<'a>);

#[derive(Debug, Clone, Copy)]
enum Codes<'a> {
    Bytes(&'a [u8]),
    List(&'a [ReasonCode]),
}

impl<'a> ReasonCodes<'a> {
    /// To be sent.
    pub const fn new(codes: &'a [ReasonCode]) -> ReasonCodes<'a> {
        ReasonCodes(Codes::List(codes))
    }

    /// How many.
    pub const fn len(&self) -> usize {
        match self.0 {
            Codes::Bytes(bytes) => bytes.len(),
            Codes::List(codes) => codes.len(),
        }
    }

    /// Whether there is none: UNSUBACK of 3.x.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The codes, in order.
    pub fn iter(&self) -> impl Iterator<Item = ReasonCode> + use<'a> {
        let (bytes, codes) = match self.0 {
            Codes::Bytes(bytes) => (bytes, &[][..]),
            Codes::List(codes) => (&[][..], codes),
        };
        bytes.iter().filter_map(|byte| ReasonCode::from_u8(*byte)).chain(codes.iter().copied())
    }

    fn read(reader: &mut Reader<'a>, packet: PacketType, version: Version) -> Result<ReasonCodes<'a>, Fault> {
        let bytes = reader.rest();
        if bytes.is_empty() {
            return Err(Fault::NoReasonCode);
        }
        let refused = bytes
            .iter()
            .find(|byte| !ReasonCode::from_u8(**byte).is_some_and(|reason| allowed(reason, packet, version)));
        match refused {
            Some(&code) => Err(Fault::ReasonCode { code }),
            None => Ok(ReasonCodes(Codes::Bytes(bytes))),
        }
    }

    fn check(&self, packet: PacketType, version: Version) -> Result<(), EncodeError> {
        match self.iter().find(|reason| !allowed(*reason, packet, version)) {
            Some(reason) => Err(EncodeError::ReasonCode { reason, packet }),
            None => Ok(()),
        }
    }

    fn write<S: Sink>(&self, sink: &mut S) {
        self.iter().for_each(|reason| sink.u8(reason.as_u8()));
    }
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ReasonCodes<'_> {}

impl<'a> SubAck<'a> {
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: Version,
        limits: &Limits,
    ) -> Result<SubAck<'a>, Fault> {
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::SubAck), limits.sender)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        Ok(SubAck { packet_id, properties, codes: ReasonCodes::read(reader, PacketType::SubAck, version)? })
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        if self.codes.is_empty() {
            return Err(EncodeError::Empty { what: "SUBACK" });
        }
        self.codes.check(PacketType::SubAck, version)?;
        check_properties(self.properties, Place::Packet(PacketType::SubAck), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S, version: Version) {
        sink.u16(self.packet_id.get());
        if version.is_v5() {
            put_len_prefixed(sink, self.properties);
        }
        self.codes.write(sink);
    }
}

impl<'a> UnsubAck<'a> {
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: Version,
        limits: &Limits,
    ) -> Result<UnsubAck<'a>, Fault> {
        let packet_id = reader.packet_id()?;
        if !version.is_v5() {
            return Ok(UnsubAck { packet_id, properties: Properties::EMPTY, codes: ReasonCodes::new(&[]) });
        }
        let properties = Properties::read(reader, Place::Packet(PacketType::UnsubAck), limits.sender)?;
        Ok(UnsubAck {
            packet_id,
            properties,
            codes: ReasonCodes::read(reader, PacketType::UnsubAck, version)?,
        })
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        if version.is_v5() && self.codes.is_empty() {
            return Err(EncodeError::Empty { what: "UNSUBACK" });
        }
        if !version.is_v5() && !self.codes.is_empty() {
            return Err(EncodeError::NotInVersion { what: "reason codes in UNSUBACK", version });
        }
        self.codes.check(PacketType::UnsubAck, version)?;
        check_properties(self.properties, Place::Packet(PacketType::UnsubAck), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S, version: Version) {
        sink.u16(self.packet_id.get());
        if version.is_v5() {
            put_len_prefixed(sink, self.properties);
        }
        self.codes.write(sink);
    }
}

/// [MQTT311-3.9.3-2]: 3.1.1 has 0, 1, 2 and 0x80; 3.1 only the first three, but mosquitto refuses with 0x80 there too.
fn allowed(reason: ReasonCode, packet: PacketType, version: Version) -> bool {
    reason.allowed_in(packet)
        && (version.is_v5() || !reason.is_error() || reason == ReasonCode::UnspecifiedError)
}
