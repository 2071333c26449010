//! From what a client holds to packets, and back: the only place that knows how versions differ.

use bytes::Bytes;
use sealmq_auth::scram::METHOD;
use sealmq_mqtt::{
    Ack, ConnAck, ConnAckCode, Connect, ConnectReturnCode, Disconnect, Dup, FilterListBuf, Packet, PacketId,
    PayloadFormat, Properties, PropertiesBuf, Property as Wire, Publish, QoS, ReasonCode, Secret, Subscribe,
    SubscriptionId, SubscriptionListBuf, SubscriptionOptions, TopicFilter, TopicName, Unsubscribe,
    UserProperty, Version,
};

use super::Availability;
use crate::error::{PacketError, PublishError, SubscribeError};
use crate::message::{OwnMessages, RetainFlag};
use crate::options::SessionOptions;
use crate::{Filter, Message, Outgoing, Property, Retain};

/// CONNECT. MQTT 3.1 has no empty client id, so one is made from the process's there by the caller.
///
/// `scram`: the first message of a login by SCRAM; user name and password are left out then.
pub(super) fn connect(
    options: &SessionOptions,
    client_id: &str,
    scram: Option<&[u8]>,
) -> Result<Vec<u8>, PacketError> {
    let version = options.version;
    let mut own = properties(&options.properties, version)?;
    if let Some(first) = scram {
        own.push(Wire::AuthenticationMethod(METHOD)).map_err(PacketError::Property)?;
        own.push(Wire::AuthenticationData(Secret::new(first))).map_err(PacketError::Property)?;
    }
    let said = scram.is_none();
    let will_properties = match &options.will {
        Some(will) => properties(&will.message.properties, version)?,
        None => PropertiesBuf::new(),
    };
    let will = match &options.will {
        Some(will) => Some(sealmq_mqtt::Will {
            topic: TopicName::parse(&will.message.topic)
                .map_err(|error| PacketError::WillTopic { topic: will.message.topic.clone(), error })?,
            payload: &will.message.payload,
            qos: will.message.qos,
            retain: will.message.retain == Retain::Stored,
            properties: will_properties.as_properties(),
        }),
        None => None,
    };
    encode(
        &Packet::Connect(Connect {
            version,
            bridge: false,
            clean_start: options.is_clean(),
            keep_alive_secs: options.keep_alive_secs,
            client_id,
            will,
            username: options.username.as_deref().filter(|_| said),
            password: options.password.as_ref().filter(|_| said).map(|password| Secret::new(password)),
            properties: own.as_properties(),
        }),
        version,
    )
}

/// The code on the wire, and what MQTT 5.0 calls it.
pub(super) fn connack_code(connack: &ConnAck<'_>) -> (u8, ReasonCode) {
    match connack.code {
        ConnAckCode::V3(code) => (code.as_u8(), v3_reason(code)),
        ConnAckCode::V5(reason) => (reason.as_u8(), reason),
    }
}

fn v3_reason(code: ConnectReturnCode) -> ReasonCode {
    code.reason_code()
}

pub(super) fn qos_max(properties: &Properties<'_>) -> QoS {
    properties.maximum_qos().map_or(QoS::ExactlyOnce, sealmq_mqtt::MaximumQoS::qos)
}

pub(super) fn retain_available(properties: &Properties<'_>) -> Availability {
    match properties.retain_available() {
        Some(false) => Availability::Missing,
        Some(true) | None => Availability::Available,
    }
}

/// What can be known before a connection exists: the topic, and every text.
pub(super) fn check_publish(message: &Outgoing, version: Version) -> Result<(), PublishError> {
    publish(PacketId::MIN, message, Dup::First, version).map(|_| ())
}

/// How long the PUBLISH is on the wire.
pub(super) fn publish_len(message: &Outgoing, version: Version) -> usize {
    publish(PacketId::MIN, message, Dup::First, version).map_or(usize::MAX, |packet| packet.len())
}

pub(super) fn publish(
    packet_id: PacketId,
    message: &Outgoing,
    dup: Dup,
    version: Version,
) -> Result<Vec<u8>, PublishError> {
    let list = properties(&message.properties, version)?;
    let has_alias =
        version.is_v5() && message.properties.iter().any(|one| matches!(one, Property::TopicAlias(_)));
    let topic = if message.topic.is_empty() && has_alias {
        None
    } else {
        let unfit = |error| PublishError::Topic { topic: message.topic.clone(), error };
        Some(TopicName::parse(&message.topic).map_err(unfit)?)
    };
    let at_qos_0 = message.qos == QoS::AtMostOnce;
    let packet = Packet::Publish(Publish {
        dup: if at_qos_0 { Dup::First } else { dup },
        qos: message.qos,
        retain: message.retain == Retain::Stored,
        topic,
        packet_id: (!at_qos_0).then_some(packet_id),
        properties: list.as_properties(),
        payload: &message.payload,
    });
    Ok(encode(&packet, version)?)
}

pub(super) fn message(topic: String, publish: &Publish<'_>) -> Message {
    Message {
        topic,
        payload: Bytes::copy_from_slice(publish.payload),
        qos: publish.qos,
        retain: publish.retain,
        packet_id: publish.packet_id,
        properties: publish.properties.iter().filter_map(owned).collect(),
    }
}

pub(super) fn check_filters(filters: &[Filter]) -> Result<(), SubscribeError> {
    check_filter_texts(filters.iter().map(|filter| filter.filter.as_str()))
}

pub(super) fn check_filter_texts<'a>(filters: impl Iterator<Item = &'a str>) -> Result<(), SubscribeError> {
    let mut any = false;
    for filter in filters {
        parse_filter(filter)?;
        any = true;
    }
    if any { Ok(()) } else { Err(SubscribeError::NoFilter) }
}

fn parse_filter(filter: &str) -> Result<TopicFilter<'_>, SubscribeError> {
    TopicFilter::parse(filter).map_err(|error| SubscribeError::Filter { filter: filter.to_owned(), error })
}

pub(super) fn subscribe(
    packet_id: PacketId,
    filters: &[Filter],
    list: &[Property],
    version: Version,
) -> Result<Vec<u8>, SubscribeError> {
    let list = properties(list, version)?;
    let mut subscriptions = SubscriptionListBuf::new();
    for filter in filters {
        let mut options = SubscriptionOptions::new(filter.qos);
        if version.is_v5() {
            options.no_local = filter.own_messages == OwnMessages::Withhold;
            options.retain_as_published = filter.retain_flag == RetainFlag::AsPublished;
            options.retain_handling = filter.retain_handling;
        }
        subscriptions.push(parse_filter(&filter.filter)?, options).map_err(PacketError::Encode)?;
    }
    let packet =
        Subscribe { packet_id, properties: list.as_properties(), subscriptions: subscriptions.as_list() };
    Ok(encode(&Packet::Subscribe(packet), version)?)
}

pub(super) fn unsubscribe(
    packet_id: PacketId,
    filters: &[String],
    list: &[Property],
    version: Version,
) -> Result<Vec<u8>, SubscribeError> {
    let list = properties(list, version)?;
    let mut all = FilterListBuf::new();
    for filter in filters {
        all.push(parse_filter(filter)?);
    }
    let packet = Unsubscribe { packet_id, properties: list.as_properties(), filters: all.as_list() };
    Ok(encode(&Packet::Unsubscribe(packet), version)?)
}

pub(super) fn disconnect(
    reason: ReasonCode,
    list: &[Property],
    version: Version,
) -> Result<Vec<u8>, PacketError> {
    let list = properties(list, version)?;
    let reason = if version.is_v5() { reason } else { ReasonCode::NORMAL_DISCONNECTION };
    encode(&Packet::Disconnect(Disconnect { reason, properties: list.as_properties() }), version)
}

/// A packet that has nothing but its header, or a packet id and a reason.
pub(super) fn plain(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    encode(packet, version).expect("a packet without text, properties or payload always fits")
}

/// An acknowledgement; the reason stays off the wire before MQTT 5.0.
pub(super) fn ack(packet_id: PacketId, reason: ReasonCode, version: Version) -> Ack<'static> {
    if version.is_v5() { Ack::with_reason(packet_id, reason) } else { Ack::new(packet_id) }
}

fn encode(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, PacketError> {
    let mut bytes = Vec::new();
    sealmq_mqtt::encode(packet, version, &mut bytes).map_err(PacketError::Encode)?;
    Ok(bytes)
}

/// Properties for the wire; none before MQTT 5.0.
fn properties(list: &[Property], version: Version) -> Result<PropertiesBuf, PacketError> {
    if !version.is_v5() {
        return Ok(PropertiesBuf::new());
    }
    let mut buffer = PropertiesBuf::new();
    for property in list {
        let wire = borrowed(property).ok_or(PacketError::PropertyValue { name: property.name() })?;
        buffer.push(wire).map_err(PacketError::Property)?;
    }
    Ok(buffer)
}

/// `None` where MQTT forbids the value.
fn borrowed(property: &Property) -> Option<Wire<'_>> {
    Some(match property {
        Property::PayloadFormatIndicator(0) => Wire::PayloadFormatIndicator(PayloadFormat::Unspecified),
        Property::PayloadFormatIndicator(1) => Wire::PayloadFormatIndicator(PayloadFormat::Utf8),
        Property::PayloadFormatIndicator(_) => return None,
        Property::MessageExpiryInterval(seconds) => Wire::MessageExpiryInterval(*seconds),
        Property::ContentType(text) => Wire::ContentType(text),
        Property::ResponseTopic(topic) => Wire::ResponseTopic(TopicName::parse(topic).ok()?),
        Property::CorrelationData(bytes) => Wire::CorrelationData(bytes),
        Property::SubscriptionIdentifier(id) => Wire::SubscriptionIdentifier(SubscriptionId::new(*id)?),
        Property::SessionExpiryInterval(seconds) => Wire::SessionExpiryInterval(*seconds),
        Property::AuthenticationMethod(text) => Wire::AuthenticationMethod(text),
        Property::AuthenticationData(bytes) => Wire::AuthenticationData(Secret::new(bytes)),
        Property::RequestProblemInformation(flag @ 0..=1) => Wire::RequestProblemInformation(*flag == 1),
        Property::RequestProblemInformation(_) => return None,
        Property::WillDelayInterval(seconds) => Wire::WillDelayInterval(*seconds),
        Property::RequestResponseInformation(flag @ 0..=1) => Wire::RequestResponseInformation(*flag == 1),
        Property::RequestResponseInformation(_) => return None,
        Property::ReceiveMaximum(max) => Wire::ReceiveMaximum((*max).try_into().ok()?),
        Property::TopicAliasMaximum(max) => Wire::TopicAliasMaximum(*max),
        Property::TopicAlias(alias) => Wire::TopicAlias((*alias).try_into().ok()?),
        Property::User { name, value } => Wire::UserProperty(UserProperty { name, value }),
        Property::MaximumPacketSize(bytes) => Wire::MaximumPacketSize((*bytes).try_into().ok()?),
    })
}

/// A property of a received PUBLISH; `None` for one that has no place there.
fn owned(property: Wire<'_>) -> Option<Property> {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the codec lets no other property into a PUBLISH")]
    Some(match property {
        Wire::PayloadFormatIndicator(PayloadFormat::Unspecified) => Property::PayloadFormatIndicator(0),
        Wire::PayloadFormatIndicator(PayloadFormat::Utf8) => Property::PayloadFormatIndicator(1),
        Wire::MessageExpiryInterval(seconds) => Property::MessageExpiryInterval(seconds),
        Wire::ContentType(text) => Property::ContentType(text.to_owned()),
        Wire::ResponseTopic(topic) => Property::ResponseTopic(topic.as_str().to_owned()),
        Wire::CorrelationData(bytes) => Property::CorrelationData(bytes.to_vec()),
        Wire::SubscriptionIdentifier(id) => Property::SubscriptionIdentifier(id.get()),
        Wire::TopicAlias(alias) => Property::TopicAlias(alias.get()),
        Wire::UserProperty(pair) => {
            Property::User { name: pair.name.to_owned(), value: pair.value.to_owned() }
        }
        _ => return None,
    })
}
