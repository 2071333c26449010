//! What a client reads from the wire, owned.

use sealmq_broker::{Commit, Lane};
use sealmq_mqtt::{Decoded, Packet, PacketId, Publish, ReasonCode, Sender, TopicName, Version, decode};

/// What a client got, owned. Times and lanes as the core gave them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Got {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lane: Lane,
    pub(crate) gate: Option<Commit>,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    ConnAck { session_present: bool, code: u8 },
    Publish(Msg),
    PubAck(u16, u8),
    PubRec(u16, u8),
    PubRel(u16, u8),
    PubComp(u16, u8),
    SubAck(u16, Vec<u8>),
    UnsubAck(u16, Vec<u8>),
    PingResp,
    Disconnect(u8),
    Auth { reason: u8, method: String, data: Vec<u8> },
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Msg {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) id: Option<u16>,
    pub(crate) alias: Option<u16>,
    pub(crate) expiry: Option<u32>,
    pub(crate) subscription_ids: Vec<u32>,
    pub(crate) user: Vec<(String, String)>,
}

/// Decodes what the broker sent, as a client would.
pub(super) fn read(bytes: &[u8], version: Version) -> What {
    let limits = sealmq_mqtt::Limits::of_client();
    assert_eq!(limits.sender, Sender::Server);
    let Ok(Decoded::Packet { packet, len }) = decode(bytes, version, &limits) else {
        panic!("the broker sent what a client cannot read: {bytes:02x?}")
    };
    assert_eq!(len, bytes.len());
    match packet {
        Packet::Auth(auth) => What::Auth {
            reason: auth.reason.as_u8(),
            method: auth.properties.authentication_method().unwrap_or_default().to_owned(),
            data: auth
                .properties
                .authentication_data()
                .map(|data| data.expose().to_vec())
                .unwrap_or_default(),
        },
        Packet::ConnAck(connack) => What::ConnAck {
            session_present: connack.session_present,
            code: match connack.code {
                sealmq_mqtt::ConnAckCode::V3(code) => code.as_u8(),
                sealmq_mqtt::ConnAckCode::V5(reason) => reason.as_u8(),
            },
        },
        Packet::Publish(publish) => What::Publish(message(&publish)),
        Packet::PubAck(ack) => What::PubAck(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::PubRec(ack) => What::PubRec(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::PubRel(ack) => What::PubRel(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::PubComp(ack) => What::PubComp(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::SubAck(ack) => {
            What::SubAck(ack.packet_id.get(), ack.codes.iter().map(ReasonCode::as_u8).collect())
        }
        Packet::UnsubAck(ack) => {
            What::UnsubAck(ack.packet_id.get(), ack.codes.iter().map(ReasonCode::as_u8).collect())
        }
        Packet::PingResp => What::PingResp,
        Packet::Disconnect(disconnect) => What::Disconnect(disconnect.reason.as_u8()),
        other => panic!("a server does not send {other:?}"),
    }
}

fn message(publish: &Publish<'_>) -> Msg {
    Msg {
        topic: publish.topic.map_or("", TopicName::as_str).to_owned(),
        payload: publish.payload.to_vec(),
        qos: publish.qos.as_u8(),
        retain: publish.retain,
        dup: publish.dup == sealmq_mqtt::Dup::Again,
        id: publish.packet_id.map(PacketId::get),
        alias: publish.properties.topic_alias().map(std::num::NonZeroU16::get),
        expiry: publish.properties.message_expiry_interval(),
        subscription_ids: publish.properties.subscription_identifiers().map(|id| id.get()).collect(),
        user: publish
            .properties
            .user_properties()
            .map(|pair| (pair.name.to_owned(), pair.value.to_owned()))
            .collect(),
    }
}
