//! Messages to the server.

use sealmq_client::{Event, Outgoing, PacketId, PublishError, QoS};
use sealmq_mqtt::{Ack, MaximumQoS, Packet, PropertiesBuf, Property, ReasonCode};

use crate::story::Story;

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

fn message(payload: &str, qos: QoS) -> Outgoing {
    Outgoing::new("a/b", payload.to_owned(), qos)
}

#[test]
fn qos_2_takes_four_packets_and_is_published_once() {
    let mut story = Story::v311();
    let delivery = story.session.publish(story.now, message("x", QoS::ExactlyOnce)).unwrap();
    assert_eq!(story.wire(), ["PUBLISH 1 First ExactlyOnce x"]);
    story.server(&Packet::PubRec(Ack::new(id(1))));
    assert_eq!(story.wire(), ["PUBREL 1"]);
    assert!(!story.events.iter().any(|event| matches!(event, Event::Published { .. })));
    story.server(&Packet::PubComp(Ack::new(id(1))));
    let published = Event::Published { delivery, reason: ReasonCode::Success, reason_string: None };
    assert_eq!(story.events.last(), Some(&published));
    assert_eq!(story.session.undelivered(), 0);
}

/// [MQTT-3.3.4-8] [MQTT-4.9.0-1]
#[test]
fn no_more_is_on_its_way_than_the_servers_receive_maximum() {
    let mut story = Story::v5(&[Property::ReceiveMaximum(2.try_into().unwrap())], vec![]);
    for payload in ["1", "2", "3"] {
        story.session.publish(story.now, message(payload, QoS::AtLeastOnce)).unwrap();
    }
    assert_eq!(story.wire(), ["PUBLISH 1 First AtLeastOnce 1", "PUBLISH 2 First AtLeastOnce 2"]);
    assert!(!story.session.has_room());
    story.server(&Packet::PubAck(Ack::new(id(1))));
    assert_eq!(story.wire(), ["PUBLISH 3 First AtLeastOnce 3"]);
}

/// [MQTT311-2.3.1-2] [MQTT311-2.3.1-3]
#[test]
fn a_kept_session_gets_everything_again_in_order_and_marked() {
    let mut story = Story::v311();
    story.session.publish(story.now, message("1", QoS::AtLeastOnce)).unwrap();
    story.session.publish(story.now, message("2", QoS::ExactlyOnce)).unwrap();
    story.session.publish(story.now, message("3", QoS::ExactlyOnce)).unwrap();
    story.server(&Packet::PubRec(Ack::new(id(2))));
    story.lose();
    story.open();
    story.connack(true, &PropertiesBuf::new());
    assert_eq!(story.wire(), ["PUBLISH 1 Again AtLeastOnce 1", "PUBREL 2", "PUBLISH 3 Again ExactlyOnce 3"]);
}

/// [MQTT-3.2.2-4] [MQTT-3.2.2-5]
#[test]
fn a_server_without_the_session_gets_new_messages_and_no_pubrel() {
    let mut story = Story::v311();
    story.session.publish(story.now, message("1", QoS::AtLeastOnce)).unwrap();
    let taken = story.session.publish(story.now, message("2", QoS::ExactlyOnce)).unwrap();
    story.server(&Packet::PubRec(Ack::new(id(2))));
    story.lose();
    story.open();
    story.connack(false, &PropertiesBuf::new());
    assert_eq!(story.wire(), ["PUBLISH 3 First AtLeastOnce 1"]);
    assert!(
        story.events.iter().any(|e| matches!(e, Event::Published { delivery, .. } if *delivery == taken))
    );
}

/// [MQTT-3.2.2-15] [MQTT-3.2.2-17] [MQTT-3.2.2-18]
#[test]
fn what_the_server_does_not_take_is_refused_before_it_is_sent() {
    let limits = [
        Property::MaximumQoS(MaximumQoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::MaximumPacketSize(20.try_into().unwrap()),
    ];
    let mut story = Story::v5(&limits, vec![]);
    let now = story.now;
    assert!(matches!(
        story.session.publish(now, message("x", QoS::ExactlyOnce)),
        Err(PublishError::QoSNotSupported { .. })
    ));
    assert_eq!(
        story.session.publish(now, message("x", QoS::AtMostOnce).retained()),
        Err(PublishError::RetainNotSupported)
    );
    assert!(matches!(
        story.session.publish(now, message("longer than twenty bytes", QoS::AtMostOnce)),
        Err(PublishError::TooLarge { max: 20, .. })
    ));
    assert_eq!(story.wire(), [""; 0]);
    story.session.publish(now, message("x", QoS::AtLeastOnce)).unwrap();
    assert_eq!(story.wire(), ["PUBLISH 1 First AtLeastOnce x"]);
}

#[test]
fn a_refused_pubrec_ends_the_exchange() {
    let mut story = Story::v5(&[], vec![]);
    story.session.publish(story.now, message("x", QoS::ExactlyOnce)).unwrap();
    story.wire();
    story.server(&Packet::PubRec(Ack::with_reason(id(1), ReasonCode::NotAuthorized)));
    assert_eq!(story.wire(), [""; 0]);
    assert!(matches!(story.events.last(), Some(Event::Published { reason: ReasonCode::NotAuthorized, .. })));
}

#[test]
fn a_wildcard_is_no_topic() {
    let mut story = Story::v311();
    let wild = Outgoing::new("a/+", "x", QoS::AtMostOnce);
    assert!(matches!(story.session.publish(story.now, wild), Err(PublishError::Topic { .. })));
}
