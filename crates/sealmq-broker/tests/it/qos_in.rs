//! PUBLISH from clients: acknowledgements, QoS 2 routed once, refusals.

use crate::harness::{Net, Pub, What, dial};
use sealmq_broker::{Ending, Lane};
use sealmq_mqtt::{Property, QoS, Version};

/// [MQTT-3.3.4-1] [MQTT311-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.2-5] [MQTT311-4.3.2-2]
#[test]
fn qos_1_is_acknowledged_and_5_0_is_told_that_nobody_listens() {
    let mut net = Net::new();
    let (five, three) = (net.v5("five"), net.v3("three"));
    net.put(five, "t", "x", QoS::AtLeastOnce, 7);
    assert_eq!(net.take(five), What::PubAck(7, 0x10));
    net.put(three, "t", "x", QoS::AtLeastOnce, 7);
    assert_eq!(net.take_got(three).bytes, [0x40, 2, 0, 7]);
    net.sub(three, "t", QoS::AtMostOnce);
    net.put(five, "t", "x", QoS::AtLeastOnce, 8);
    let got = net.take_got(five);
    assert_eq!((got.what, got.lane, got.gate), (What::PubAck(8, 0), Lane::Ack, None));
}

#[test]
fn a_clients_own_copy_comes_before_the_acknowledgement() {
    let mut net = Net::new();
    let client = net.v3("c");
    net.sub(client, "t", QoS::ExactlyOnce);
    net.put(client, "t", "1", QoS::AtLeastOnce, 1);
    assert_eq!(net.msg(client).payload, b"1");
    assert_eq!(net.take(client), What::PubAck(1, 0));
    net.put(client, "t", "2", QoS::ExactlyOnce, 2);
    assert_eq!(net.take(client), What::PubRec(2, 0));
    net.pubrel(client, 2);
    assert_eq!(net.msg(client).payload, b"2");
    assert_eq!(net.take(client), What::PubComp(2, 0));
}

/// [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT311-4.3.3-2]
#[test]
fn qos_2_is_routed_at_pubrel_and_once() {
    // [MQTT-4.3.3-10] [MQTT-4.3.3-12]
    let mut net = Net::new();
    let (publisher, subscriber) = (net.v5("p"), net.v5("s"));
    net.sub(subscriber, "t", QoS::AtMostOnce);
    let publish = Pub { topic: "t", payload: b"x", qos: QoS::ExactlyOnce, id: Some(3), ..Pub::default() };
    net.publish(publisher, publish);
    net.publish(publisher, Pub { dup: true, ..publish });
    assert!(net.is_quiet(subscriber));
    net.pubrel(publisher, 3);
    net.pubrel(publisher, 3);
    assert_eq!(net.payloads(subscriber), ["x"]);
    let answers = [What::PubRec(3, 0), What::PubRec(3, 0), What::PubComp(3, 0), What::PubComp(3, 0)];
    assert_eq!(net.all(publisher), answers);
}

#[test]
fn qos_2_that_comes_a_third_time_on_one_connection_ends_it() {
    for version in [Version::V311, Version::V5] {
        let mut net = Net::new();
        let publish = Pub { topic: "t", payload: b"x", qos: QoS::ExactlyOnce, id: Some(3), ..Pub::default() };
        let again = Pub { dup: true, ..publish };
        let first = net.connect(dial(version, "p").lasting());
        net.publish(first, publish);
        net.publish(first, again);
        assert!(net.ending(first).is_none());
        // Another connection may repeat it as often again: the first had not seen the answer.
        let second = net.connect(dial(version, "p").lasting());
        net.publish(second, again);
        assert!(net.ending(second).is_none());
        net.publish(second, again);
        assert!(net.ending(second).is_some(), "{version}");
    }
}

#[test]
fn qos_2_stays_once_across_a_lost_connection() {
    let mut net = Net::new();
    let subscriber = net.v5("s");
    net.sub(subscriber, "t", QoS::AtMostOnce);
    let publisher = net.connect(dial(Version::V311, "p").resume());
    let publish = Pub { topic: "t", payload: b"x", qos: QoS::ExactlyOnce, id: Some(3), ..Pub::default() };
    net.publish(publisher, publish);
    net.drop_conn(publisher);
    let publisher = net.connect(dial(Version::V311, "p").resume());
    net.publish(publisher, Pub { dup: true, ..publish });
    net.pubrel(publisher, 3);
    assert_eq!(net.payloads(subscriber), ["x"]);
}

#[test]
fn a_packet_id_used_again_for_another_message_counts_for_that_one() {
    let mut net = Net::new();
    let (publisher, subscriber) = (net.v5("p"), net.v5("s"));
    net.sub(subscriber, "t", QoS::AtMostOnce);
    net.put(publisher, "t", "forgotten", QoS::ExactlyOnce, 3);
    net.put(publisher, "t", "new", QoS::ExactlyOnce, 3);
    net.pubrel(publisher, 3);
    assert_eq!(net.payloads(subscriber), ["new"]);
}

#[test]
fn more_than_receive_maximum_in_flight_ends_a_5_0_connection() {
    // [MQTT-3.3.4-7]
    let mut net = Net::with_limits(|limits| limits.inflight_max = 2);
    let client = net.v5("c");
    net.put(client, "t", "1", QoS::ExactlyOnce, 1);
    net.put(client, "t", "2", QoS::ExactlyOnce, 2);
    net.pubrel(client, 1);
    net.put(client, "t", "3", QoS::ExactlyOnce, 3);
    assert!(net.ending(client).is_none());
    net.put(client, "t", "4", QoS::ExactlyOnce, 4);
    assert_eq!(net.all(client).last(), Some(&What::Disconnect(0x93)));
}

#[test]
fn receive_maximum_begins_anew_with_a_connection() {
    let mut net = Net::with_limits(|limits| limits.inflight_max = 1);
    let client = net.connect(dial(Version::V5, "c").lasting());
    net.put(client, "t", "1", QoS::ExactlyOnce, 1);
    net.drop_conn(client);
    let client = net.connect(dial(Version::V5, "c").lasting());
    net.put(client, "t", "2", QoS::ExactlyOnce, 2);
    assert_eq!(net.take(client), What::PubRec(2, 0));
    // The old one does not give back what it never took here.
    net.pubrel(client, 1);
    net.put(client, "t", "3", QoS::ExactlyOnce, 3);
    assert_eq!(net.all(client).last(), Some(&What::Disconnect(0x93)));
}

#[test]
fn a_qos_above_the_listeners_ends_the_connection() {
    // [MQTT-3.2.2-11]
    let mut net = Net::new();
    let five = net.connect(dial(Version::V5, "five").rules(|rules| rules.max_qos = QoS::AtLeastOnce));
    net.put(five, "t", "x", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(five), What::PubAck(1, 0x10));
    net.put(five, "t", "x", QoS::ExactlyOnce, 2);
    assert_eq!(net.take(five), What::Disconnect(0x9b));
    let three = net.connect(dial(Version::V311, "three").rules(|rules| rules.max_qos = QoS::AtMostOnce));
    net.put(three, "t", "x", QoS::AtLeastOnce, 1);
    assert!(net.is_quiet(three) && net.ending(three).is_some());
}

#[test]
fn bytes_that_are_no_packet_end_the_connection_with_the_codecs_reason() {
    let mut net = Net::new();
    let deep = "/".repeat(201);
    let mut bytes = vec![0x30, 0, 0, 201];
    bytes.extend(deep.as_bytes());
    bytes.push(0);
    let remaining = bytes.len() - 2;
    bytes.splice(
        1..2,
        [u8::try_from(remaining % 128).unwrap() | 0x80, u8::try_from(remaining / 128).unwrap()],
    );
    let five = net.v5("five");
    net.send_bytes(five, &bytes);
    assert_eq!(net.take(five), What::Disconnect(0x81));
    assert!(matches!(net.ending(five), Some(Ending::Malformed(_))));
    let huge = net.v5("huge");
    net.send_bytes(huge, &[0x30, 0xff, 0xff, 0xff, 0x7f]);
    assert_eq!(net.take(huge), What::Disconnect(0x95));
    let three = net.v3("three");
    net.send_bytes(three, &[0x36, 2, 0, 0]);
    assert!(net.is_quiet(three) && net.ending(three).is_some());
}

#[test]
fn what_a_message_came_with_is_passed_on_in_order() {
    // [MQTT-3.3.2-17] [MQTT-3.3.2-18]
    let mut net = Net::new();
    let (publisher, five, three) = (net.v5("p"), net.v5("five"), net.v3("three"));
    net.sub(five, "t", QoS::AtMostOnce);
    net.sub(three, "t", QoS::AtMostOnce);
    let user = |name, value| Property::UserProperty(sealmq_mqtt::UserProperty { name, value });
    let properties =
        [Property::ContentType("text"), user("b", "1"), Property::CorrelationData(b"c"), user("a", "2")];
    net.publish(publisher, Pub { topic: "t", payload: b"x", properties: &properties, ..Pub::default() });
    let got = net.take_got(five);
    let What::Publish(msg) = got.what else { panic!("no PUBLISH") };
    assert_eq!(msg.user, [("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
    let whole: &[u8] = b"\x03\x00\x04text\x26\x00\x01b\x00\x011\x09\x00\x01c\x26\x00\x01a\x00\x012x";
    assert!(got.bytes.ends_with(whole), "{:02x?}", got.bytes);
    assert_eq!(net.take_got(three).bytes, [0x30, 4, 0, 1, b't', b'x']);
}

/// mosquitto answers a 3.x client that has more than `max_inflight_messages` under way, and drops what is above; here
/// what is answered is kept, up to `incoming_qos2_max`.
#[test]
fn a_client_of_3_with_more_in_flight_than_max_inflight_messages_loses_nothing() {
    let mut net = Net::with_limits(|limits| limits.inflight_max = 2);
    let (publisher, subscriber) = (net.v3("p"), net.v3("s"));
    net.sub(subscriber, "t", QoS::AtMostOnce);
    for id in 1..=5 {
        net.put(publisher, "t", &id.to_string(), QoS::ExactlyOnce, id);
        assert_eq!(net.take(publisher), What::PubRec(id, 0));
    }
    for id in 1..=5 {
        net.pubrel(publisher, id);
        assert_eq!(net.take(publisher), What::PubComp(id, 0));
    }
    assert_eq!(net.payloads(subscriber), ["1", "2", "3", "4", "5"]);
}
