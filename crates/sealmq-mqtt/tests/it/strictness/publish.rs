//! PUBLISH.

use super::{ALL, Rule, hold, no_properties};
use crate::wire::{limits, packet, text, whole};
use sealmq_mqtt::{Decoded, Fault, Limits, PropertyId, ReasonCode, Sender, TopicError, Version, decode};

fn publish(version: Version, first: u8, topic: &[u8], id: &[u8]) -> Vec<u8> {
    packet(first, &[&text(topic), id, no_properties(version), b"payload"])
}

fn with_properties(topic: &str, properties: &[u8]) -> Vec<u8> {
    packet(0x30, &[&text(topic), &[properties.len() as u8], properties, b"payload"])
}

fn rule(cite: &'static str, version: Version, accepted: Vec<u8>, refused: Vec<u8>, fault: Fault) -> Rule {
    let code = fault.reason_code();
    Rule { cite, version, sender: Sender::Client, accepted, refused, fault, code }
}

#[test]
fn flags_packet_id_and_topic_follow_the_rules() {
    for version in ALL {
        let of = |first, topic: &[u8], id: &[u8]| publish(version, first, topic, id);
        let topic = |error| Fault::Topic { field: "topic name", error };
        let wildcard = |wildcard| topic(TopicError::WildcardInName { wildcard });
        let null = topic(TopicError::ForbiddenCharacter { character: '\0' });
        let not_utf8 = Fault::NotUtf8 { field: "topic name" };
        hold(vec![
            rule(
                "[MQTT-3.3.1-4] [MQTT311-3.3.1-4]",
                version,
                of(0x34, b"a", &[0, 1]),
                of(0x36, b"a", &[0, 1]),
                Fault::QoS3,
            ),
            rule(
                "[MQTT-3.3.1-2] [MQTT311-3.3.1-2]",
                version,
                of(0x30, b"a", &[]),
                of(0x38, b"a", &[]),
                Fault::DupAtQoS0,
            ),
            rule(
                "[MQTT-2.2.1-3] [MQTT311-2.3.1-1]",
                version,
                of(0x32, b"a", &[0, 1]),
                of(0x32, b"a", &[0, 0]),
                Fault::PacketIdZero,
            ),
            rule(
                "[MQTT-3.3.2-2] [MQTT311-3.3.2-2]",
                version,
                of(0x30, b"a/b", &[]),
                of(0x30, b"a/+", &[]),
                wildcard('+'),
            ),
            rule(
                "[MQTT-3.3.2-2] [MQTT311-3.3.2-2]",
                version,
                of(0x30, b"a/b", &[]),
                of(0x30, b"a/#", &[]),
                wildcard('#'),
            ),
            rule(
                "[MQTT-3.3.2-1] [MQTT311-3.3.2-1]",
                version,
                of(0x30, b"a", &[]),
                of(0x30, b"\xff", &[]),
                not_utf8,
            ),
            rule(
                "[MQTT-1.5.4-2] [MQTT311-1.5.3-2]",
                version,
                of(0x30, b"a", &[]),
                of(0x30, b"\0", &[]),
                null,
            ),
            rule(
                "[MQTT-4.7.3-1] [MQTT311-4.7.3-1]",
                version,
                of(0x30, b"a", &[]),
                of(0x30, b"", &[]),
                Fault::NoTopic,
            ),
        ]);
    }
}

#[test]
fn properties_follow_the_rules() {
    let v5 = |cite, accepted: &[u8], refused: &[u8], fault| {
        rule(cite, Version::V5, with_properties("a", accepted), with_properties("a", refused), fault)
    };
    let value = |property, value| Fault::PropertyValue { property, value };
    let alias = value(PropertyId::TopicAlias, 0);
    assert_eq!(alias.reason_code(), ReasonCode::ProtocolError);
    hold(vec![
        v5("[MQTT-3.3.2-8]", b"\x23\x00\x01", b"\x23\x00\x00", alias),
        v5("MQTT §3.3.2.3.2", b"\x01\x01", b"\x01\x02", value(PropertyId::PayloadFormatIndicator, 2)),
        v5(
            "MQTT §3.3.2.3.4",
            b"\x23\x00\x01",
            b"\x23\x00\x01\x23\x00\x01",
            Fault::PropertyRepeated { property: PropertyId::TopicAlias },
        ),
        v5(
            "[MQTT-3.3.4-6]",
            b"\x26\x00\x00\x00\x00",
            b"\x0b\x01",
            Fault::PropertyMisplaced { property: PropertyId::SubscriptionIdentifier },
        ),
        v5(
            "[MQTT-3.3.2-14]",
            b"\x08\x00\x03r/b",
            b"\x08\x00\x03r/#",
            Fault::PropertyTopic {
                property: PropertyId::ResponseTopic,
                error: TopicError::WildcardInName { wildcard: '#' },
            },
        ),
    ]);
    // Without a topic there must be an alias: MQTT §3.3.2.1.
    hold(vec![rule(
        "MQTT §3.3.2.1",
        Version::V5,
        with_properties("", b"\x23\x00\x01"),
        with_properties("", b"\x01\x01"),
        Fault::NoTopic,
    )]);
    // A server sends subscription identifiers, several of them. [MQTT-3.3.4-4]
    assert!(whole(&with_properties("a", b"\x0b\x01\x0b\x80\x01"), Version::V5, Sender::Server).is_ok());
    let zero = whole(&with_properties("a", b"\x0b\x00"), Version::V5, Sender::Server).map(|_| ());
    assert_eq!(zero, Err(value(PropertyId::SubscriptionIdentifier, 0)), "MQTT §3.3.2.3.8");
    let long = whole(&with_properties("a", b"\x0b\x81\x00"), Version::V5, Sender::Server).map(|_| ());
    assert_eq!(long, Err(Fault::VariableByteInteger { field: "Subscription Identifier" }), "[MQTT-1.5.5-1]");
}

#[test]
fn a_topic_has_at_most_200_separators_at_a_broker() {
    for version in ALL {
        let of = |separators: usize| publish(version, 0x30, "/".repeat(separators).as_bytes(), &[]);
        let max = Limits::of_broker().topic_separators_max;
        let deep = |separators| Fault::TopicTooDeep { field: "topic name", separators, max };
        hold(vec![
            rule("mosquitto's TOPIC_HIERARCHY_LIMIT", version, of(200), of(201), deep(201)),
            rule("mosquitto's TOPIC_HIERARCHY_LIMIT", version, of(200), of(65_535), deep(65_535)),
        ]);
        assert_eq!(deep(201).reason_code(), ReasonCode::MalformedPacket);
        assert!(whole(&of(65_535), version, Sender::Server).is_ok(), "a client has no such limit");
    }
}

#[test]
fn a_payload_may_be_empty() {
    // MQTT §3.3.3, MQTT311 §3.3.3
    let bytes = packet(0x30, &[&text("a")]);
    let Ok(Decoded::Packet { len, .. }) = decode(&bytes, Version::V311, &limits(Sender::Client)) else {
        panic!("refused")
    };
    assert_eq!(len, 5);
}
