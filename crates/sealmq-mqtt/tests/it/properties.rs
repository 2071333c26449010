//! Lists of properties: built, read, forwarded.

use sealmq_mqtt::{
    ConnAck, ConnAckCode, EncodeError, FilterListBuf, Packet, PacketId, PacketType, Place, Properties,
    PropertiesBuf, Property, PropertyError, PropertyId, Publish, QoS, ReasonCode, Secret, Subscribe,
    SubscriptionId, SubscriptionListBuf, SubscriptionOptions, TopicFilter, TopicName, Unsubscribe,
    UserProperty, Version, encode,
};
use std::num::{NonZeroU16, NonZeroU32};

#[test]
fn properties_keep_the_order_in_which_they_were_added() {
    let list = PropertiesBuf::of([
        Property::TopicAliasMaximum(10),
        Property::AssignedClientIdentifier("auto-1"),
        Property::MaximumPacketSize(NonZeroU32::new(2_000_000).unwrap()),
        Property::ReceiveMaximum(NonZeroU16::new(20).unwrap()),
    ])
    .unwrap();
    let connack = ConnAck {
        session_present: false,
        code: ConnAckCode::V5(ReasonCode::Success),
        properties: list.as_properties(),
    };
    let mut out = Vec::new();
    encode(&Packet::ConnAck(connack), Version::V5, &mut out).unwrap();
    let expected = b"\x20\x17\x00\x00\x14\x22\x00\x0a\x12\x00\x06auto-1\x27\x00\x1e\x84\x80\x21\x00\x14";
    assert_eq!(out, expected);
}

/// [MQTT-3.3.2-13] [MQTT-3.3.2-19]
#[test]
fn a_property_is_refused_when_it_is_added() {
    let mut list = PropertiesBuf::new();
    list.push(Property::ContentType("text/plain")).unwrap();
    let before = list.clone();
    let property = PropertyId::ContentType;
    assert_eq!(list.push(Property::ContentType("x")), Err(PropertyError::Repeated { property }));
    let long = "x".repeat(65_536);
    let property = PropertyId::ReasonString;
    assert_eq!(list.push(Property::ReasonString(&long)), Err(PropertyError::TooLong { property }));
    let line = PropertyError::ForbiddenCharacter { property, character: '\n' };
    assert_eq!(list.push(Property::ReasonString("a\nb")), Err(line));
    assert_eq!(list, before);
    list.push(Property::ReasonString(&long[1..])).unwrap();
    let pair = UserProperty { name: "n", value: "v" };
    list.push(Property::UserProperty(pair)).unwrap();
    list.push(Property::UserProperty(pair)).unwrap();
    assert_eq!(list.as_properties().user_properties().collect::<Vec<_>>(), [pair, pair]);
}

/// [MQTT-1.5.7-1]
#[test]
fn a_packet_refuses_what_may_not_stand_in_it() {
    let id = PacketId::MIN;
    let one = SubscriptionId::new(1).unwrap();
    let twice =
        PropertiesBuf::of([Property::SubscriptionIdentifier(one), Property::SubscriptionIdentifier(one)])
            .unwrap();
    let mut subscriptions = SubscriptionListBuf::new();
    subscriptions.push(TopicFilter::parse("a").unwrap(), SubscriptionOptions::new(QoS::AtMostOnce)).unwrap();
    let subscribe = |properties| {
        Packet::Subscribe(Subscribe { packet_id: id, properties, subscriptions: subscriptions.as_list() })
    };
    let mut out = Vec::new();
    let property = PropertyId::SubscriptionIdentifier;
    let found = encode(&subscribe(twice.as_properties()), Version::V5, &mut out);
    assert_eq!(found, Err(EncodeError::PropertyRepeated { property }));
    let publish = Packet::Publish(Publish {
        dup: sealmq_mqtt::Dup::First,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Some(TopicName::parse("a").unwrap()),
        packet_id: None,
        properties: twice.as_properties(),
        payload: b"",
    });
    encode(&publish, Version::V5, &mut out).unwrap();
    let mut filters = FilterListBuf::new();
    filters.push(TopicFilter::parse("a").unwrap());
    let wrong = Packet::Unsubscribe(Unsubscribe {
        packet_id: id,
        properties: twice.as_properties(),
        filters: filters.as_list(),
    });
    let before = out.clone();
    assert_eq!(encode(&wrong, Version::V5, &mut out), Err(EncodeError::PropertyMisplaced { property }));
    let old = Err(EncodeError::NotInVersion { what: "properties", version: Version::V311 });
    assert_eq!(encode(&publish, Version::V311, &mut out), old);
    assert_eq!(out, before, "nothing is written by a refusal");
    encode(&subscribe(Properties::EMPTY), Version::V311, &mut out).unwrap();
}

/// [MQTT-2.2.2-1]
#[test]
fn the_places_of_properties_are_those_of_the_standard() {
    // MQTT §2.2.2.2, table 2-4, transcribed by place rather than by property.
    let rows: &[(Place, &[u8])] = &[
        (Place::Packet(PacketType::Connect), &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27]),
        (
            Place::Packet(PacketType::ConnAck),
            &[
                0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28,
                0x29, 0x2a,
            ],
        ),
        (Place::Packet(PacketType::Publish), &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26]),
        (Place::Will, &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26]),
        (Place::Packet(PacketType::PubAck), &[0x1f, 0x26]),
        (Place::Packet(PacketType::PubRec), &[0x1f, 0x26]),
        (Place::Packet(PacketType::PubRel), &[0x1f, 0x26]),
        (Place::Packet(PacketType::PubComp), &[0x1f, 0x26]),
        (Place::Packet(PacketType::Subscribe), &[0x0b, 0x26]),
        (Place::Packet(PacketType::SubAck), &[0x1f, 0x26]),
        (Place::Packet(PacketType::Unsubscribe), &[0x26]),
        (Place::Packet(PacketType::UnsubAck), &[0x1f, 0x26]),
        (Place::Packet(PacketType::PingReq), &[]),
        (Place::Packet(PacketType::PingResp), &[]),
        (Place::Packet(PacketType::Disconnect), &[0x11, 0x1c, 0x1f, 0x26]),
        (Place::Packet(PacketType::Auth), &[0x15, 0x16, 0x1f, 0x26]),
    ];
    assert_eq!(PropertyId::ALL.len(), 27);
    for (place, allowed) in rows {
        for id in PropertyId::ALL {
            assert_eq!(id.allowed_in(*place), allowed.contains(&(*id as u8)), "{id} in {place:?}");
        }
    }
}

#[test]
fn secrets_are_never_printed() {
    let list = PropertiesBuf::of([
        Property::AuthenticationMethod("m"),
        Property::AuthenticationData(Secret::new(b"hunter2")),
    ])
    .unwrap();
    let shown = format!("{:?} {:?}", list.as_properties(), Secret::new(b"hunter2"));
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    assert_eq!(list.as_properties().authentication_data().unwrap().expose(), b"hunter2");
}
