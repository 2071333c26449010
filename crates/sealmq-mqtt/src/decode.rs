//! Bytes to packets.

use crate::{
    Ack, Auth, ConnAck, Connect, DecodeError, Disconnect, Fault, Limits, Packet, PacketType, Publish, SubAck,
    Subscribe, UnsubAck, Unsubscribe, Version, reader::Reader, varint, varint::Varint,
};

/// What stands at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Not yet a whole packet.
    Incomplete {
        /// The buffer must hold at least this many bytes in all before it is worth asking again; more than it holds
        /// now, and never more than [`Limits::packet_bytes_max`].
        need: usize,
    },
    /// A packet.
    Packet {
        /// The packet.
        packet: Packet<'a>,
        /// The bytes it took.
        len: usize,
    },
}

/// What stands at the front of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodedConnect<'a> {
    /// As [`Decoded::Incomplete`].
    Incomplete {
        /// As there.
        need: usize,
    },
    /// A CONNECT.
    Connect {
        /// The packet, which tells the version of all that follow.
        connect: Connect<'a>,
        /// The bytes it took.
        len: usize,
    },
}

/// Reads one packet from the front of `bytes`, in place.
///
/// # Errors
/// [`DecodeError`] as soon as the bytes that are there cannot be the front of a packet that `version` and `limits`
/// allow: a wrong first byte, or a length above the limit, is refused without waiting for more.
#[inline]
pub fn decode<'a>(bytes: &'a [u8], version: Version, limits: &Limits) -> Result<Decoded<'a>, DecodeError> {
    let Some(&first) = bytes.first() else {
        return incomplete(2, limits);
    };
    let Some(packet) = PacketType::from_first_byte(first, version) else {
        let fault = Fault::ReservedPacketType { value: first >> 4 };
        return Err(DecodeError { packet: None, version: Some(version), fault });
    };
    let error = |fault| DecodeError { packet: Some(packet), version: Some(version), fault };
    check_first_byte(packet, first & 0x0f, version, limits).map_err(error)?;
    let (header_len, remaining) = match Varint::read(&bytes[1..]) {
        Varint::Value { value, len } => (1 + len, value),
        Varint::Incomplete => return incomplete(bytes.len() + 1, limits),
        Varint::TooLong => return Err(error(Fault::RemainingLengthTooLong)),
    };
    check_length(packet, header_len, remaining, version, limits).map_err(error)?;
    check_direction(packet, first & 0x0f, version, limits).map_err(error)?;
    let len = header_len + remaining as usize;
    let Some(body) = bytes.get(header_len..len) else {
        return Ok(Decoded::Incomplete { need: len });
    };
    let packet = read_body(packet, first & 0x0f, body, version, limits).map_err(error)?;
    Ok(Decoded::Packet { packet, len })
}

/// Reads the first packet of a connection, whose version nobody knows yet.
///
/// # Errors
/// [`Fault::NotConnect`] at the first byte that is none ([MQTT-3.1.0-1] [MQTT311-3.1.0-1]), and as [`decode`].
pub fn decode_connect<'a>(bytes: &'a [u8], limits: &Limits) -> Result<DecodedConnect<'a>, DecodeError> {
    let error = |version, fault| DecodeError { packet: Some(PacketType::Connect), version, fault };
    if bytes.first().is_some_and(|first| first >> 4 != PacketType::Connect as u8) {
        return Err(DecodeError { packet: None, version: None, fault: Fault::NotConnect });
    }
    if let Some(version) = peek_version(bytes, limits) {
        // All that remains is the same for the first packet as for any other.
        return match decode(bytes, version, limits)? {
            Decoded::Incomplete { need } => Ok(DecodedConnect::Incomplete { need }),
            Decoded::Packet { packet: Packet::Connect(connect), len } => {
                Ok(DecodedConnect::Connect { connect, len })
            }
            Decoded::Packet { packet, .. } => Err(DecodeError {
                packet: Some(packet.packet_type()),
                version: None,
                fault: Fault::NotConnect,
            }),
        };
    }
    // No version to be seen: either bytes are missing, or there is none that we know. What 3.1's fixed header may not
    // be, none's may.
    match decode(bytes, Version::V31, limits).map_err(|found| error(None, found.fault))? {
        Decoded::Incomplete { need } => Ok(DecodedConnect::Incomplete { need }),
        Decoded::Packet { .. } => Err(error(None, Fault::ProtocolName)),
    }
}

/// The version that a CONNECT names, where its first bytes are there and name one.
fn peek_version(bytes: &[u8], limits: &Limits) -> Option<Version> {
    let Varint::Value { value, len } = Varint::read(bytes.get(1..)?) else {
        return None;
    };
    if value > limits.packet_bytes_max {
        return None;
    }
    let body = &bytes[1 + len..];
    let body = &body[..body.len().min(value as usize)];
    Connect::read_version(&mut Reader::new(body)).ok().map(|(version, _)| version)
}

fn incomplete<'a>(need: usize, limits: &Limits) -> Result<Decoded<'a>, DecodeError> {
    // A limit below the smallest packet lets nothing through; asking for no more than it keeps the promise.
    Ok(Decoded::Incomplete { need: need.min(limits.packet_bytes_max as usize) })
}

/// All that the first byte alone can break.
#[inline]
fn check_first_byte(packet: PacketType, flags: u8, version: Version, limits: &Limits) -> Result<(), Fault> {
    if !packet.may_come_from(limits.sender, version) || packet == PacketType::PingReq {
        // Judged behind the length: what is too long is answered as such, as mosquitto does.
        return Ok(());
    }
    if !packet.flags_ok(flags, version) {
        return Err(Fault::FixedHeaderFlags { flags });
    }
    if packet == PacketType::Publish {
        Publish::check_flags(flags)?;
    }
    Ok(())
}

/// The flags of PINGREQ, and a packet that only the other side sends; its body is not waited for. Flags that even that
/// side may not set come first, but for CONNACK: mosquitto's order.
#[inline]
fn check_direction(packet: PacketType, flags: u8, version: Version, limits: &Limits) -> Result<(), Fault> {
    let right = packet.may_come_from(limits.sender, version);
    if right && packet != PacketType::PingReq {
        Ok(())
    } else if packet != PacketType::ConnAck && !packet.flags_ok(flags, version) {
        Err(Fault::FixedHeaderFlags { flags })
    } else if right {
        Ok(())
    } else {
        Err(Fault::WrongDirection)
    }
}

/// All that the remaining length can break, before its bytes are waited for.
#[inline]
fn check_length(
    packet: PacketType,
    header_len: usize,
    remaining: u32,
    version: Version,
    limits: &Limits,
) -> Result<(), Fault> {
    // 3.x has no rule about the shortest form.
    if version.is_v5() && header_len - 1 != varint::len(remaining) {
        return Err(Fault::RemainingLengthNotShortest);
    }
    // At most 268,435,455 + 5.
    let bytes = remaining + header_len as u32;
    if let Some(max) = packet.remaining_length_max(version, limits.sender)
        && remaining > max
    {
        return Err(Fault::RemainingLengthImpossible { bytes: remaining, max });
    }
    if bytes > limits.packet_bytes_max {
        return Err(Fault::PacketTooLarge { bytes, max: limits.packet_bytes_max });
    }
    Ok(())
}

#[inline]
fn read_body<'a>(
    packet: PacketType,
    flags: u8,
    body: &'a [u8],
    version: Version,
    limits: &Limits,
) -> Result<Packet<'a>, Fault> {
    let mut reader = Reader::new(body);
    if packet == PacketType::Publish {
        return Publish::read(&mut reader, flags, version, limits).map(Packet::Publish);
    }
    let packet = read_other(packet, &mut reader, version, limits)?;
    reader.finish()?;
    Ok(packet)
}

/// Everything but PUBLISH, out of the way of the hot path.
#[inline(never)]
fn read_other<'a>(
    packet: PacketType,
    reader: &mut Reader<'a>,
    version: Version,
    limits: &Limits,
) -> Result<Packet<'a>, Fault> {
    let ack = |reader: &mut Reader<'a>| Ack::read(reader, packet, version, limits);
    Ok(match packet {
        PacketType::Connect => {
            let (version, level) = Connect::read_version(reader)?;
            Packet::Connect(Connect::read(reader, version, level, limits)?)
        }
        PacketType::ConnAck => Packet::ConnAck(ConnAck::read(reader, version)?),
        PacketType::Publish => Packet::Publish(Publish::read(reader, 0, version, limits)?),
        PacketType::PubAck => Packet::PubAck(ack(reader)?),
        PacketType::PubRec => Packet::PubRec(ack(reader)?),
        PacketType::PubRel => Packet::PubRel(ack(reader)?),
        PacketType::PubComp => Packet::PubComp(ack(reader)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe::read(reader, version, limits)?),
        PacketType::SubAck => Packet::SubAck(SubAck::read(reader, version, limits)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::read(reader, version, limits)?),
        PacketType::UnsubAck => Packet::UnsubAck(UnsubAck::read(reader, version, limits)?),
        PacketType::PingReq => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => Packet::Disconnect(Disconnect::read(reader, version, limits)?),
        PacketType::Auth => Packet::Auth(Auth::read(reader, limits)?),
    })
}
