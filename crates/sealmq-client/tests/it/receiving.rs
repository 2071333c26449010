//! Messages from the server.

use sealmq_client::{Event, PacketId, Property, QoS, SessionError};
use sealmq_mqtt::{Ack, Dup, Packet, PropertiesBuf, Publish, ReasonCode, TopicName};

use crate::story::Story;

fn publish<'a>(topic: Option<&'a str>, qos: QoS, number: u16, list: &'a PropertiesBuf) -> Packet<'a> {
    Packet::Publish(Publish {
        dup: Dup::First,
        qos,
        retain: false,
        topic: topic.map(|topic| TopicName::parse(topic).unwrap()),
        packet_id: PacketId::new(number),
        properties: list.as_properties(),
        payload: b"x",
    })
}

fn topics(story: &Story) -> Vec<&str> {
    let message = |event: &'_ Event| matches!(event, Event::Message(_));
    story
        .events
        .iter()
        .filter(|event| message(event))
        .map(|event| if let Event::Message(message) = event { message.topic.as_str() } else { "" })
        .collect()
}

/// [MQTT-4.5.0-2] [MQTT311-4.5.0-2] [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT311-4.6.0-2] [MQTT311-4.6.0-3]
/// [MQTT311-4.6.0-4]
#[test]
fn qos_1_is_acknowledged_and_qos_2_told_once_at_its_release() {
    let none = PropertiesBuf::new();
    let mut story = Story::v5(&[], vec![]);
    story.server(&publish(Some("one"), QoS::AtLeastOnce, 7, &none));
    story.server(&publish(Some("two"), QoS::ExactlyOnce, 8, &none));
    story.server(&publish(Some("two"), QoS::ExactlyOnce, 8, &none));
    assert_eq!(topics(&story), ["one"]);
    story.server(&Packet::PubRel(Ack::new(PacketId::new(8).unwrap())));
    story.server(&Packet::PubRel(Ack::new(PacketId::new(8).unwrap())));
    assert_eq!(topics(&story), ["one", "two"]);
    let wire =
        ["PUBACK 7", "PUBREC 8", "PUBREC 8", "PUBCOMP 8 Success", "PUBCOMP 8 PacketIdentifierNotFound"];
    assert_eq!(story.wire(), wire);
}

/// [MQTT-3.3.2-10]
#[test]
fn an_alias_stands_for_its_topic_and_an_unknown_one_ends_the_connection() {
    let alias = |number: u16| {
        PropertiesBuf::of([sealmq_mqtt::Property::TopicAlias(number.try_into().unwrap())]).unwrap()
    };
    let mut story = Story::v5(&[], vec![Property::TopicAliasMaximum(2)]);
    let (first, second, third) = (alias(1), alias(2), alias(3));
    story.server(&publish(Some("long/name"), QoS::AtMostOnce, 0, &first));
    story.server(&publish(None, QoS::AtMostOnce, 0, &first));
    assert_eq!(topics(&story), ["long/name", "long/name"]);
    story.server(&publish(None, QoS::AtMostOnce, 0, &second));
    assert_eq!(story.events.last(), Some(&Event::Failed(SessionError::TopicAlias { alias: 2 })));
    assert_eq!(story.wire(), ["DISCONNECT TopicAliasInvalid"]);
    assert!(story.closed);

    let mut story = Story::v5(&[], vec![Property::TopicAliasMaximum(2)]);
    story.server(&publish(Some("t"), QoS::AtMostOnce, 0, &third));
    assert_eq!(story.events.last(), Some(&Event::Failed(SessionError::TopicAlias { alias: 3 })));
}

#[test]
fn more_than_the_receive_maximum_ends_the_connection() {
    let none = PropertiesBuf::new();
    let mut story = Story::v5(&[], vec![Property::ReceiveMaximum(1)]);
    story.server(&publish(Some("a"), QoS::ExactlyOnce, 1, &none));
    assert!(!story.closed);
    story.server(&publish(Some("b"), QoS::ExactlyOnce, 2, &none));
    assert_eq!(story.wire().last().unwrap(), "DISCONNECT ReceiveMaximumExceeded");
}

#[test]
fn a_packet_larger_than_we_allow_ends_the_connection() {
    let none = PropertiesBuf::new();
    let mut story = Story::v5(&[], vec![Property::MaximumPacketSize(12)]);
    story.server(&publish(Some("a"), QoS::AtMostOnce, 0, &none));
    assert!(!story.closed);
    story.server(&publish(Some("a/very/long/topic"), QoS::AtMostOnce, 0, &none));
    assert!(story.closed);
    assert_eq!(story.wire(), ["DISCONNECT PacketTooLarge"]);
    assert!(matches!(story.events.last(), Some(Event::Failed(SessionError::Malformed(error)))
        if error.reason_code() == ReasonCode::PacketTooLarge));
}
