//! Connecting, subscribing, staying alive, leaving.

use sealmq_client::{Event, Filter, Input, Now, QoS, ReasonCode, SessionError, SessionOptions, Version};
use sealmq_mqtt::{
    ConnAckCode, ConnectReturnCode, Disconnect, Packet, Properties, PropertiesBuf, Property, ReasonCodes,
    SubAck,
};

use crate::story::Story;

#[test]
fn a_refusal_is_told_in_words_with_its_code() {
    let mut story = Story::of(SessionOptions::default());
    story.open();
    assert_eq!(story.wire(), ["Connect"]);
    story.refuse(ConnAckCode::V3(ConnectReturnCode::NotAuthorized));
    let Some(Event::Failed(error @ SessionError::Refused { code: 5, .. })) = story.events.last() else {
        panic!("{:?}", story.events)
    };
    assert_eq!(error.to_string(), "connection refused by the broker: not authorized (code 5)");
    assert!(story.closed);
    assert_eq!(story.wire(), [""; 0]);
}

/// [MQTT-3.1.2-20] [MQTT311-3.1.2-23]
#[test]
fn a_silent_connection_is_pinged_and_then_given_up() {
    let mut story = Story::v311();
    assert_eq!(story.session.poll_timeout(), Some(Now(60_000)));
    story.now = Now(60_000);
    story.session.handle(story.now, Input::Timeout);
    assert_eq!(story.wire(), ["PINGREQ"]);
    story.server(&Packet::PingResp);
    story.now = Now(120_000);
    story.session.handle(story.now, Input::Timeout);
    assert_eq!(story.wire(), ["PINGREQ"]);
    story.now = Now(180_000);
    story.session.handle(story.now, Input::Timeout);
    story.drain();
    assert_eq!(story.events.last(), Some(&Event::Failed(SessionError::KeepAliveTimeout)));
}

/// [MQTT-3.1.2-21]
#[test]
fn the_servers_keep_alive_and_client_id_replace_ours() {
    let list = [Property::ServerKeepAlive(10), Property::AssignedClientIdentifier("chosen")];
    let story = Story::v5(&list, vec![]);
    assert_eq!(story.session.poll_timeout(), Some(Now(10_000)));
    assert_eq!(story.session.client_id(), "chosen");
}

#[test]
fn a_server_that_lost_the_session_is_subscribed_to_again() {
    let mut story = Story::v311();
    let packet_id = story.session.subscribe(story.now, &[Filter::new("a/#", QoS::AtLeastOnce)], &[]).unwrap();
    assert_eq!(story.wire(), ["SUBSCRIBE 1"]);
    let codes = ReasonCodes::new(&[ReasonCode::GrantedQoS1]);
    story.server(&Packet::SubAck(SubAck { packet_id, properties: Properties::EMPTY, codes }));
    assert!(matches!(story.events.last(), Some(Event::Subscribed { .. })));
    for (kept, expected) in [(true, vec![]), (false, vec!["SUBSCRIBE 2"])] {
        story.lose();
        story.open();
        story.connack(kept, &PropertiesBuf::new());
        assert_eq!(story.wire(), expected);
    }
}

/// [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT311-3.14.4-1] [MQTT311-3.14.4-2]
#[test]
fn nothing_is_sent_after_disconnect() {
    let mut story = Story::v311();
    story.session.disconnect(story.now, ReasonCode::NORMAL_DISCONNECTION, &[]);
    assert_eq!(story.wire(), ["DISCONNECT Success"]);
    assert!(story.closed);
    assert!(story.session.subscribe(story.now, &[Filter::new("a", QoS::AtMostOnce)], &[]).is_err());
    assert_eq!(story.wire(), [""; 0]);
}

#[test]
fn the_servers_good_bye_carries_its_reason() {
    let mut story = Story::v5(&[], vec![]);
    story.server(&Packet::Disconnect(Disconnect::new(ReasonCode::SessionTakenOver)));
    assert!(matches!(story.events.last(), Some(Event::Failed(SessionError::Disconnected(refusal)))
        if refusal.reason == ReasonCode::SessionTakenOver));
    assert_eq!(story.wire(), [""; 0]);
}

#[test]
fn a_packet_before_connack_ends_the_connection() {
    let mut story = Story::of(SessionOptions { version: Version::V5, ..SessionOptions::default() });
    story.open();
    story.server(&Packet::PingResp);
    assert!(matches!(story.events.last(), Some(Event::Failed(SessionError::Unexpected(_)))));
}
