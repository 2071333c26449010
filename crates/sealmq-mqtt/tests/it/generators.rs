//! Every packet of every version, at random.

use proptest::{collection::vec, option, prelude::*, sample::select};
use sealmq_mqtt::{
    Ack, Auth, ConnAck, ConnAckCode, Connect, ConnectReturnCode, Disconnect, Dup, FilterListBuf, MaximumQoS,
    Packet, PacketId, PacketType, PayloadFormat, Place, PropertiesBuf, Property, PropertyId, Publish, QoS,
    ReasonCode, ReasonCodes, RetainHandling, Secret, Sender, SubAck, Subscribe, SubscriptionId,
    SubscriptionListBuf, SubscriptionOptions, TopicFilter, TopicName, UnsubAck, Unsubscribe, UserProperty,
    Version, Will,
};
use std::num::{NonZeroU16, NonZeroU32};

/// The owned parts of a packet.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) version: Version,
    pub(crate) packet: PacketType,
    properties: PropertiesBuf,
    will_properties: PropertiesBuf,
    texts: [String; 2],
    topic: String,
    bytes: Vec<u8>,
    payload: Vec<u8>,
    filters: FilterListBuf,
    subscriptions: SubscriptionListBuf,
    codes: Vec<ReasonCode>,
    id: PacketId,
    qos: QoS,
    number: u16,
    bits: [bool; 5],
}

impl Spec {
    /// Who sends such a packet; where both do, the one who may send more.
    pub(crate) fn sender(&self) -> Sender {
        match self.packet {
            PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => {
                Sender::Server
            }
            PacketType::Publish => Sender::Server,
            _ => Sender::Client,
        }
    }

    pub(crate) fn packet(&self) -> Packet<'_> {
        let (packet_id, properties) = (self.id, self.properties.as_properties());
        let reason = self.codes[0];
        let ack = Ack { packet_id, reason, properties };
        match self.packet {
            PacketType::Connect => Packet::Connect(self.connect()),
            PacketType::ConnAck => Packet::ConnAck(self.connack()),
            PacketType::Publish => Packet::Publish(self.publish()),
            PacketType::PubAck => Packet::PubAck(ack),
            PacketType::PubRec => Packet::PubRec(ack),
            PacketType::PubRel => Packet::PubRel(ack),
            PacketType::PubComp => Packet::PubComp(ack),
            PacketType::Subscribe => Packet::Subscribe(Subscribe {
                packet_id,
                properties,
                subscriptions: self.subscriptions.as_list(),
            }),
            PacketType::SubAck => {
                Packet::SubAck(SubAck { packet_id, properties, codes: ReasonCodes::new(&self.codes) })
            }
            PacketType::Unsubscribe => {
                Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters: self.filters.as_list() })
            }
            PacketType::UnsubAck => {
                let codes: &[ReasonCode] = if self.version.is_v5() { &self.codes } else { &[] };
                Packet::UnsubAck(UnsubAck { packet_id, properties, codes: ReasonCodes::new(codes) })
            }
            PacketType::PingReq => Packet::PingReq,
            PacketType::PingResp => Packet::PingResp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect { reason, properties }),
            PacketType::Auth => Packet::Auth(Auth { reason, properties }),
        }
    }

    fn connect(&self) -> Connect<'_> {
        let will = Will {
            topic: TopicName::parse(&self.topic).unwrap(),
            payload: &self.payload,
            qos: self.qos,
            retain: self.bits[0],
            properties: self.will_properties.as_properties(),
        };
        let username = self.bits[2].then_some(self.texts[1].as_str());
        let password = self.bits[3] && (username.is_some() || self.version.is_v5());
        Connect {
            version: self.version,
            bridge: self.bits[4] && !self.version.is_v5(),
            clean_start: self.bits[0],
            keep_alive_secs: self.number,
            client_id: &self.texts[0],
            will: self.bits[1].then_some(will),
            username,
            password: password.then_some(Secret::new(&self.bytes)),
            properties: self.properties.as_properties(),
        }
    }

    fn connack(&self) -> ConnAck<'_> {
        let code = if self.version.is_v5() {
            ConnAckCode::V5(self.codes[0])
        } else {
            ConnAckCode::V3(ConnectReturnCode::from_u8((self.number % 6) as u8).unwrap())
        };
        let session_present = self.bits[0] && code.is_accepted() && self.version != Version::V31;
        ConnAck { session_present, code, properties: self.properties.as_properties() }
    }

    fn publish(&self) -> Publish<'_> {
        let properties = self.properties.as_properties();
        let above_qos0 = self.qos != QoS::AtMostOnce;
        let no_topic = self.bits[0] && properties.contains(PropertyId::TopicAlias);
        Publish {
            dup: if self.bits[1] && above_qos0 { Dup::Again } else { Dup::First },
            qos: self.qos,
            retain: self.bits[2],
            topic: (!no_topic).then_some(TopicName::parse(&self.topic).unwrap()),
            packet_id: above_qos0.then_some(self.id),
            properties,
            payload: &self.payload,
        }
    }
}

/// Any packet of any version.
pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    (select(vec![Version::V31, Version::V311, Version::V5]), 1..=15u8)
        .prop_map(|(version, number)| {
            let packet = PacketType::from_first_byte(number << 4, Version::V5).unwrap();
            (if packet == PacketType::Auth { Version::V5 } else { version }, packet)
        })
        .prop_flat_map(|(version, packet)| {
            let properties = properties(version, Place::Packet(packet));
            let will_properties = properties_of_will(version);
            let texts = [text(), text()];
            let strings = (texts, topic(), vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..300));
            let lists = (vec(filter(), 1..6), vec(options(version), 6), codes(packet, version));
            let rest = (packet_id(), qos(), any::<u16>(), any::<[bool; 5]>());
            (properties, will_properties, strings, lists, rest).prop_map(
                move |(properties, will_properties, strings, lists, rest)| {
                    let (texts, topic, bytes, payload) = strings;
                    let (filter_texts, options, codes) = lists;
                    let (id, qos, number, bits) = rest;
                    let (filters, subscriptions) = filter_lists(&filter_texts, &options);
                    Spec {
                        version,
                        packet,
                        properties: with_method(properties, packet, codes[0]),
                        will_properties,
                        texts,
                        topic,
                        bytes,
                        payload,
                        filters,
                        subscriptions,
                        codes,
                        id,
                        qos,
                        number,
                        bits,
                    }
                },
            )
        })
}

pub(crate) fn topic() -> impl Strategy<Value = String> {
    "\\PC{1,20}|[a-c/$]{1,12}".prop_map(|text| text.replace(['+', '#'], "/"))
}

pub(crate) fn filter() -> impl Strategy<Value = String> {
    let level = select(vec!["a", "b", "c", "", "+", "$SYS", "é"]);
    (vec(level, 1..6), any::<bool>(), option::of("[a-z]{1,3}")).prop_map(|(levels, hash, group)| {
        let mut text = levels.join("/");
        if hash || text.is_empty() {
            text = if text.is_empty() { "#".to_owned() } else { text + "/#" };
        }
        group.map_or(text.clone(), |group| format!("$share/{group}/{text}"))
    })
}

/// Publishing properties as a client sends them, with everything that may stand there.
pub(crate) fn publish_properties() -> impl Strategy<Value = PropertiesBuf> {
    properties(Version::V5, Place::Packet(PacketType::Publish))
}

fn filter_lists(filters: &[String], options: &[SubscriptionOptions]) -> (FilterListBuf, SubscriptionListBuf) {
    let (mut plain, mut subscriptions) = (FilterListBuf::new(), SubscriptionListBuf::new());
    for (filter, options) in filters.iter().zip(options) {
        let filter = TopicFilter::parse(filter).unwrap();
        let no_local = options.no_local && filter.share().is_none();
        plain.push(filter);
        subscriptions.push(filter, SubscriptionOptions { no_local, ..*options }).unwrap();
    }
    (plain, subscriptions)
}

fn options(version: Version) -> impl Strategy<Value = SubscriptionOptions> {
    let handling = select(vec![
        RetainHandling::SendAtSubscribe,
        RetainHandling::SendAtNewSubscribe,
        RetainHandling::DoNotSend,
    ]);
    (qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        move |(qos, no_local, retain_as_published, retain_handling)| {
            if version.is_v5() {
                SubscriptionOptions { qos, no_local, retain_as_published, retain_handling }
            } else {
                SubscriptionOptions::new(qos)
            }
        },
    )
}

fn codes(packet: PacketType, version: Version) -> impl Strategy<Value = Vec<ReasonCode>> {
    let mut all: Vec<ReasonCode> =
        ReasonCode::ALL.iter().copied().filter(|reason| reason.allowed_in(packet)).collect();
    if !version.is_v5() {
        let of_3x = |reason: &ReasonCode| {
            packet == PacketType::SubAck && (!reason.is_error() || *reason == ReasonCode::UnspecifiedError)
        };
        all.retain(of_3x);
    }
    if all.is_empty() {
        all.push(ReasonCode::Success);
    }
    vec(select(all), 1..6)
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

fn qos() -> impl Strategy<Value = QoS> {
    select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn properties_of_will(version: Version) -> BoxedStrategy<PropertiesBuf> {
    properties(version, Place::Will)
}

fn properties(version: Version, place: Place) -> BoxedStrategy<PropertiesBuf> {
    let allowed: Vec<PropertyId> =
        PropertyId::ALL.iter().copied().filter(|id| id.allowed_in(place)).collect();
    if !version.is_v5() || allowed.is_empty() {
        return Just(PropertiesBuf::new()).boxed();
    }
    let seed = (select(allowed), any::<u32>(), topic(), text(), vec(any::<u8>(), 0..12));
    vec(seed, 0..8)
        .prop_map(move |seeds| {
            let mut list = PropertiesBuf::new();
            for (id, number, topic, text, bytes) in &seeds {
                if !list.as_properties().contains(*id) || id.repeats_in(place) {
                    list.push(property(*id, *number, topic, text, bytes)).unwrap();
                }
            }
            list
        })
        .boxed()
}

/// Authentication data never stands without a method, and AUTH only where it says nothing at all.
fn with_method(mut properties: PropertiesBuf, packet: PacketType, reason: ReasonCode) -> PropertiesBuf {
    let list = properties.as_properties();
    let needed = match packet {
        PacketType::Auth => reason != ReasonCode::Success || !list.is_empty(),
        PacketType::Connect => list.contains(PropertyId::AuthenticationData),
        _ => false,
    };
    if needed && !list.contains(PropertyId::AuthenticationMethod) {
        properties.push(Property::AuthenticationMethod("SCRAM-SHA-256")).unwrap();
    }
    properties
}

fn property<'a>(id: PropertyId, number: u32, topic: &'a str, text: &'a str, bytes: &'a [u8]) -> Property<'a> {
    let bit = number & 1 == 1;
    let short = number as u16;
    let nonzero = NonZeroU16::new(short).unwrap_or(NonZeroU16::MIN);
    match id {
        PropertyId::PayloadFormatIndicator => Property::PayloadFormatIndicator(if bit {
            PayloadFormat::Utf8
        } else {
            PayloadFormat::Unspecified
        }),
        PropertyId::MessageExpiryInterval => Property::MessageExpiryInterval(number),
        PropertyId::ContentType => Property::ContentType(text),
        PropertyId::ResponseTopic => Property::ResponseTopic(TopicName::parse(topic).unwrap()),
        PropertyId::CorrelationData => Property::CorrelationData(bytes),
        PropertyId::SubscriptionIdentifier => {
            Property::SubscriptionIdentifier(SubscriptionId::new(number % 268_435_455 + 1).unwrap())
        }
        PropertyId::SessionExpiryInterval => Property::SessionExpiryInterval(number),
        PropertyId::AssignedClientIdentifier => Property::AssignedClientIdentifier(text),
        PropertyId::ServerKeepAlive => Property::ServerKeepAlive(short),
        PropertyId::AuthenticationMethod => Property::AuthenticationMethod(text),
        PropertyId::AuthenticationData => Property::AuthenticationData(Secret::new(bytes)),
        PropertyId::RequestProblemInformation => Property::RequestProblemInformation(bit),
        PropertyId::WillDelayInterval => Property::WillDelayInterval(number),
        PropertyId::RequestResponseInformation => Property::RequestResponseInformation(bit),
        PropertyId::ResponseInformation => Property::ResponseInformation(text),
        PropertyId::ServerReference => Property::ServerReference(text),
        PropertyId::ReasonString => Property::ReasonString(text),
        PropertyId::ReceiveMaximum => Property::ReceiveMaximum(nonzero),
        PropertyId::TopicAliasMaximum => Property::TopicAliasMaximum(short),
        PropertyId::TopicAlias => Property::TopicAlias(nonzero),
        PropertyId::MaximumQoS => {
            Property::MaximumQoS(if bit { MaximumQoS::AtLeastOnce } else { MaximumQoS::AtMostOnce })
        }
        PropertyId::RetainAvailable => Property::RetainAvailable(bit),
        PropertyId::UserProperty => Property::UserProperty(UserProperty { name: text, value: topic }),
        PropertyId::MaximumPacketSize => {
            Property::MaximumPacketSize(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
        }
        PropertyId::WildcardSubscriptionAvailable => Property::WildcardSubscriptionAvailable(bit),
        PropertyId::SubscriptionIdentifierAvailable => Property::SubscriptionIdentifierAvailable(bit),
        PropertyId::SharedSubscriptionAvailable => Property::SharedSubscriptionAvailable(bit),
    }
}
