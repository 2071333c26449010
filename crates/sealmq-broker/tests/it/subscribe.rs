//! SUBSCRIBE, UNSUBSCRIBE, and which copy of a message a client gets.

use crate::harness::{Net, What, dial};
use sealmq_broker::Overlapping;
use sealmq_mqtt::{Property, QoS, SubscriptionId, SubscriptionOptions, Version};

fn identifier(number: u32) -> Property<'static> {
    Property::SubscriptionIdentifier(SubscriptionId::new(number).unwrap())
}

/// [MQTT-3.3.4-3] [MQTT-3.3.4-5]
#[test]
fn overlapping_subscriptions_make_a_copy_each_in_mosquittos_order() {
    let mut net = Net::new();
    let (five, three, publisher) = (net.v5("five"), net.v3("three"), net.v3("p"));
    for (number, filter) in [(1, "#"), (2, "a/#"), (3, "a/+"), (4, "+/b"), (5, "a/b/#"), (6, "a/b")] {
        let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        net.subscribe_with(five, filter, SubscriptionOptions::new(qos), &[identifier(number)]);
        net.sub(three, filter, qos);
    }
    net.put(publisher, "a/b", "x", QoS::AtLeastOnce, 1);
    let copies: Vec<_> = (0..6).map(|_| net.msg(five)).map(|msg| (msg.qos, msg.subscription_ids)).collect();
    assert_eq!(copies, [5, 6, 3, 2, 4, 1].map(|number| (u8::from(number % 2 == 0), vec![number])));
    assert_eq!([0, 1, 0, 1, 1, 0], [(); 6].map(|()| net.msg(three).qos));
    assert!(net.is_quiet(five) && net.is_quiet(three));
}

#[test]
fn without_duplicates_there_is_one_copy_with_the_highest_qos_and_all_identifiers() {
    // [MQTT-3.3.4-2] [MQTT-3.3.4-4] [MQTT311-3.3.5-1]
    for highest in ["a/#", "a/+", "a/b"] {
        let mut net = Net::with_policy(|policy| policy.overlapping = Overlapping::Once);
        let (five, three, publisher) = (net.v5("five"), net.v3("three"), net.v3("p"));
        for (number, filter) in [(1, "a/#"), (2, "a/+"), (3, "a/b")] {
            let qos = if filter == highest { QoS::AtLeastOnce } else { QoS::AtMostOnce };
            net.subscribe_with(five, filter, SubscriptionOptions::new(qos), &[identifier(number)]);
            net.sub(three, filter, qos);
        }
        net.put(publisher, "a/b", "x", QoS::ExactlyOnce, 1);
        net.pubrel(publisher, 1);
        let mut msg = net.msg(five);
        msg.subscription_ids.sort_unstable();
        assert_eq!((msg.qos, msg.subscription_ids), (1, vec![1, 2, 3]));
        assert_eq!(net.msg(three).qos, 1);
        assert!(net.is_quiet(five) && net.is_quiet(three));
    }
}

/// [MQTT-3.8.4-4] [MQTT311-3.8.4-3]
#[test]
fn a_second_subscription_to_a_filter_replaces_the_first() {
    // [MQTT-3.8.4-3]
    let mut net = Net::new();
    let (client, publisher) = (net.v5("c"), net.v3("p"));
    net.subscribe_with(client, "t", SubscriptionOptions::new(QoS::ExactlyOnce), &[identifier(1)]);
    net.subscribe_with(client, "t", SubscriptionOptions::new(QoS::AtMostOnce), &[identifier(2)]);
    net.put(publisher, "t", "x", QoS::AtLeastOnce, 1);
    let msg = net.msg(client);
    assert_eq!((msg.qos, msg.subscription_ids), (0, vec![2]));
    assert_eq!(net.brokers[0].counters().subscriptions, 1);
}

/// [MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.10.4-5] [MQTT311-2.3.1-7] [MQTT311-3.8.4-2] [MQTT311-3.10.4-4]
/// [MQTT311-3.10.4-5] [MQTT-3.10.4-2] [MQTT-3.10.4-6] [MQTT311-3.10.4-1] [MQTT311-3.10.4-2]
/// [MQTT311-3.10.4-6]
#[test]
fn unsubscribe_says_whether_there_was_one_and_ends_it() {
    // [MQTT-3.10.4-1] [MQTT-3.10.4-4] MQTT §3.11.3
    let mut net = Net::new();
    let (five, three) = (net.v5("five"), net.v3("three"));
    net.sub(five, "t", QoS::AtMostOnce);
    assert_eq!(net.unsubscribe(five, "t"), What::UnsubAck(98, vec![0]));
    assert_eq!(net.unsubscribe(five, "t"), What::UnsubAck(98, vec![0x11]));
    assert_eq!(net.unsubscribe(three, "t"), What::UnsubAck(98, vec![]));
    net.say(three, "t", "x");
    assert!(net.is_quiet(five));
}

#[test]
fn no_local_keeps_a_clients_own_messages_from_it() {
    // [MQTT-3.8.3-3]
    let mut net = Net::new();
    let (client, other) = (net.v5("c"), net.v5("o"));
    net.subscribe(
        client,
        "t",
        SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QoS::AtMostOnce) },
    );
    net.say(client, "t", "own");
    net.say(other, "t", "other");
    assert_eq!(net.payloads(client), ["other"]);
}

#[test]
fn a_bridge_gets_no_local_and_retain_as_published() {
    let mut net = Net::new();
    let mut asked = dial(Version::V311, "bridge");
    asked.bridge = true;
    let (bridge, other) = (net.connect(asked), net.v3("o"));
    net.sub(bridge, "#", QoS::AtMostOnce);
    net.say(bridge, "t", "own");
    net.retain(other, "t", "other");
    let msg = net.msg(bridge);
    assert_eq!((msg.payload, msg.retain), (b"other".to_vec(), true));
    // Its accepting twin: who is no bridge gets its own.
    net.sub(other, "u", QoS::AtMostOnce);
    net.say(other, "u", "own");
    assert_eq!(net.payloads(other), ["own"]);
}

#[test]
fn wildcards_at_the_front_do_not_reach_dollar_topics() {
    // [MQTT-4.7.2-1]
    let mut net = Net::new();
    let client = net.v5("c");
    net.sub(client, "#", QoS::AtMostOnce);
    net.sub(client, "+/x", QoS::AtMostOnce);
    net.say(client, "$own/x", "hidden");
    assert!(net.is_quiet(client));
    net.sub(client, "$own/#", QoS::AtMostOnce);
    net.say(client, "$own/x", "seen");
    assert_eq!(net.payloads(client), ["seen"]);
}

/// [MQTT-3.2.2-10]
#[test]
fn the_listeners_max_qos_is_what_is_granted() {
    // [MQTT-3.8.4-7]
    let mut net = Net::new();
    let client = net.connect(dial(Version::V5, "c").rules(|rules| rules.max_qos = QoS::AtLeastOnce));
    assert_eq!(net.subscribe(client, "t", SubscriptionOptions::new(QoS::ExactlyOnce)), [1]);
}

#[test]
fn a_mount_point_is_put_before_topics_and_taken_away_again() {
    let mut net = Net::new();
    let mounted = |id: &str| dial(Version::V5, id).rules(|rules| rules.mount_point = Box::from("site/"));
    let (inside, outside) = (net.connect(mounted("in")), net.v5("out"));
    net.sub(inside, "t", QoS::AtMostOnce);
    net.sub(inside, "$share/g/t", QoS::AtMostOnce);
    net.sub(outside, "#", QoS::AtMostOnce);
    net.say(inside, "t", "x");
    assert_eq!(net.msg(outside).topic, "site/t");
    assert_eq!((net.msg(inside).topic, net.msg(inside).topic), ("t".to_owned(), "t".to_owned()));
    net.say(outside, "t", "y");
    assert!(net.is_quiet(inside));
    net.unsubscribe(inside, "t");
    net.say(outside, "site/t", "z");
    assert_eq!(net.payloads(inside).len(), 1);
}

/// A session that subscribed to everything elsewhere comes through a listener that shows one branch only.
#[test]
fn a_session_from_another_listener_sees_nothing_outside_the_mount_point() {
    let mut net = Net::new();
    let talker = net.v5("talker");
    let first = net.connect(dial(Version::V5, "c").lasting());
    net.sub(first, "#", QoS::AtLeastOnce);
    let mounted = dial(Version::V5, "c").lasting().resume();
    let second = net.connect(mounted.rules(|rules| rules.mount_point = Box::from("site/")));
    for (topic, payload) in [("secret", "x"), ("other/t", "y"), ("site/t", "z")] {
        net.say(talker, topic, payload);
    }
    let message = net.msg(second);
    assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("t", &b"z"[..]));
    assert!(net.is_quiet(second));
}

/// [MQTT-3.10.4-3] [MQTT311-3.10.4-3]
#[test]
fn what_has_begun_is_completed_after_unsubscribe() {
    for version in [Version::V5, Version::V311] {
        let mut net = Net::new();
        let (subscriber, publisher) = (net.connect(dial(version, "s")), net.v5("p"));
        net.sub(subscriber, "t", QoS::ExactlyOnce);
        net.put(publisher, "t", "x", QoS::ExactlyOnce, 1);
        net.pubrel(publisher, 1);
        assert_eq!(net.msg(subscriber).id, Some(1));
        net.unsubscribe(subscriber, "t");
        net.pubrec(subscriber, 1);
        assert_eq!(net.take(subscriber), What::PubRel(1, 0));
        net.say(publisher, "t", "later");
        assert!(net.is_quiet(subscriber));
    }
}

/// [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT311-3.8.4-4] [MQTT311-3.8.4-5]
/// [MQTT311-3.9.3-1] [MQTT311-3.10.4-6]
#[test]
fn several_filters_are_answered_by_one_packet_in_their_order() {
    let mut net = Net::new();
    let (five, three) = (net.v5("five"), net.v3("three"));
    net.send_bytes(five, b"\x82\x0f\x00\x07\x00\x00\x01a\x01\x00\x01b\x02\x00\x01c\x00");
    assert_eq!(net.take(five), What::SubAck(7, vec![1, 2, 0]));
    net.send_bytes(three, b"\x82\x0a\x00\x07\x00\x01a\x01\x00\x01b\x02");
    assert_eq!(net.take(three), What::SubAck(7, vec![1, 2]));
    net.send_bytes(five, b"\xa2\x0c\x00\x08\x00\x00\x01a\x00\x01z\x00\x01c");
    assert_eq!(net.take(five), What::UnsubAck(8, vec![0, 0x11, 0]));
    net.say(three, "b", "x");
    assert_eq!((net.payloads(five).len(), net.payloads(three).len()), (1, 1));
    net.send_bytes(three, b"\xa2\x08\x00\x09\x00\x01a\x00\x01b");
    assert_eq!(net.take(three), What::UnsubAck(9, vec![]));
    net.say(five, "b", "x");
    assert!(net.is_quiet(three));
}
