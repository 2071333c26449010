//! The packets, one file for each family: what they hold, how a body is read, how it is written.
//!
//! A field that only 5.0 has is empty ([`Properties::EMPTY`]) or [`ReasonCode::Success`] in 3.x.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod publish;
mod suback;
mod subscribe;
mod unsubscribe;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::{ConnAck, ConnAckCode};
pub(crate) use connect::field;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use publish::Publish;
pub(crate) use publish::{DUP, check_packet_id};
pub use suback::{ReasonCodes, SubAck, UnsubAck};
pub use subscribe::{
    RetainHandling, Subscribe, Subscription, SubscriptionList, SubscriptionListBuf, SubscriptionOptions,
};
pub use unsubscribe::{FilterList, FilterListBuf, Unsubscribe};

use crate::{EncodeError, PacketType, Place, Properties, PropertyId, ReasonCode, Version, text};

/// One control packet, borrowed from the buffer it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// CONNECT.
    Connect(Connect<'a>),
    /// CONNACK.
    ConnAck(ConnAck<'a>),
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PUBACK.
    PubAck(Ack<'a>),
    /// PUBREC.
    PubRec(Ack<'a>),
    /// PUBREL.
    PubRel(Ack<'a>),
    /// PUBCOMP.
    PubComp(Ack<'a>),
    /// SUBSCRIBE.
    Subscribe(Subscribe<'a>),
    /// SUBACK.
    SubAck(SubAck<'a>),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe<'a>),
    /// UNSUBACK.
    UnsubAck(UnsubAck<'a>),
    /// PINGREQ.
    PingReq,
    /// PINGRESP.
    PingResp,
    /// DISCONNECT.
    Disconnect(Disconnect<'a>),
    /// AUTH.
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// Its type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::ConnAck(_) => PacketType::ConnAck,
            Packet::Publish(_) => PacketType::Publish,
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::SubAck(_) => PacketType::SubAck,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::UnsubAck(_) => PacketType::UnsubAck,
            Packet::PingReq => PacketType::PingReq,
            Packet::PingResp => PacketType::PingResp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }
}

/// Properties that may be written there, in that version.
fn check_properties(properties: Properties<'_>, place: Place, version: Version) -> Result<(), EncodeError> {
    if properties.is_empty() {
        return Ok(());
    }
    if !version.is_v5() {
        return Err(EncodeError::NotInVersion { what: "properties", version });
    }
    if let Some(property) = properties.misplaced(place) {
        return Err(EncodeError::PropertyMisplaced { property });
    }
    let once = PropertyId::SubscriptionIdentifier;
    if !once.repeats_in(place) && properties.subscription_identifiers().nth(1).is_some() {
        return Err(EncodeError::PropertyRepeated { property: once });
    }
    Ok(())
}

/// A reason code that the packet may carry, in that version.
fn check_reason(reason: ReasonCode, packet: PacketType, version: Version) -> Result<(), EncodeError> {
    if !version.is_v5() && reason != ReasonCode::Success {
        return Err(EncodeError::NotInVersion { what: "reason codes", version });
    }
    if reason.allowed_in(packet) { Ok(()) } else { Err(EncodeError::ReasonCode { reason, packet }) }
}

/// A string that a receiver has to accept. [MQTT-1.5.4-2] [MQTT311-1.5.3-2]
fn check_text(text: &str, field: &'static str) -> Result<(), EncodeError> {
    check_len(text.as_bytes(), field)?;
    match text::forbidden_character(text) {
        Some(character) => Err(EncodeError::ForbiddenCharacter { field, character }),
        None => Ok(()),
    }
}

fn check_len(bytes: &[u8], field: &'static str) -> Result<(), EncodeError> {
    if bytes.len() > usize::from(u16::MAX) {
        return Err(EncodeError::FieldTooLong { field, bytes: bytes.len() });
    }
    Ok(())
}
