//! PUBACK, PUBREC, PUBREL, PUBCOMP: one shape. MQTT §3.4 to §3.7

use super::{check_properties, check_reason};
use crate::{
    EncodeError, Fault, Limits, PacketId, PacketType, Place, Properties, ReasonCode, Version,
    property::put_len_prefixed, reader::Reader, sink::Sink,
};

/// An acknowledgement of a PUBLISH, or of one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    /// Of the packet that it answers. [MQTT-2.2.1-5] [MQTT311-2.3.1-6]
    pub packet_id: PacketId,
    /// How it went.
    pub reason: ReasonCode,
    /// Properties.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// Success, without properties.
    pub const fn new(packet_id: PacketId) -> Ack<'static> {
        Ack::with_reason(packet_id, ReasonCode::Success)
    }

    /// Without properties.
    pub const fn with_reason(packet_id: PacketId, reason: ReasonCode) -> Ack<'static> {
        Ack { packet_id, reason, properties: Properties::EMPTY }
    }

    pub(crate) fn read(
        reader: &mut Reader<'a>,
        packet: PacketType,
        version: Version,
        limits: &Limits,
    ) -> Result<Ack<'a>, Fault> {
        let packet_id = reader.packet_id()?;
        if !version.is_v5() {
            return Ok(Ack::new(packet_id));
        }
        let (reason, properties) = read_tail(reader, packet, limits)?;
        Ok(Ack { packet_id, reason, properties })
    }

    pub(crate) fn check(&self, packet: PacketType, version: Version) -> Result<(), EncodeError> {
        check_reason(self.reason, packet, version)?;
        check_properties(self.properties, Place::Packet(packet), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S) {
        sink.u16(self.packet_id.get());
        write_tail(sink, self.reason, self.properties);
    }
}

/// Reason code and properties of 5.0, of which the end may be left out. MQTT §3.4.2.1, §3.14.2.1, §3.15.2.1
pub(super) fn read_tail<'a>(
    reader: &mut Reader<'a>,
    packet: PacketType,
    limits: &Limits,
) -> Result<(ReasonCode, Properties<'a>), Fault> {
    if reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::EMPTY));
    }
    let code = reader.u8("reason code")?;
    let reason = ReasonCode::from_u8(code).filter(|reason| reason.allowed_in(packet));
    let reason = match (reason, packet) {
        (Some(reason), _) => reason,
        // What is behind it is judged first: a DISCONNECT for an unknown reason is one all the same. (mosquitto does so
        // with these three.)
        (None, PacketType::Disconnect | PacketType::PubAck | PacketType::PubComp) => {
            return Err(unknown_reason(code, packet, *reader, limits));
        }
        (None, _) => return Err(Fault::ReasonCode { code }),
    };
    if reader.is_empty() {
        return Ok((reason, Properties::EMPTY));
    }
    Ok((reason, Properties::read(reader, Place::Packet(packet), limits.sender)?))
}

/// What is wrong with a packet whose reason nobody knows.
fn unknown_reason(code: u8, packet: PacketType, mut rest: Reader<'_>, limits: &Limits) -> Fault {
    let place = Place::Packet(packet);
    let behind = if rest.is_empty() {
        Ok(())
    } else {
        Properties::read(&mut rest, place, limits.sender).and_then(|_| rest.finish())
    };
    behind.err().unwrap_or(Fault::ReasonCode { code })
}

/// The shortest form; nothing at all for 3.x, where the caller has checked that there is nothing to say.
pub(super) fn write_tail<S: Sink>(sink: &mut S, reason: ReasonCode, properties: Properties<'_>) {
    if reason == ReasonCode::Success && properties.is_empty() {
        return;
    }
    sink.u8(reason.as_u8());
    if !properties.is_empty() {
        put_len_prefixed(sink, properties);
    }
}
