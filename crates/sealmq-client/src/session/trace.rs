//! The lines of `-d`, in the words of libmosquitto 2.0, so that scripts and eyes that know them need not learn.
//! The session puts `Client ID ` in front.

use sealmq_mqtt::{Ack, Dup, PacketId, ReasonCode, RetainHandling};

use crate::message::{OwnMessages, RetainFlag};
use crate::{Filter, Message, Outgoing, Retain};

pub(super) fn connect() -> String {
    "sending CONNECT".to_owned()
}

pub(super) fn connack(code: u8) -> String {
    format!("received CONNACK ({code})")
}

pub(super) fn publish(packet_id: PacketId, message: &Outgoing, dup: Dup) -> String {
    format!(
        "sending PUBLISH (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
        flag(dup == Dup::Again),
        message.qos,
        flag(message.retain == Retain::Stored),
        packet_id,
        message.topic.escape_debug(),
        message.payload.len()
    )
}

pub(super) fn published(message: &Message, dup: Dup) -> String {
    format!(
        "received PUBLISH (d{}, q{}, r{}, m{}, '{}', ... ({} bytes))",
        flag(dup == Dup::Again),
        message.qos,
        flag(message.retain),
        message.packet_id.map_or(0, PacketId::get),
        message.topic.escape_debug(),
        message.payload.len()
    )
}

pub(super) fn puback(packet_id: PacketId) -> String {
    format!("sending PUBACK (m{packet_id}, rc0)")
}

pub(super) fn pubrec(packet_id: PacketId) -> String {
    format!("sending PUBREC (m{packet_id}, rc0)")
}

pub(super) fn pubrel(packet_id: PacketId) -> String {
    format!("sending PUBREL (m{packet_id})")
}

pub(super) fn pubcomp(packet_id: PacketId) -> String {
    format!("sending PUBCOMP (m{packet_id})")
}

/// PUBREC and PUBREL.
pub(super) fn received(packet: &str, ack: &Ack<'_>) -> String {
    format!("received {packet} (Mid: {})", ack.packet_id)
}

/// PUBACK and PUBCOMP.
pub(super) fn acknowledged(packet: &str, ack: &Ack<'_>) -> String {
    format!("received {packet} (Mid: {}, RC:{})", ack.packet_id, ack.reason.as_u8())
}

pub(super) fn subscribe(packet_id: PacketId, filter: &Filter) -> String {
    let options = (u8::from(filter.own_messages == OwnMessages::Withhold) << 2)
        | (u8::from(filter.retain_flag == RetainFlag::AsPublished) << 3)
        | (match filter.retain_handling {
            RetainHandling::SendAtSubscribe => 0,
            RetainHandling::SendAtNewSubscribe => 1,
            RetainHandling::DoNotSend => 2,
        } << 4);
    format!(
        "sending SUBSCRIBE (Mid: {packet_id}, Topic: {}, QoS: {}, Options: 0x{options:02x})",
        filter.filter.escape_debug(),
        filter.qos
    )
}

pub(super) fn unsubscribe(packet_id: PacketId, filter: &str) -> String {
    format!("sending UNSUBSCRIBE (Mid: {packet_id}, Topic: {})", filter.escape_debug())
}

pub(super) fn suback() -> String {
    "received SUBACK".to_owned()
}

pub(super) fn unsuback() -> String {
    "received UNSUBACK".to_owned()
}

pub(super) fn pingreq() -> String {
    "sending PINGREQ".to_owned()
}

pub(super) fn pingresp() -> String {
    "received PINGRESP".to_owned()
}

pub(super) fn disconnect() -> String {
    "sending DISCONNECT".to_owned()
}

pub(super) fn disconnected(reason: ReasonCode) -> String {
    format!("received DISCONNECT ({})", reason.as_u8())
}

fn flag(set: bool) -> u8 {
    u8::from(set)
}
