//! Message expiry.

use crate::harness::{Net, Pub, What, dial};
use sealmq_broker::Millis;
use sealmq_mqtt::{Property, QoS, Version};

fn expiring(topic: &str, secs: u32, id: u16, send: impl FnOnce(Pub<'_>)) {
    let properties = [Property::MessageExpiryInterval(secs)];
    let id = Some(id);
    send(Pub { topic, payload: b"x", qos: QoS::AtLeastOnce, id, properties: &properties, ..Pub::default() });
}

#[test]
fn what_has_waited_is_told_the_rest_of_its_life() {
    // [MQTT-3.3.2-6]
    let mut net = Net::new();
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.drop_conn(subscriber);
    let publisher = net.v5("p");
    expiring("t", 10, 1, |publish| net.publish(publisher, publish));
    net.pass(7);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    assert_eq!(net.msg(subscriber).expiry, Some(3));
}

#[test]
fn what_has_waited_too_long_is_dropped() {
    // [MQTT-3.3.2-5]
    let mut net = Net::new();
    let subscriber = net.connect(dial(Version::V311, "s").resume());
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.drop_conn(subscriber);
    let publisher = net.v5("p");
    expiring("t", 10, 1, |publish| net.publish(publisher, publish));
    net.put(publisher, "t", "lasting", QoS::AtLeastOnce, 2);
    net.pass(10);
    let subscriber = net.connect(dial(Version::V311, "s").resume());
    assert_eq!(net.payloads(subscriber), ["lasting"]);
}

#[test]
fn expired_messages_make_room_in_a_full_queue() {
    let mut net = Net::with_limits(|limits| limits.queued_max = 1);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.drop_conn(subscriber);
    let publisher = net.v5("p");
    expiring("t", 10, 1, |publish| net.publish(publisher, publish));
    net.pass(10);
    net.put(publisher, "t", "later", QoS::AtLeastOnce, 2);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    assert_eq!(net.payloads(subscriber), ["later"]);
}

#[test]
fn an_expired_retained_message_is_forgotten() {
    let mut net = Net::new();
    let publisher = net.v5("p");
    expiring("t", 10, 1, |publish| net.publish(publisher, Pub { retain: true, ..publish }));
    net.pass(9);
    let early = net.v5("early");
    net.sub(early, "t", QoS::AtMostOnce);
    assert_eq!(net.msg(early).expiry, Some(1));
    net.pass(1);
    let late = net.v5("late");
    net.sub(late, "t", QoS::AtMostOnce);
    assert!(net.is_quiet(late));
    assert!(net.tables.retained.lock().unwrap().is_empty());
}

#[test]
fn retain_expiry_interval_ends_retained_messages_that_have_no_end() {
    let mut net = Net::with_policy(|policy| policy.retain_expiry = Some(Millis::from_secs(60)));
    let publisher = net.v3("p");
    net.retain(publisher, "t", "x");
    net.pass(60);
    let late = net.v5("late");
    net.sub(late, "t", QoS::AtMostOnce);
    assert!(net.is_quiet(late));
}

/// [MQTT-4.3.3-7] [MQTT-4.3.3-13]
#[test]
fn what_has_been_sent_does_not_expire() {
    let mut net = Net::new();
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    net.sub(subscriber, "t", QoS::ExactlyOnce);
    let publisher = net.v5("p");
    let properties = [Property::MessageExpiryInterval(5)];
    let sent = Pub {
        topic: "t",
        payload: b"x",
        qos: QoS::ExactlyOnce,
        id: Some(1),
        properties: &properties,
        ..Pub::default()
    };
    net.publish(publisher, sent);
    net.pubrel(publisher, 1);
    assert_eq!(net.msg(subscriber).id, Some(1));
    net.drop_conn(subscriber);
    net.pass(20);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    let again = net.msg(subscriber);
    assert_eq!((again.id, again.dup), (Some(1), true));
    net.pubrec(subscriber, 1);
    assert_eq!(net.take(subscriber), What::PubRel(1, 0));
}
