//! Packets to bytes.

use crate::{
    Packet, PacketType, PropertyId, ReasonCode, Version,
    sink::{Count, Sink},
    varint,
};

/// Why a packet cannot be written. Nothing has been written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More than a remaining length can say.
    #[error("packet body of {bytes} bytes, at most 268435455 fit")]
    TooLarge {
        /// The remaining length it would have.
        bytes: usize,
    },
    /// More than 65,535 bytes.
    #[error("{field} has {bytes} bytes, more than 65535")]
    FieldTooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// [MQTT-1.5.4-2] and MQTT §1.5.4
    #[error("{field} contains the character U+{:04X}", u32::from(*character))]
    ForbiddenCharacter {
        /// The field.
        field: &'static str,
        /// The first of them.
        character: char,
    },
    /// Something that this version cannot say.
    #[error("MQTT {version} has no {what}")]
    NotInVersion {
        /// What.
        what: &'static str,
        /// The version to be written.
        version: Version,
    },
    /// MQTT §2.2.2.2
    #[error("property {property} is not allowed here")]
    PropertyMisplaced {
        /// Which.
        property: PropertyId,
    },
    /// MQTT §3.8.2.1.2
    #[error("property {property} is included more than once")]
    PropertyRepeated {
        /// Which.
        property: PropertyId,
    },
    /// The packet's section does not list it.
    #[error("{packet} cannot carry the reason code {reason}")]
    ReasonCode {
        /// The code.
        reason: ReasonCode,
        /// The packet.
        packet: PacketType,
    },
    /// [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
    #[error("PUBLISH above QoS 0 needs a packet identifier")]
    PacketIdMissing,
    /// [MQTT-2.2.1-2] [MQTT311-2.3.1-5]
    #[error("PUBLISH at QoS 0 has no packet identifier")]
    PacketIdAtQoS0,
    /// [MQTT-3.3.1-2] [MQTT311-3.3.1-2]
    #[error("PUBLISH at QoS 0 is never a duplicate")]
    DupAtQoS0,
    /// MQTT §3.3.2.1
    #[error("PUBLISH has neither a topic name nor a topic alias")]
    NoTopic,
    /// [MQTT311-3.1.2-22]
    #[error("CONNECT has a password without a user name")]
    PasswordWithoutUserName,
    /// MQTT §3.1.2.11.10, §3.15.2.2.2
    #[error("the authentication method is missing")]
    AuthenticationMethodMissing,
    /// [MQTT-3.2.2-6] [MQTT311-3.2.2-4]; 3.1 has no such flag.
    #[error("CONNACK cannot say that a session is present")]
    SessionPresent,
    /// A packet that must list something.
    #[error("{what} lists nothing")]
    Empty {
        /// The packet.
        what: &'static str,
    },
    /// [MQTT-3.8.3-4]
    #[error("no local is set on a shared subscription")]
    NoLocalOnShared,
}

/// Appends `packet` to `out`, as `version` writes it. A CONNECT is written in its own version.
///
/// # Errors
/// [`EncodeError`]; `out` is as it was.
pub fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let remaining = remaining_length(packet, version)?;
    let flags = if let Packet::Publish(publish) = packet {
        publish.flags()
    } else {
        packet.packet_type().fixed_flags()
    };
    out.reserve(1 + varint::len(remaining) + remaining as usize);
    out.u8((packet.packet_type() as u8) << 4 | flags);
    out.varint(remaining);
    write_body(packet, version, out);
    Ok(())
}

/// The bytes that [`encode`] would append, to be held against the peer's Maximum Packet Size. [MQTT-3.1.2-24]
///
/// # Errors
/// As [`encode`].
pub fn encoded_len(packet: &Packet<'_>, version: Version) -> Result<usize, EncodeError> {
    let remaining = remaining_length(packet, version)?;
    Ok(1 + varint::len(remaining) + remaining as usize)
}

fn remaining_length(packet: &Packet<'_>, version: Version) -> Result<u32, EncodeError> {
    check(packet, version)?;
    let mut count = Count::default();
    write_body(packet, version, &mut count);
    checked_remaining_length(count.0)
}

/// What a remaining length can say. MQTT §2.1.4
pub(crate) fn checked_remaining_length(bytes: usize) -> Result<u32, EncodeError> {
    match u32::try_from(bytes) {
        Ok(remaining) if remaining <= varint::VALUE_MAX => Ok(remaining),
        _ => Err(EncodeError::TooLarge { bytes }),
    }
}

fn check(packet: &Packet<'_>, version: Version) -> Result<(), EncodeError> {
    match packet {
        Packet::Connect(connect) => connect.check(),
        Packet::ConnAck(connack) => connack.check(version),
        Packet::Publish(publish) => publish.check(version),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.check(packet.packet_type(), version)
        }
        Packet::Subscribe(subscribe) => subscribe.check(version),
        Packet::SubAck(suback) => suback.check(version),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.check(version),
        Packet::UnsubAck(unsuback) => unsuback.check(version),
        Packet::PingReq | Packet::PingResp => Ok(()),
        Packet::Disconnect(disconnect) => disconnect.check(version),
        Packet::Auth(auth) => auth.check(version),
    }
}

fn write_body<S: Sink>(packet: &Packet<'_>, version: Version, sink: &mut S) {
    match packet {
        Packet::Connect(connect) => connect.write(sink),
        Packet::ConnAck(connack) => connack.write(sink, version),
        Packet::Publish(publish) => publish.write(sink, version),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.write(sink)
        }
        Packet::Subscribe(subscribe) => subscribe.write(sink, version),
        Packet::SubAck(suback) => suback.write(sink, version),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.write(sink, version),
        Packet::UnsubAck(unsuback) => unsuback.write(sink, version),
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(disconnect) => disconnect.write(sink),
        Packet::Auth(auth) => auth.write(sink),
    }
}
