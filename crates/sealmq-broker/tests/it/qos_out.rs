//! PUBLISH to clients: windows, redelivery, order.

use crate::harness::{Client, Net, What, dial};
use sealmq_broker::Ending;
use sealmq_mqtt::{Ack, Packet, Property, QoS, ReasonCode, Version};

/// A subscriber to `t` that lasts, and a publisher.
fn pair(net: &mut Net, version: Version, granted: QoS) -> (Client, Client) {
    let subscriber = net.connect(dial(version, "s").lasting());
    net.sub(subscriber, "t", granted);
    (subscriber, net.v3("p"))
}

fn fill(net: &mut Net, publisher: Client, count: u16) {
    for number in 1..=count {
        net.put(publisher, "t", &number.to_string(), QoS::AtLeastOnce, number);
    }
}

#[test]
fn delivery_has_the_lower_of_both_qos() {
    // [MQTT-3.8.4-8] [MQTT311-3.8.4-6]
    let mut net = Net::new();
    let (subscriber, publisher) = pair(&mut net, Version::V5, QoS::AtLeastOnce);
    net.say(publisher, "t", "0");
    assert_eq!(net.msg(subscriber).qos, 0);
    net.put(publisher, "t", "2", QoS::ExactlyOnce, 1);
    net.pubrel(publisher, 1);
    assert_eq!(net.msg(subscriber).qos, 1);
}

#[test]
fn upgrade_outgoing_qos_gives_the_granted_one() {
    let mut net = Net::with_policy(|policy| policy.outgoing_qos = sealmq_broker::OutgoingQoS::Granted);
    let (subscriber, publisher) = pair(&mut net, Version::V5, QoS::ExactlyOnce);
    net.say(publisher, "t", "0");
    assert_eq!(net.msg(subscriber).qos, 2);
}

/// [MQTT-3.3.4-10] [MQTT-4.9.0-2] [MQTT-4.9.0-3]
#[test]
fn the_window_holds_what_is_beyond_it_and_goes_on_with_each_acknowledgement() {
    let mut net = Net::with_limits(|limits| limits.inflight_max = 2);
    let (subscriber, publisher) = pair(&mut net, Version::V311, QoS::AtLeastOnce);
    fill(&mut net, publisher, 4);
    assert_eq!(net.payloads(subscriber), ["1", "2"]);
    net.puback(subscriber, 1);
    assert_eq!(net.payloads(subscriber), ["3"]);
    net.puback(subscriber, 3);
    assert_eq!(net.payloads(subscriber), ["4"]);
    // One that is not in flight changes nothing.
    net.puback(subscriber, 77);
    assert!(net.is_quiet(subscriber));
}

/// [MQTT-3.3.4-10] [MQTT-4.9.0-2] [MQTT-4.9.0-3]
#[test]
fn the_clients_receive_maximum_counts_where_it_is_lower() {
    // [MQTT-3.3.4-9]
    let mut net = Net::new();
    let three = std::num::NonZeroU16::new(3).unwrap();
    let subscriber = net.connect(dial(Version::V5, "s").with(Property::ReceiveMaximum(three)));
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    let publisher = net.v3("p");
    fill(&mut net, publisher, 5);
    assert_eq!(net.payloads(subscriber), ["1", "2", "3"]);
}

/// [MQTT-3.3.1-3] [MQTT311-3.3.1-1] [MQTT311-3.3.1-3] [MQTT311-2.3.1-4] [MQTT311-4.6.0-1] [MQTT-4.3.2-2]
/// [MQTT-4.3.2-3] [MQTT-4.3.3-2] [MQTT-4.3.3-3]
#[test]
fn what_was_not_acknowledged_comes_again_in_order_with_dup_and_the_same_ids() {
    // [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1]
    let mut net = Net::with_limits(|limits| limits.inflight_max = 3);
    let (subscriber, publisher) = pair(&mut net, Version::V5, QoS::AtLeastOnce);
    fill(&mut net, publisher, 5);
    net.puback(subscriber, 2);
    net.drop_conn(subscriber);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    let again: Vec<_> =
        (0..3).map(|_| net.msg(subscriber)).map(|msg| (msg.payload, msg.id, msg.dup)).collect();
    let expected =
        [(b"1".to_vec(), Some(1), true), (b"3".to_vec(), Some(3), true), (b"4".to_vec(), Some(4), true)];
    assert_eq!(again, expected);
    net.puback(subscriber, 1);
    let last = net.msg(subscriber);
    assert_eq!((last.payload, last.dup), (b"5".to_vec(), false));
}

#[test]
fn a_smaller_receive_maximum_after_a_reconnect_holds_for_what_comes_again() {
    let mut net = Net::new();
    let (subscriber, publisher) = pair(&mut net, Version::V5, QoS::AtLeastOnce);
    fill(&mut net, publisher, 3);
    net.drop_conn(subscriber);
    let one = std::num::NonZeroU16::MIN;
    let subscriber = net.connect(dial(Version::V5, "s").lasting().with(Property::ReceiveMaximum(one)));
    for number in 1..=3 {
        let msg = net.msg(subscriber);
        assert_eq!((msg.payload, msg.dup), (number.to_string().into_bytes(), true));
        assert!(net.is_quiet(subscriber));
        net.puback(subscriber, number);
    }
}

/// [MQTT-2.2.1-5] [MQTT311-2.3.1-6]
#[test]
fn qos_2_goes_through_its_four_steps() {
    let mut net = Net::new();
    let (subscriber, publisher) = pair(&mut net, Version::V5, QoS::ExactlyOnce);
    net.put(publisher, "t", "x", QoS::ExactlyOnce, 1);
    net.pubrel(publisher, 1);
    assert_eq!(net.msg(subscriber).id, Some(1));
    net.pubrec(subscriber, 1);
    assert_eq!(net.take(subscriber), What::PubRel(1, 0));
    net.pubcomp(subscriber, 1);
    assert_eq!(net.brokers[0].session_facts("s").unwrap().in_flight, 0);
}

/// [MQTT-4.3.3-5]
#[test]
fn after_pubrec_only_pubrel_comes_again() {
    // [MQTT-4.3.3-6] [MQTT-4.4.0-1]
    let mut net = Net::new();
    let (subscriber, publisher) = pair(&mut net, Version::V311, QoS::ExactlyOnce);
    net.put(publisher, "t", "x", QoS::ExactlyOnce, 1);
    net.pubrel(publisher, 1);
    net.msg(subscriber);
    net.pubrec(subscriber, 1);
    net.drop_conn(subscriber);
    let subscriber = net.connect(dial(Version::V311, "s").resume());
    assert_eq!(net.all(subscriber), [What::PubRel(1, 0)]);
}

/// [MQTT-4.4.0-2] [MQTT-4.8.2-6]
#[test]
fn a_pubrec_with_an_error_ends_the_exchange() {
    // [MQTT-4.3.3-4]
    let mut net = Net::new();
    let (subscriber, publisher) = pair(&mut net, Version::V5, QoS::ExactlyOnce);
    net.put(publisher, "t", "x", QoS::ExactlyOnce, 1);
    net.pubrel(publisher, 1);
    net.msg(subscriber);
    let refusal = Ack::with_reason(crate::harness::id(1), ReasonCode::QuotaExceeded);
    net.send(subscriber, Packet::PubRec(refusal));
    assert!(net.is_quiet(subscriber));
    assert_eq!(net.brokers[0].session_facts("s").unwrap().in_flight, 0);
}

#[test]
fn a_pubrec_for_nothing_is_answered_all_the_same() {
    let mut net = Net::new();
    let client = net.v5("c");
    net.pubrec(client, 5);
    assert_eq!(net.take(client), What::PubRel(5, 0));
    // One that refuses ends a flow: PUBREL would begin another step of it. [MQTT-4.3.3-4]
    net.send(client, Packet::PubRec(Ack::with_reason(crate::harness::id(6), ReasonCode::UnspecifiedError)));
    assert!(net.is_quiet(client));
}

#[test]
fn acknowledgements_of_the_wrong_kind_are_protocol_errors() {
    let kinds: [fn(&mut Net, Client); 2] =
        [|net, client| net.puback(client, 1), |net, client| net.pubcomp(client, 1)];
    for wrong in kinds {
        let mut net = Net::new();
        let (subscriber, publisher) = pair(&mut net, Version::V5, QoS::ExactlyOnce);
        net.put(publisher, "t", "x", QoS::ExactlyOnce, 1);
        net.pubrel(publisher, 1);
        net.msg(subscriber);
        wrong(&mut net, subscriber);
        assert_eq!(net.take(subscriber), What::Disconnect(0x82));
        assert!(matches!(net.ending(subscriber), Some(Ending::ProtocolError(_))));
    }
}

#[test]
fn what_is_larger_than_the_client_takes_is_dropped_and_the_rest_goes_on() {
    // [MQTT-3.1.2-24] [MQTT-3.1.2-25]
    let mut net = Net::new();
    let max = std::num::NonZeroU32::new(20).unwrap();
    let subscriber = net.connect(dial(Version::V5, "s").with(Property::MaximumPacketSize(max)));
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    let publisher = net.v3("p");
    net.put(publisher, "t", "much too long to be taken", QoS::AtLeastOnce, 1);
    net.say(publisher, "t", "much too long to be taken");
    net.put(publisher, "t", "short", QoS::AtLeastOnce, 2);
    assert_eq!(net.payloads(subscriber), ["short"]);
    assert_eq!(net.brokers[0].session_facts("s").unwrap().in_flight, 1);
}

/// [MQTT311-4.6.0-5] [MQTT311-4.6.0-6]
#[test]
fn order_of_a_publisher_is_kept_through_a_full_window() {
    // [MQTT-4.6.0-5]
    let mut net = Net::with_limits(|limits| limits.inflight_max = 1);
    let (subscriber, publisher) = pair(&mut net, Version::V311, QoS::ExactlyOnce);
    fill(&mut net, publisher, 10);
    let mut seen = Vec::new();
    while !net.is_quiet(subscriber) {
        let msg = net.msg(subscriber);
        seen.push(String::from_utf8(msg.payload).unwrap());
        net.puback(subscriber, msg.id.unwrap());
    }
    assert_eq!(seen, (1..=10).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn pubrels_come_again_in_the_order_of_their_pubrecs() {
    // [MQTT-4.6.0-4]
    let mut net = Net::new();
    let (subscriber, publisher) = pair(&mut net, Version::V311, QoS::ExactlyOnce);
    for number in 1..=3 {
        net.put(publisher, "t", "x", QoS::ExactlyOnce, number);
        net.pubrel(publisher, number);
    }
    net.pubrec(subscriber, 3);
    net.pubrec(subscriber, 1);
    net.drop_conn(subscriber);
    let subscriber = net.connect(dial(Version::V311, "s").resume());
    assert_eq!(net.take(subscriber), What::PubRel(3, 0));
    assert_eq!(net.take(subscriber), What::PubRel(1, 0));
    let msg = net.msg(subscriber);
    assert_eq!((msg.id, msg.dup), (Some(2), true));
    // A new message gets none of the ids that are under way.
    net.put(publisher, "t", "y", QoS::ExactlyOnce, 4);
    net.pubrel(publisher, 4);
    assert_eq!(net.msg(subscriber).id, Some(4));
}
