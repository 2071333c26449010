//! Shared subscriptions: strict round-robin in order of subscription, over all clients of all shards.

use crate::harness::{Client, Net, Pub, dial, id};
use sealmq_broker::{ClientId, GroupTable, Limits, Member, Policy, Presence, ShardId};
use sealmq_mqtt::{Ack, Packet, QoS, ReasonCode, SubscriptionOptions, Version};

fn say_all(net: &mut Net, publisher: Client, topic: &str, count: usize) {
    for number in 0..count {
        net.say(publisher, topic, &number.to_string());
    }
}

/// [MQTT-4.8.2-3]
#[test]
fn members_take_turns_in_the_order_of_subscription() {
    let mut net = Net::new();
    let members: Vec<Client> = ["z", "a", "m"].map(|id| net.v3(id)).into();
    for member in &members {
        net.sub(*member, "$share/g/t", QoS::AtMostOnce);
    }
    let publisher = net.v5("p");
    say_all(&mut net, publisher, "t", 7);
    let got: Vec<_> = members.iter().map(|member| net.payloads(*member)).collect();
    assert_eq!(got, [vec!["0", "3", "6"], vec!["1", "4"], vec!["2", "5"]]);
}

#[test]
fn turns_go_over_shards() {
    let mut net = Net::with(Limits::default(), Policy::default(), 3);
    let members: Vec<Client> =
        (0..3).map(|shard| net.connect_on(shard, dial(Version::V5, &shard.to_string()))).collect();
    for member in members.iter().rev() {
        net.sub(*member, "$share/g/+", QoS::AtMostOnce);
    }
    let publishers: Vec<Client> =
        (0..2).map(|shard| net.connect_on(shard, dial(Version::V5, &format!("p{shard}")))).collect();
    for number in 0..6 {
        net.say(publishers[number % 2], "t", &number.to_string());
    }
    let got: Vec<_> = members.iter().map(|member| net.payloads(*member)).collect();
    assert_eq!(got, [["2", "5"], ["1", "4"], ["0", "3"]]);
}

#[test]
fn groups_and_ordinary_subscriptions_do_not_mind_each_other() {
    let mut net = Net::new();
    let (one, two) = (net.v3("one"), net.v3("two"));
    net.sub(one, "$share/g/t", QoS::AtMostOnce);
    net.sub(one, "t", QoS::AtMostOnce);
    net.sub(two, "$share/h/t", QoS::AtMostOnce);
    let publisher = net.v5("p");
    net.say(publisher, "t", "x");
    assert_eq!((net.payloads(one).len(), net.payloads(two).len()), (2, 1));
}

/// [MQTT-4.8.2-4] [MQTT-4.8.2-5]
#[test]
fn a_member_who_is_away_keeps_its_turn_for_qos_1_and_is_passed_by_for_qos_0() {
    let mut net = Net::new();
    let away = net.connect(dial(Version::V311, "away").resume());
    let here = net.v3("here");
    net.sub(away, "$share/g/t", QoS::AtLeastOnce);
    net.sub(here, "$share/g/t", QoS::AtLeastOnce);
    net.drop_conn(away);
    let publisher = net.v5("p");
    say_all(&mut net, publisher, "t", 2);
    assert_eq!(net.payloads(here), ["0", "1"]);
    for (id, payload) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        net.put(publisher, "t", payload, QoS::AtLeastOnce, id);
    }
    assert_eq!(net.payloads(here).len(), 2);
    let away = net.connect(dial(Version::V311, "away").resume());
    assert_eq!(net.payloads(away).len(), 2);
}

#[test]
fn who_leaves_gets_no_more_and_an_empty_group_is_nobody() {
    let mut net = Net::new();
    let (one, two) = (net.v5("one"), net.v5("two"));
    net.sub(one, "$share/g/t", QoS::AtMostOnce);
    net.sub(two, "$share/g/t", QoS::AtMostOnce);
    net.unsubscribe(one, "$share/g/t");
    let publisher = net.v5("p");
    say_all(&mut net, publisher, "t", 2);
    assert!(net.is_quiet(one));
    assert_eq!(net.payloads(two), ["0", "1"]);
    net.bye(two);
    net.put(publisher, "t", "x", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(publisher), crate::harness::What::PubAck(1, 0x10));
    assert_eq!(net.tables.groups.lock().unwrap().members(), 0);
}

#[test]
fn retained_messages_are_not_given_to_shared_subscriptions() {
    // MQTT §4.8.2
    let mut net = Net::new();
    let (publisher, member) = (net.v3("p"), net.v5("m"));
    net.retain(publisher, "t", "x");
    net.sub(member, "$share/g/t", QoS::AtMostOnce);
    assert!(net.is_quiet(member));
}

#[test]
fn live_comes_before_shared_and_both_before_the_acknowledgement() {
    let mut net = Net::new();
    let client = net.v5("c");
    net.subscribe_with(client, "$share/g/t", SubscriptionOptions::new(QoS::AtMostOnce), &[sub_id(1)]);
    net.subscribe_with(client, "t", SubscriptionOptions::new(QoS::AtMostOnce), &[sub_id(2)]);
    net.publish(
        client,
        Pub { topic: "t", payload: b"x", qos: QoS::AtLeastOnce, id: Some(1), ..Pub::default() },
    );
    assert_eq!(net.msg(client).subscription_ids, [2]);
    assert_eq!(net.msg(client).subscription_ids, [1]);
    assert_eq!(net.take(client), crate::harness::What::PubAck(1, 0));
}

fn sub_id(number: u32) -> sealmq_mqtt::Property<'static> {
    sealmq_mqtt::Property::SubscriptionIdentifier(sealmq_mqtt::SubscriptionId::new(number).unwrap())
}

/// [MQTT-4.8.2-6]
#[test]
fn what_a_member_refuses_goes_to_nobody_else() {
    let mut net = Net::new();
    let (one, two, publisher) = (net.v5("one"), net.v5("two"), net.v5("p"));
    net.sub(one, "$share/g/t", QoS::ExactlyOnce);
    net.sub(two, "$share/g/t", QoS::ExactlyOnce);
    net.put(publisher, "t", "x", QoS::AtLeastOnce, 1);
    let refused = Ack::with_reason(id(net.msg(one).id.unwrap()), ReasonCode::QuotaExceeded);
    net.send(one, Packet::PubAck(refused));
    assert!(net.is_quiet(one) && net.is_quiet(two));
    net.put(publisher, "t", "y", QoS::AtLeastOnce, 2);
    assert_eq!(net.payloads(two), ["y"]);
}

#[test]
fn the_groups_of_a_filter_are_served_in_the_order_in_which_they_came_to_be() {
    let member = |id: &str| Member {
        shard: ShardId::new(0).unwrap(),
        client: ClientId::parse(id).unwrap(),
        qos: QoS::AtMostOnce,
        presence: Presence::Online,
    };
    let mut table = GroupTable::new(10);
    for group in ["z", "a", "m"] {
        table.join(group, "t", member(group)).unwrap();
    }
    table.leave("a", "t", &ClientId::parse("a").unwrap());
    table.join("a", "t", member("a")).unwrap();
    let mut picks = Vec::new();
    table.pick("t", QoS::AtMostOnce, &mut picks);
    assert_eq!(picks.iter().map(|pick| pick.client.as_str()).collect::<Vec<_>>(), ["z", "m", "a"]);
}
