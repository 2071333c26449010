//! Encode once, patch the packet id and DUP for each receiver.

use crate::{generators::publish_properties, wire::whole};
use proptest::prelude::*;
use sealmq_mqtt::{
    Dup, EncodeError, ForwardedProperties, Packet, PacketId, Property, PropertyId, PublishParts, QoS, Sender,
    SharedPublish, SubscriptionId, TopicName, Version,
};
use std::num::NonZeroU16;

fn parts(topic: &str) -> PublishParts<'_> {
    PublishParts {
        topic: Some(TopicName::parse(topic).unwrap()),
        payload: b"21.5",
        ..PublishParts::default()
    }
}

fn id(value: u16) -> Option<PacketId> {
    PacketId::new(value)
}

#[test]
fn each_receiver_gets_its_own_packet_id_and_dup() {
    for version in [Version::V31, Version::V311, Version::V5] {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let shared =
                SharedPublish::new(&PublishParts { qos, retain: true, ..parts("a/b") }, version).unwrap();
            for (packet_id, dup) in [(1, Dup::First), (0xfffe, Dup::Again)] {
                let mut out = Vec::new();
                shared.write(id(packet_id), dup, &mut out).unwrap();
                assert_eq!(out.len(), shared.len());
                let Ok(Packet::Publish(publish)) = whole(&out, version, Sender::Server) else {
                    panic!("{out:?}")
                };
                assert_eq!((publish.packet_id, publish.dup, publish.qos), (id(packet_id), dup, qos));
                assert_eq!((publish.topic.unwrap().as_str(), publish.payload), ("a/b", &b"21.5"[..]));
                assert!(publish.retain);
            }
        }
    }
}

/// [MQTT-4.3.1-1] [MQTT311-4.3.1-1]
#[test]
fn a_packet_id_is_wanted_exactly_above_qos_0() {
    // [MQTT-2.2.1-2] [MQTT-3.3.1-2] [MQTT311-2.3.1-5] [MQTT311-3.3.1-2]
    let zero = SharedPublish::new(&parts("a"), Version::V5).unwrap();
    let one = SharedPublish::new(&PublishParts { qos: QoS::AtLeastOnce, ..parts("a") }, Version::V5).unwrap();
    let mut out = b"kept".to_vec();
    assert_eq!(zero.write(id(1), Dup::First, &mut out), Err(EncodeError::PacketIdAtQoS0));
    assert_eq!(zero.write(None, Dup::Again, &mut out), Err(EncodeError::DupAtQoS0));
    assert_eq!(one.write(None, Dup::First, &mut out), Err(EncodeError::PacketIdMissing));
    assert_eq!(out, b"kept");
    zero.write(None, Dup::First, &mut out).unwrap();
    one.write(id(7), Dup::Again, &mut out).unwrap();
    assert_eq!(out.len(), 4 + zero.len() + one.len());
}

#[test]
fn an_empty_topic_needs_an_alias_and_5_0() {
    // MQTT §3.3.2.1
    let alias = NonZeroU16::new(3);
    let aliased = PublishParts { topic: None, topic_alias: alias, ..parts("a") };
    let shared = SharedPublish::new(&aliased, Version::V5).unwrap();
    let mut out = Vec::new();
    shared.write(None, Dup::First, &mut out).unwrap();
    let Ok(Packet::Publish(publish)) = whole(&out, Version::V5, Sender::Server) else { panic!("{out:?}") };
    assert_eq!((publish.topic, publish.properties.topic_alias()), (None, alias));
    assert_eq!(SharedPublish::new(&aliased, Version::V311), Err(EncodeError::NoTopic));
    let bare = PublishParts { topic: None, ..parts("a") };
    assert_eq!(SharedPublish::new(&bare, Version::V5), Err(EncodeError::NoTopic));
}

#[test]
fn what_only_5_0_can_say_is_left_out_before() {
    let ids = [SubscriptionId::new(1).unwrap()];
    let full = PublishParts {
        topic_alias: NonZeroU16::new(3),
        message_expiry_secs: Some(60),
        subscription_ids: &ids,
        ..parts("a")
    };
    let mut out = Vec::new();
    SharedPublish::new(&full, Version::V311).unwrap().write(None, Dup::First, &mut out).unwrap();
    assert_eq!(out, b"\x30\x07\x00\x01a21.5");
}

proptest! {
    /// [MQTT-3.1.3-10]
    #[test]
    fn forwarded_properties_arrive_unchanged_and_in_order(
        properties in publish_properties(),
        expiry in proptest::option::of(any::<u32>()),
        numbers in proptest::collection::vec(1..=268_435_455u32, 0..4),
        qos in 0..3u8,
    ) {
        // [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] [MQTT-3.3.4-4]
        let properties = properties.as_properties();
        let forwarded = ForwardedProperties::of(&properties);
        let ids: Vec<_> = numbers.iter().map(|number| SubscriptionId::new(*number).unwrap()).collect();
        let parts = PublishParts {
            qos: QoS::from_u8(qos).unwrap(),
            message_expiry_secs: expiry,
            subscription_ids: &ids,
            forwarded: Some(&forwarded),
            ..parts("a/b")
        };
        let mut out = Vec::new();
        SharedPublish::new(&parts, Version::V5).unwrap().write(id(u16::from(qos)), Dup::First, &mut out).unwrap();
        let Ok(Packet::Publish(publish)) = whole(&out, Version::V5, Sender::Server) else { panic!("{out:?}") };
        let sent: Vec<Property<'_>> = properties.iter().filter(|property| property.id().is_forwarded()).collect();
        let got: Vec<_> = publish.properties.iter().filter(|property| property.id().is_forwarded()).collect();
        prop_assert_eq!(sent, got);
        prop_assert_eq!(publish.properties.message_expiry_interval(), expiry);
        prop_assert_eq!(publish.properties.subscription_identifiers().collect::<Vec<_>>(), ids);
        prop_assert!(!publish.properties.contains(PropertyId::TopicAlias));
        let stored = ForwardedProperties::parse(forwarded.as_bytes().to_vec().into());
        prop_assert_eq!(stored, Ok(forwarded));
    }
}

#[test]
fn stored_properties_are_checked_again() {
    let parse = |bytes: &'static [u8]| ForwardedProperties::parse(bytes.into());
    assert!(parse(b"\x01\x01").is_ok());
    assert!(parse(b"\x01\x02").is_err(), "a payload format that is none");
    assert!(parse(b"\x23\x00\x01").is_err(), "a topic alias is never forwarded");
    assert!(parse(b"\x01\x01\x01\x01").is_err(), "twice");
}
