//! Retained messages.

use crate::harness::{Client, Net, Pub, What, dial};
use sealmq_broker::{
    Acl, AclEntry, AclRules, AclUser, Input, LocalPublish, Millis, Policy, Retain, RetainSource,
    RetainedMessages,
};
use sealmq_mqtt::{Property, QoS, RetainHandling, SubscriptionOptions, Version};
use std::sync::Arc;

fn retain_for(net: &mut Net, client: Client, topic: &str, payload: &str, secs: Option<u32>) {
    let properties: Vec<_> = secs.map(Property::MessageExpiryInterval).into_iter().collect();
    let payload = payload.as_bytes();
    net.publish(client, Pub { topic, payload, retain: true, properties: &properties, ..Pub::default() });
}

fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions::new(qos)
}

/// [MQTT311-3.1.2-7] [MQTT311-3.3.1-5] [MQTT311-3.3.1-7] [MQTT311-3.3.1-12] [MQTT311-3.3.1-6]
/// [MQTT311-3.3.1-8]
#[test]
fn a_new_subscription_is_given_the_last_message_after_its_suback() {
    // [MQTT-3.3.1-5] [MQTT-3.3.1-8] [MQTT-3.3.1-9]
    let mut net = Net::new();
    let publisher = net.v3("p");
    net.retain(publisher, "t", "old");
    net.retain(publisher, "t", "new");
    let subscriber = net.v5("s");
    net.sub(subscriber, "t", QoS::AtMostOnce);
    let msg = net.msg(subscriber);
    assert_eq!((msg.payload, msg.retain), (b"new".to_vec(), true));
    assert!(net.is_quiet(subscriber));
}

/// [MQTT311-3.3.1-9]
#[test]
fn a_live_copy_has_retain_0_unless_it_was_asked_for_as_published() {
    // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    let mut net = Net::new();
    let (plain, keeping, publisher) = (net.v5("plain"), net.v5("keeping"), net.v3("p"));
    net.sub(plain, "t", QoS::AtMostOnce);
    net.subscribe(
        keeping,
        "t",
        SubscriptionOptions { retain_as_published: true, ..options(QoS::AtMostOnce) },
    );
    net.retain(publisher, "t", "x");
    assert!(!net.msg(plain).retain);
    assert!(net.msg(keeping).retain);
}

/// [MQTT311-3.3.1-10] [MQTT311-3.3.1-11]
#[test]
fn an_empty_payload_clears_and_is_not_kept() {
    // [MQTT-3.3.1-6] [MQTT-3.3.1-7]
    let mut net = Net::new();
    let publisher = net.v3("p");
    net.retain(publisher, "t", "x");
    net.retain(publisher, "t", "");
    let subscriber = net.v3("s");
    net.sub(subscriber, "t", QoS::AtMostOnce);
    assert!(net.is_quiet(subscriber));
    assert_eq!(net.tables.retained.lock().unwrap().bytes(), 0);
}

#[test]
fn retain_handling_says_when() {
    // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
    for (handling, first, second) in [
        (RetainHandling::SendAtSubscribe, 1, 1),
        (RetainHandling::SendAtNewSubscribe, 1, 0),
        (RetainHandling::DoNotSend, 0, 0),
    ] {
        let mut net = Net::new();
        let (publisher, subscriber) = (net.v3("p"), net.v5("s"));
        net.retain(publisher, "t", "x");
        let asked = SubscriptionOptions { retain_handling: handling, ..options(QoS::AtMostOnce) };
        net.subscribe(subscriber, "t", asked);
        assert_eq!(net.all(subscriber).len(), first, "{handling:?}");
        net.subscribe(subscriber, "t", asked);
        assert_eq!(net.all(subscriber).len(), second, "{handling:?}");
    }
}

#[test]
fn parents_come_before_children_and_neighbours_as_they_came() {
    let mut net = Net::new();
    let publisher = net.v3("p");
    for topic in ["a/b/c", "a b", "a/b", "a", "b", "a/!", "$SYS/x"] {
        net.retain(publisher, topic, topic);
    }
    for (filter, expected) in [
        ("#", vec!["a", "a/b", "a/b/c", "a/!", "a b", "b"]),
        // The parent of a `#` is mosquitto's last.
        ("a/#", vec!["a/b", "a/b/c", "a/!", "a"]),
        ("+", vec!["a", "a b", "b"]),
        ("+/b", vec!["a/b"]),
        ("a/+", vec!["a/b", "a/!"]),
        ("a/+/+", vec!["a/b/c"]),
        ("+/#", vec!["a/b", "a/b/c", "a/!", "a", "a b", "b"]),
        ("a/b", vec!["a/b"]),
        ("x/#", vec![]),
    ] {
        let subscriber = net.v3("s");
        net.sub(subscriber, filter, QoS::AtMostOnce);
        assert_eq!(net.payloads(subscriber), expected, "{filter}");
    }
}

#[test]
fn retain_is_refused_where_it_is_switched_off() {
    // [MQTT-3.2.2-14]
    let mut net = Net::with_policy(|policy| policy.retained = RetainedMessages::Unavailable);
    let client = net.v5("c");
    net.say(client, "t", "fine");
    assert!(net.ending(client).is_none());
    net.retain(client, "t", "x");
    assert_eq!(net.take(client), What::Disconnect(0x9a));
    let will = net.dial({
        let mut asked = dial(Version::V5, "w").will("t", "x");
        asked.will.as_mut().unwrap().retain = true;
        asked
    });
    assert_eq!(net.take(will), What::ConnAck { session_present: false, code: 0x9a });
}

#[test]
fn a_publisher_who_may_write_no_more_is_no_source() {
    let rules = |access| {
        let mut rules = AclRules::new();
        rules.add_pattern(AclEntry::new(sealmq_broker::Access::Read, "#").unwrap());
        if let Some(access) = access {
            rules.add(AclUser::Named("p"), AclEntry::new(access, "t").unwrap());
        }
        Policy { acl: Arc::new(Acl::Rules(rules)), ..Policy::default() }
    };
    let may_write = rules(Some(sealmq_broker::Access::Write));
    for (later, source, expected) in [
        (rules(None), RetainSource::Checked, 0),
        (rules(None), RetainSource::NotChecked, 1),
        (may_write.clone(), RetainSource::Checked, 1),
    ] {
        let mut net = Net::with(sealmq_broker::Limits::default(), may_write.clone(), 1);
        let publisher = net.connect(dial(Version::V311, "p").user("p"));
        net.retain(publisher, "t", "x");
        net.input(0, Input::Policy(Arc::new(Policy { retain_source: source, ..later })));
        let subscriber = net.v3("s");
        net.sub(subscriber, "t", QoS::AtMostOnce);
        assert_eq!(net.all(subscriber).len(), expected, "{source:?}");
    }
}

#[test]
fn a_message_that_was_given_at_subscribe_is_not_given_live_again() {
    // Stored on another shard, then read by a new subscription here, then forwarded here.
    let mut net = Net::with(sealmq_broker::Limits::default(), Policy::default(), 2);
    let subscriber = net.connect_on(1, dial(Version::V5, "s"));
    let other = net.connect_on(1, dial(Version::V5, "other"));
    net.sub(other, "t", QoS::AtLeastOnce);
    let publisher = net.connect_on(0, dial(Version::V5, "p"));
    let publish =
        Pub { topic: "t", payload: b"x", qos: QoS::AtLeastOnce, id: Some(1), retain: true, ..Pub::default() };
    net.hold_exchange = true;
    net.publish(publisher, publish);
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.hold_exchange = false;
    net.turn();
    assert_eq!(net.payloads(other), ["x"]);
    assert_eq!(net.payloads(subscriber), ["x"]);
    net.publish(publisher, Pub { payload: b"y", id: Some(2), ..publish });
    assert_eq!(net.payloads(subscriber), ["y"]);
}

/// [MQTT-3.8.4-4] [MQTT311-3.8.4-3]
#[test]
fn subscribing_again_takes_no_live_message_away() {
    let mut net = Net::with(sealmq_broker::Limits::default(), Policy::default(), 2);
    let subscriber = net.connect_on(1, dial(Version::V5, "s"));
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    let publisher = net.connect_on(0, dial(Version::V5, "p"));
    let publish =
        Pub { topic: "t", payload: b"1", qos: QoS::AtLeastOnce, id: Some(1), retain: true, ..Pub::default() };
    net.hold_exchange = true;
    net.publish(publisher, publish);
    net.publish(publisher, Pub { payload: b"2", id: Some(2), ..publish });
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.hold_exchange = false;
    net.turn();
    assert_eq!(net.payloads(subscriber), ["2", "1", "2"]);
}

#[test]
fn the_broker_itself_can_publish_retained() {
    let mut net = Net::new();
    let publish = LocalPublish {
        topic: "$SYS/broker/version",
        payload: b"sealmq",
        qos: QoS::AtMostOnce,
        retain: Retain::Retained,
    };
    net.input(0, Input::Local(publish));
    let client = net.v3("c");
    net.sub(client, "#", QoS::AtMostOnce);
    assert!(net.is_quiet(client), "a wildcard at the front does not reach $SYS");
    net.sub(client, "$SYS/#", QoS::AtMostOnce);
    assert_eq!(net.payloads(client), ["sealmq"]);
}

#[test]
fn nothing_is_kept_past_its_end() {
    // [MQTT-3.3.2-5]; `retain_expiry_interval` for messages that came without one.
    let mut net = Net::with_policy(|policy| policy.retain_expiry = Some(Millis::from_secs(60)));
    let publisher = net.v5("p");
    retain_for(&mut net, publisher, "short", "x", Some(10));
    retain_for(&mut net, publisher, "long", "x", Some(100));
    retain_for(&mut net, publisher, "policy", "x", None);
    let kept = |net: &Net| net.tables.retained.lock().unwrap().len();
    for (secs, left) in [(9, 3), (1, 2), (49, 2), (1, 1), (39, 1), (1, 0)] {
        net.pass(secs);
        assert_eq!(kept(&net), left);
    }
}

#[test]
fn a_new_retain_expiry_interval_counts_for_what_is_kept() {
    let mut net = Net::new();
    let publisher = net.v5("p");
    retain_for(&mut net, publisher, "t", "x", None);
    net.pass(1000);
    let policy = Policy { retain_expiry: Some(Millis::from_secs(1001)), ..Policy::default() };
    net.input(0, Input::Policy(Arc::new(policy)));
    assert_eq!(net.tables.retained.lock().unwrap().len(), 1);
    net.pass(1);
    assert_eq!(net.tables.retained.lock().unwrap().len(), 0);
}

#[test]
fn a_replaced_message_takes_its_end_with_it() {
    let mut net = Net::new();
    let publisher = net.v5("p");
    retain_for(&mut net, publisher, "t", "old", Some(10));
    retain_for(&mut net, publisher, "t", "new", None);
    net.pass(100);
    assert_eq!(net.tables.retained.lock().unwrap().len(), 1);
}
