//! What `$SYS` is made of.

use crate::harness::{Net, Pub, dial};
use sealmq_broker::Counters;
use sealmq_mqtt::{QoS, Version};

fn counters(net: &Net) -> Counters {
    net.brokers[0].counters()
}

#[test]
fn payload_bytes_count_in_both_directions() {
    let mut net = Net::new();
    let (one, two) = (net.v5("one"), net.v3("two"));
    net.sub(two, "t", QoS::AtMostOnce);
    net.say(one, "t", "12345");
    net.say(one, "nobody", "123");
    let counted = counters(&net);
    assert_eq!((counted.publish_bytes_received, counted.publish_bytes_sent), (8, 5));
    assert_eq!((counted.publish_received, counted.publish_sent), (2, 1));
}

#[test]
fn shared_subscriptions_count_apart_and_go_with_their_session() {
    let mut net = Net::new();
    let client = net.v5("c");
    net.sub(client, "$share/g/t", QoS::AtMostOnce);
    net.sub(client, "$share/g/t", QoS::AtMostOnce);
    net.sub(client, "t", QoS::AtMostOnce);
    let counted = counters(&net);
    assert_eq!((counted.subscriptions, counted.shared_subscriptions), (2, 1));
    net.bye(client);
    let counted = counters(&net);
    assert_eq!((counted.subscriptions, counted.shared_subscriptions), (0, 0));
}

#[test]
fn only_sessions_whose_client_stayed_away_too_long_have_expired() {
    let mut net = Net::new();
    let client = net.v5("ends with its connection");
    net.bye(client);
    assert_eq!(counters(&net).sessions_expired, 0);
    let client =
        net.connect(dial(Version::V5, "c").resume().with(sealmq_mqtt::Property::SessionExpiryInterval(10)));
    net.drop_conn(client);
    net.pass(11);
    assert_eq!((counters(&net).sessions_expired, counters(&net).sessions), (1, 0));
}

/// A session that is away with 3 messages queued, and one that has 1 of 2 in flight unanswered.
#[test]
fn what_sessions_hold_is_counted_until_it_is_acknowledged_or_forgotten() {
    let mut net = Net::new();
    let away = net.connect(dial(Version::V5, "away").lasting());
    net.sub(away, "t", QoS::AtLeastOnce);
    net.drop_conn(away);
    let here = net.v5("here");
    net.sub(here, "t", QoS::AtLeastOnce);
    let publisher = net.v5("p");
    for id in 1..=3 {
        net.put(publisher, "t", "1234", QoS::AtLeastOnce, id);
    }
    assert_eq!((counters(&net).messages_held, counters(&net).held_bytes), (6, 24));
    for _ in 0..2 {
        let id = net.msg(here).id.unwrap();
        net.puback(here, id);
    }
    assert_eq!((counters(&net).messages_held, counters(&net).held_bytes), (4, 16));
    net.bye(here);
    assert_eq!((counters(&net).messages_held, counters(&net).held_bytes), (3, 12));
    // A clean start forgets what waited.
    let _away = net.connect(dial(Version::V5, "away"));
    assert_eq!((counters(&net).messages_held, counters(&net).held_bytes), (0, 0));
}

#[test]
fn messages_that_expire_while_they_wait_are_held_no_more() {
    use sealmq_mqtt::Property;
    let mut net = Net::with_limits(|limits| limits.queued_max = 2);
    let away = net.connect(dial(Version::V5, "away").lasting());
    net.sub(away, "t", QoS::AtLeastOnce);
    net.drop_conn(away);
    let publisher = net.v5("p");
    let brief = [Property::MessageExpiryInterval(1)];
    for id in 1..=2 {
        let publish = Pub {
            topic: "t",
            payload: b"12",
            qos: QoS::AtLeastOnce,
            id: Some(id),
            properties: &brief,
            ..Pub::default()
        };
        net.publish(publisher, publish);
    }
    net.pass(2);
    net.put(publisher, "t", "123", QoS::AtLeastOnce, 3);
    assert_eq!((counters(&net).messages_held, counters(&net).held_bytes), (1, 3));
}
