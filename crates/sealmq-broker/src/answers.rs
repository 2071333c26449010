//! The packets the core answers with, encoded.

use crate::{AuthData, Authentication, ListenerRules, Refusal, RetainedMessages};
use bytes::Bytes;
use sealmq_mqtt::{
    Ack, Auth, ConnAck, ConnAckCode, ConnectReturnCode, Disconnect, MaximumQoS, Packet, PacketId, Properties,
    PropertiesBuf, Property, QoS, ReasonCode, ReasonCodes, Secret, SubAck, UnsubAck, Version, encode,
};
use std::num::{NonZeroU16, NonZeroU32};

/// What CONNACK says of an accepted connection.
#[derive(Debug)]
pub(crate) struct Accepted<'a> {
    pub(crate) version: Version,
    pub(crate) session_present: bool,
    /// Where it is not what the client asked for. [MQTT-3.2.2-21]
    pub(crate) server_keep_alive: Option<u16>,
    /// Where we chose the client id. [MQTT-3.2.2-16]
    pub(crate) assigned: Option<&'a str>,
    /// The exchange that admitted it. [MQTT-4.12.0-5] [MQTT-4.12.0-6]
    pub(crate) authentication: Option<&'a Authentication>,
    pub(crate) retained: RetainedMessages,
    pub(crate) inflight_max: u16,
    pub(crate) rules: &'a ListenerRules,
}

/// CONNACK with success. The properties and their order are the contract's; what holds by default is left out.
/// [MQTT-3.1.2-28] [MQTT-3.1.2-29] [MQTT-3.2.2-19] [MQTT-3.2.2-20]
pub(crate) fn connack_accepted(accepted: &Accepted<'_>) -> Bytes {
    let (version, rules) = (accepted.version, accepted.rules);
    if !version.is_v5() {
        let code = ConnAckCode::V3(ConnectReturnCode::Accepted);
        // MQTT 3.1 has no session present flag.
        let session_present = accepted.session_present && version != Version::V31;
        return packet(
            &Packet::ConnAck(ConnAck { session_present, code, properties: Properties::EMPTY }),
            version,
        );
    }
    let retain_off = accepted.retained == RetainedMessages::Unavailable;
    let properties = list([
        accepted.server_keep_alive.map(Property::ServerKeepAlive),
        (rules.topic_alias_max > 0).then_some(Property::TopicAliasMaximum(rules.topic_alias_max)),
        retain_off.then_some(Property::RetainAvailable(false)),
        accepted.assigned.map(Property::AssignedClientIdentifier),
        accepted.authentication.map(|done| Property::AuthenticationMethod(&done.method)),
        accepted.authentication.and_then(|done| authentication_data(&done.data)),
        NonZeroU32::new(rules.packet_bytes_max).map(Property::MaximumPacketSize),
        // 65,535 is what holds without it. MQTT §3.2.2.3.3
        NonZeroU16::new(accepted.inflight_max)
            .filter(|max| max.get() < u16::MAX)
            .map(Property::ReceiveMaximum),
        maximum_qos(rules.max_qos),
    ]);
    let (session_present, code) = (accepted.session_present, ConnAckCode::V5(ReasonCode::Success));
    packet(
        &Packet::ConnAck(ConnAck { session_present, code, properties: properties.as_properties() }),
        version,
    )
}

/// CONNACK with a refusal of the core; `None` where mosquitto closes without one: a 3.x client whose refusal its return
/// codes do not know, and whoever wants a will for `$CONTROL`.
pub(crate) fn connack_refused(version: Version, why: &Refusal, max_qos: QoS) -> Option<Bytes> {
    let (reason, code) = match why {
        Refusal::NotAuthorised(_) | Refusal::CertificateEnded | Refusal::SessionOfAnother => {
            (ReasonCode::NotAuthorized, ConnectReturnCode::NotAuthorized)
        }
        Refusal::KeepAlive => (ReasonCode::UnspecifiedError, ConnectReturnCode::IdentifierRejected),
        Refusal::AuthenticationMethod => {
            (ReasonCode::BadAuthenticationMethod, ConnectReturnCode::NotAuthorized)
        }
        Refusal::Will => (ReasonCode::PacketTooLarge, ConnectReturnCode::NotAuthorized),
        Refusal::WillControl => return None,
        Refusal::WillQoS | Refusal::WillRetain | Refusal::Sessions if !version.is_v5() => return None,
        Refusal::WillQoS => (ReasonCode::QoSNotSupported, ConnectReturnCode::NotAuthorized),
        Refusal::WillRetain => (ReasonCode::RetainNotSupported, ConnectReturnCode::NotAuthorized),
        Refusal::Sessions => (ReasonCode::ServerBusy, ConnectReturnCode::ServerUnavailable),
        Refusal::Memory => (ReasonCode::QuotaExceeded, ConnectReturnCode::ServerUnavailable),
        Refusal::Shutdown => (ReasonCode::ServerUnavailable, ConnectReturnCode::ServerUnavailable),
    };
    Some(connack_refusal(version, reason, code, max_qos))
}

/// A CONNACK that refuses, for whoever refuses before the core is asked (the door): `reason` where the client speaks
/// 5.0, `code` where it speaks 3.x. It has no properties but the Maximum QoS of a listener that lowers it.
pub fn connack_refusal(version: Version, reason: ReasonCode, code: ConnectReturnCode, max_qos: QoS) -> Bytes {
    let v5 = version.is_v5();
    let properties = list([if v5 { maximum_qos(max_qos) } else { None }]);
    let code = if v5 { ConnAckCode::V5(reason) } else { ConnAckCode::V3(code) };
    packet(
        &Packet::ConnAck(ConnAck { session_present: false, code, properties: properties.as_properties() }),
        version,
    )
}

pub(crate) fn puback(version: Version, id: PacketId, reason: ReasonCode) -> Bytes {
    packet(&Packet::PubAck(ack(version, id, reason)), version)
}

pub(crate) fn pubrec(version: Version, id: PacketId, reason: ReasonCode) -> Bytes {
    packet(&Packet::PubRec(ack(version, id, reason)), version)
}

pub(crate) fn pubrel(version: Version, id: PacketId, reason: ReasonCode) -> Bytes {
    packet(&Packet::PubRel(ack(version, id, reason)), version)
}

pub(crate) fn pubcomp(version: Version, id: PacketId, reason: ReasonCode) -> Bytes {
    packet(&Packet::PubComp(ack(version, id, reason)), version)
}

/// [MQTT-2.2.1-6] [MQTT311-2.3.1-7] [MQTT311-3.8.4-2] [MQTT311-3.10.4-4] [MQTT311-3.10.4-5]
pub(crate) fn suback(version: Version, packet_id: PacketId, codes: &[ReasonCode]) -> Bytes {
    let codes = ReasonCodes::new(codes);
    packet(&Packet::SubAck(SubAck { packet_id, properties: Properties::EMPTY, codes }), version)
}

pub(crate) fn unsuback(version: Version, packet_id: PacketId, codes: &[ReasonCode]) -> Bytes {
    // UNSUBACK of 3.x says nothing but the packet id.
    let codes = ReasonCodes::new(if version.is_v5() { codes } else { &[] });
    packet(&Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::EMPTY, codes }), version)
}

/// [MQTT-3.12.4-1] [MQTT311-3.12.4-1]
pub(crate) fn pingresp() -> Bytes {
    packet(&Packet::PingResp, Version::V311)
}

/// AUTH from the server: 5.0 only.
pub(crate) fn auth(reason: ReasonCode, method: &str, data: &AuthData) -> Bytes {
    let properties = list([Some(Property::AuthenticationMethod(method)), authentication_data(data)]);
    packet(&Packet::Auth(Auth { reason, properties: properties.as_properties() }), Version::V5)
}

fn authentication_data(data: &AuthData) -> Option<Property<'_>> {
    (!data.expose().is_empty()).then(|| Property::AuthenticationData(Secret::new(data.expose())))
}

/// DISCONNECT from the server: 5.0 only.
pub(crate) fn disconnect(reason: ReasonCode) -> Bytes {
    packet(&Packet::Disconnect(Disconnect::new(reason)), Version::V5)
}

/// 3.x acknowledges without a reason.
fn ack(version: Version, id: PacketId, reason: ReasonCode) -> Ack<'static> {
    if version.is_v5() { Ack::with_reason(id, reason) } else { Ack::new(id) }
}

/// [MQTT-3.2.2-9]
fn maximum_qos(max: QoS) -> Option<Property<'static>> {
    match max {
        QoS::AtMostOnce => Some(Property::MaximumQoS(MaximumQoS::AtMostOnce)),
        QoS::AtLeastOnce => Some(Property::MaximumQoS(MaximumQoS::AtLeastOnce)),
        QoS::ExactlyOnce => None,
    }
}

fn list<'a, const N: usize>(properties: [Option<Property<'a>>; N]) -> PropertiesBuf {
    PropertiesBuf::of(properties.into_iter().flatten())
        .expect("each once; client id and method came through the codec, and data is bounded by its maker")
}

fn packet(packet: &Packet<'_>, version: Version) -> Bytes {
    let mut out = Vec::new();
    encode(packet, version, &mut out).expect("made by the core, of what the codec let in");
    out.into()
}
