//! Several shards, one broker.

use crate::harness::{Net, Pub, What, dial};
use sealmq_broker::{Input, Limits, Output, Policy, ShardId};
use sealmq_mqtt::{QoS, Version};

#[test]
fn a_message_reaches_the_shards_that_need_it_once() {
    let mut net = Net::with(Limits::default(), Policy::default(), 3);
    let publisher = net.connect_on(0, dial(Version::V5, "p"));
    let subscribers: Vec<_> =
        (1..3).map(|shard| net.connect_on(shard, dial(Version::V5, &shard.to_string()))).collect();
    net.sub(subscribers[0], "t", QoS::AtLeastOnce);
    net.sub(subscribers[0], "+", QoS::AtLeastOnce);
    net.put(publisher, "t", "x", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(publisher), What::PubAck(1, 0));
    assert_eq!(net.payloads(subscribers[0]), ["x", "x"], "a copy for each subscription");
    assert_eq!(net.brokers[1].counters().forwards_taken, 1);
    assert_eq!(net.brokers[2].counters().forwards_taken, 0);
}

#[test]
fn a_forward_that_comes_twice_is_taken_once() {
    let mut net = Net::with(Limits::default(), Policy::default(), 2);
    let subscriber = net.connect_on(1, dial(Version::V5, "s"));
    net.sub(subscriber, "t", QoS::ExactlyOnce);
    let publisher = net.connect_on(0, dial(Version::V5, "p"));
    net.hold_exchange = true;
    net.put(publisher, "t", "x", QoS::ExactlyOnce, 1);
    net.pubrel(publisher, 1);
    net.put(publisher, "t", "y", QoS::AtLeastOnce, 2);
    net.hold_exchange = false;
    let (zero, one) = (ShardId::new(0).unwrap(), ShardId::new(1).unwrap());
    let mut mailbox = sealmq_broker::Mailbox::new(sealmq_broker::Marks::default());
    net.exchanges[0].drain_into(one, &mut mailbox);
    let letters: Vec<_> = std::iter::from_fn(|| mailbox.take()).collect();
    assert_eq!(letters.len(), 2);
    for letter in letters.iter().chain(&letters) {
        net.input(1, Input::Forwarded { from: zero, forward: letter.forward.clone() });
    }
    assert_eq!(net.payloads(subscriber), ["x", "y"]);
    assert_eq!(net.brokers[1].counters().forwards_repeated, 2);
}

#[test]
fn qos_2_messages_are_numbered_when_they_are_routed() {
    // Received first, released last: its forward must not look older than the other.
    let mut net = Net::with(Limits::default(), Policy::default(), 2);
    let subscriber = net.connect_on(1, dial(Version::V5, "s"));
    net.sub(subscriber, "t", QoS::ExactlyOnce);
    let publisher = net.connect_on(0, dial(Version::V5, "p"));
    net.put(publisher, "t", "late", QoS::ExactlyOnce, 1);
    net.put(publisher, "t", "early", QoS::AtLeastOnce, 2);
    net.pubrel(publisher, 1);
    assert_eq!(net.payloads(subscriber), ["early", "late"]);
}

#[test]
fn retained_messages_are_one_for_all_shards() {
    let mut net = Net::with(Limits::default(), Policy::default(), 2);
    let publisher = net.connect_on(0, dial(Version::V5, "p"));
    net.retain(publisher, "t", "x");
    let subscriber = net.connect_on(1, dial(Version::V311, "s"));
    net.sub(subscriber, "t", QoS::AtMostOnce);
    assert_eq!(net.payloads(subscriber), ["x"]);
}

#[test]
fn the_same_inputs_make_the_same_outputs() {
    let run = || {
        let mut net = Net::new();
        let clients: Vec<_> = (0..20).map(|number| net.v5(&format!("c{number}"))).collect();
        for (number, client) in clients.iter().enumerate() {
            let filter = ["a/#", "a/+", "a/b", "#"][number % 4];
            let message = sealmq_mqtt::SubscriptionOptions::new(QoS::AtMostOnce);
            net.subscribe(*client, filter, message);
        }
        let mut order = Vec::new();
        net.brokers[0].handle(
            net.now,
            Input::Local(sealmq_broker::LocalPublish {
                topic: "a/b",
                payload: b"x",
                qos: QoS::AtMostOnce,
                retain: sealmq_broker::Retain::Live,
            }),
        );
        while let Some(output) = net.brokers[0].poll_output() {
            if let Output::Send { conn, .. } = output {
                order.push(conn);
            }
        }
        order
    };
    let first = run();
    assert_eq!(first.len(), 20);
    assert_eq!(first, run());
}

/// [MQTT-3.1.3-2] [MQTT311-3.1.3-2]
#[test]
fn a_client_id_is_always_on_the_same_shard() {
    for count in [1, 2, 7, ShardId::COUNT_MAX] {
        for id in ["", "a", "device-17", "é"] {
            let shard = ShardId::of_client(id, count);
            assert!(shard.index() < count);
            assert_eq!(shard, ShardId::of_client(id, count));
        }
    }
    let shards: std::collections::BTreeSet<_> =
        (0..100).map(|n| ShardId::of_client(&format!("c{n}"), 4)).collect();
    assert_eq!(shards.len(), 4);
}

#[test]
fn a_publish_that_nobody_takes_crosses_to_no_shard() {
    let mut net = Net::with(Limits::default(), Policy::default(), 2);
    let publisher = net.connect_on(0, dial(Version::V5, "p"));
    net.publish(publisher, Pub { topic: "t", payload: b"x", ..Pub::default() });
    assert_eq!(net.brokers[1].counters().forwards_taken, 0);
}
