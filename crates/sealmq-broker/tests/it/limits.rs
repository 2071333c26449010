//! Every bound, reached.

use crate::harness::{Client, Net, Pub, What, dial};
use sealmq_broker::{Ending, Event, Limits, Policy};
use sealmq_mqtt::{Property, QoS, SubscriptionOptions, Version};

fn away(net: &mut Net) -> Client {
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.drop_conn(subscriber);
    net.v5("p")
}

#[test]
fn inflight_bytes_max_holds_messages_back() {
    let mut net = Net::with_limits(|limits| limits.inflight_bytes_max = Some(10));
    let subscriber = net.v3("s");
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    let publisher = net.v5("p");
    net.put(publisher, "t", "more than ten bytes", QoS::AtLeastOnce, 1);
    net.put(publisher, "t", "2", QoS::AtLeastOnce, 2);
    assert_eq!(net.payloads(subscriber), ["more than ten bytes"], "one is always let through");
    net.puback(subscriber, 1);
    assert_eq!(net.payloads(subscriber), ["2"]);
}

#[test]
fn what_would_fit_does_not_overtake_what_waits_for_room() {
    let mut net = Net::with_limits(|limits| limits.inflight_bytes_max = Some(8));
    let subscriber = net.v3("s");
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    let publisher = net.v5("p");
    for (number, payload) in [(1, "1234"), (2, "too large"), (3, "3")] {
        net.put(publisher, "t", payload, QoS::AtLeastOnce, number);
    }
    // The message that reaches the bound passes it; nothing goes out until there is less in flight again.
    assert_eq!(net.payloads(subscriber), ["1234", "too large"]);
    net.puback(subscriber, 1);
    assert!(net.is_quiet(subscriber));
    net.puback(subscriber, 2);
    assert_eq!(net.payloads(subscriber), ["3"]);
}

#[test]
fn queued_max_drops_the_newest_and_says_so_once() {
    let mut net = Net::with_limits(|limits| limits.queued_max = 2);
    let publisher = away(&mut net);
    for number in 1..=5 {
        net.put(publisher, "t", &number.to_string(), QoS::AtLeastOnce, number);
    }
    let said = net.events.iter().filter(|event| matches!(event, Event::QueueFull { .. })).count();
    assert_eq!(said, 1);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    assert_eq!(net.payloads(subscriber), ["1", "2"]);
}

#[test]
fn queued_bytes_max_drops_what_does_not_fit() {
    let mut net = Net::with_limits(|limits| limits.queued_bytes_max = Some(8));
    let publisher = away(&mut net);
    net.put(publisher, "t", "1234", QoS::AtLeastOnce, 1);
    net.put(publisher, "t", "too much", QoS::AtLeastOnce, 2);
    net.put(publisher, "t", "5", QoS::AtLeastOnce, 3);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    // Payloads count, and the message that reaches the bound passes it: mosquitto's sums.
    assert_eq!(net.payloads(subscriber), ["1234", "too much"]);
}

#[test]
fn a_client_that_is_there_may_have_as_many_waiting_again_as_in_flight() {
    let mut net = Net::with_limits(|limits| (limits.queued_max, limits.inflight_max) = (2, 3));
    let subscriber = net.v3("s");
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    let publisher = net.v3("p");
    for number in 1..=20 {
        net.put(publisher, "t", &number.to_string(), QoS::AtLeastOnce, number);
    }
    let facts = net.brokers[0].session_facts("s").unwrap();
    assert_eq!((facts.in_flight, facts.queued), (3, 2 + 3));
}

/// [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT311-4.3.2-1] [MQTT311-4.3.3-1]
#[test]
fn packet_ids_count_what_was_meant_for_a_session_also_what_it_never_got() {
    // mosquitto's numbers, which clients do not need and suites compare.
    let mut net = Net::with_limits(|limits| limits.queued_max = 1);
    let publisher = away(&mut net);
    for number in 1..=3 {
        net.put(publisher, "t", &number.to_string(), QoS::AtLeastOnce, number);
    }
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    assert_eq!(net.msg(subscriber).id, Some(1));
    net.put(publisher, "t", "4", QoS::AtLeastOnce, 4);
    assert_eq!(net.msg(subscriber).id, Some(4));
}

#[test]
fn outgoing_bytes_max_drops_qos_0_for_who_does_not_read_and_nothing_else() {
    let mut net = Net::with_limits(|limits| limits.outgoing_bytes_max = 50);
    let slow = net.v3("slow");
    net.sub(slow, "t", QoS::AtLeastOnce);
    let publisher = net.v5("p");
    net.writes = false;
    for _ in 0..20 {
        net.say(publisher, "t", "ten bytes.");
    }
    assert_eq!(net.all(slow).len(), 4);
    net.put(publisher, "t", "kept", QoS::AtLeastOnce, 1);
    assert_eq!(net.payloads(slow), ["kept"]);
    let bytes = net.brokers[0].session_facts("slow").unwrap().unwritten;
    net.input(0, sealmq_broker::Input::Written { conn: slow.conn, bytes });
    net.say(publisher, "t", "again");
    assert_eq!(net.payloads(slow), ["again"]);
}

#[test]
fn incoming_qos2_bounds_end_a_connection_that_never_releases() {
    let mut net = Net::with_limits(|limits| limits.incoming_qos2_max = 2);
    let client = net.v3("c");
    for number in 1..=3 {
        assert!(net.ending(client).is_none());
        net.put(client, "t", "x", QoS::ExactlyOnce, number);
    }
    assert_eq!(net.ending(client), Some(&Ending::Limit("incoming_qos2_max")));
    let mut net = Net::with_limits(|limits| limits.incoming_qos2_bytes_max = 10);
    let client = net.v5("c");
    net.put(client, "t", "123456789", QoS::ExactlyOnce, 1);
    net.put(client, "t", "123456789", QoS::ExactlyOnce, 1);
    assert!(net.ending(client).is_none(), "a repetition takes no room");
    net.put(client, "t", "1", QoS::ExactlyOnce, 2);
    assert_eq!(net.ending(client), Some(&Ending::Limit("incoming_qos2_bytes_max")));
}

/// [MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT311-3.8.4-1] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1] [MQTT-3.8.4-5]
/// [MQTT311-3.8.4-4]
#[test]
fn subscription_bounds_refuse_the_next_filter() {
    for change in [
        (|limits: &mut sealmq_broker::Limits| limits.subscriptions_max = 2) as fn(&mut sealmq_broker::Limits),
        |limits| limits.subscription_bytes_max = 2,
    ] {
        let mut net = Net::with_limits(change);
        let (five, three) = (net.v5("five"), net.v3("three"));
        for (client, code) in [(five, 0x97), (three, 0x80)] {
            let options = SubscriptionOptions::new(QoS::AtMostOnce);
            assert_eq!(net.subscribe(client, "a", options), [0]);
            assert_eq!(net.subscribe(client, "b", options), [0]);
            assert_eq!(net.subscribe(client, "c", options), [code]);
            assert_eq!(net.subscribe(client, "b", options), [0], "one it has can be renewed");
            net.unsubscribe(client, "a");
            assert_eq!(net.subscribe(client, "c", options), [0]);
        }
    }
}

#[test]
fn sessions_max_refuses_the_next_session_but_not_one_that_exists() {
    let mut net = Net::with_limits(|limits| limits.sessions_max = 1);
    let first = net.connect(dial(Version::V5, "first").lasting());
    net.drop_conn(first);
    let second = net.dial(dial(Version::V5, "second"));
    assert_eq!(net.take(second), What::ConnAck { session_present: false, code: 0x89 });
    // mosquitto tells a 3.x client nothing.
    let second = net.dial(dial(Version::V311, "second"));
    assert!(net.is_quiet(second) && net.ending(second).is_some());
    net.connect(dial(Version::V5, "first").lasting());
}

fn three_shards_with_two_places() -> Net {
    Net::with(Limits { sessions_max: 2, ..Limits::default() }, Policy::default(), 3)
}

#[test]
fn sessions_max_counts_for_all_shards_and_a_place_comes_back_with_its_sessions_end() {
    let mut net = three_shards_with_two_places();
    let away = net.connect_on(0, dial(Version::V5, "away").lasting());
    net.drop_conn(away);
    let there = net.connect_on(1, dial(Version::V5, "there"));
    let third = net.dial_on(2, dial(Version::V5, "third"));
    assert_eq!(net.take(third), What::ConnAck { session_present: false, code: 0x89 });
    net.bye(there);
    net.connect_on(2, dial(Version::V5, "third"));
    assert_eq!(net.tables.places.taken(), 2);
}

#[test]
fn who_begins_anew_keeps_its_place_also_while_its_last_connection_stands() {
    let mut net = three_shards_with_two_places();
    net.connect_on(0, dial(Version::V5, "a").lasting());
    net.connect_on(1, dial(Version::V5, "b"));
    for _ in 0..3 {
        net.connect_on(0, dial(Version::V5, "a"));
        net.connect_on(1, dial(Version::V311, "b"));
        assert_eq!(net.tables.places.taken(), 2);
    }
    let third = net.dial_on(2, dial(Version::V5, "third"));
    assert_eq!(net.take(third), What::ConnAck { session_present: false, code: 0x89 });
}

#[test]
fn a_connect_that_is_refused_for_another_reason_takes_no_place() {
    let mut net = three_shards_with_two_places();
    for _ in 0..3 {
        let refused = net.dial(dial(Version::V5, "a").will("$CONTROL/x", "w"));
        assert!(net.ending(refused).is_some());
    }
    assert_eq!(net.tables.places.taken(), 0);
}

#[test]
fn a_payload_above_message_size_limit_is_answered_and_dropped() {
    let mut net = Net::with_limits(|limits| limits.payload_bytes_max = Some(3));
    let (five, three, subscriber) = (net.v5("five"), net.v3("three"), net.v3("s"));
    net.sub(subscriber, "t", QoS::AtMostOnce);
    net.put(five, "t", "1234", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(five), What::PubAck(1, 0x95));
    net.put(five, "t", "1234", QoS::ExactlyOnce, 2);
    assert_eq!(net.take(five), What::PubRec(2, 0x95));
    net.put(three, "t", "1234", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(three), What::PubAck(1, 0));
    net.say(three, "t", "1234");
    assert!(net.is_quiet(subscriber) && net.ending(three).is_none());
    net.say(three, "t", "123");
    assert_eq!(net.payloads(subscriber), ["123"]);
}

#[test]
fn shared_members_max_refuses_the_next_member() {
    let mut net = Net::with_limits(|limits| limits.shared_members_max = 1);
    let (one, two) = (net.v5("one"), net.v3("two"));
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    assert_eq!(net.subscribe(one, "$share/g/t", options), [0]);
    assert_eq!(net.subscribe(one, "$share/g/t", options), [0]);
    assert_eq!(net.subscribe(two, "$share/g/t", options), [0x80]);
    net.bye(one);
    assert_eq!(net.subscribe(two, "$share/g/t", options), [0]);
}

#[test]
fn retained_bounds_keep_what_is_there_and_say_so() {
    for (change, what) in [
        (
            (|limits: &mut sealmq_broker::Limits| limits.retained_max = 1) as fn(&mut sealmq_broker::Limits),
            "retained_max",
        ),
        // Two levels do not fit: what the tree takes counts.
        (|limits| limits.retained_bytes_max = 100, "retained_bytes_max"),
    ] {
        let mut net = Net::with_limits(change);
        let publisher = net.v3("p");
        net.retain(publisher, "a", "1");
        net.retain(publisher, "b", "12");
        assert!(
            net.events
                .iter()
                .any(|event| matches!(event, Event::RetainedFull { what: said, .. } if *said == what))
        );
        net.retain(publisher, "a", "2");
        let subscriber = net.v3("s");
        net.sub(subscriber, "#", QoS::AtMostOnce);
        assert_eq!(net.payloads(subscriber), ["2"]);
    }
}

#[test]
fn aliases_are_bounded_by_the_listeners_maximum() {
    let mut net = Net::new();
    let client = net.connect(dial(Version::V5, "c").rules(|rules| rules.topic_alias_max = 0));
    let properties = [Property::TopicAlias(std::num::NonZeroU16::MIN)];
    net.publish(client, Pub { topic: "t", properties: &properties, ..Pub::default() });
    assert_eq!(net.take(client), What::Disconnect(0x94));
}

#[test]
fn timers_are_bounded_by_sessions() {
    let mut net = Net::new();
    for _ in 0..100 {
        let mut asked = dial(Version::V5, "c").lasting().will("w", "x").will_delay(1000);
        asked.keep_alive = 60;
        asked.properties = vec![Property::SessionExpiryInterval(5000)];
        let client = net.connect(asked);
        net.drop_conn(client);
    }
    // Will and session end of the one session; nothing of its hundred connections.
    assert_eq!(net.brokers[0].timers(), 2);
}

#[test]
fn retained_given_max_bounds_what_one_subscribe_costs() {
    let mut net = Net::with_limits(|limits| limits.retained_given_max = 2);
    let publisher = net.v3("p");
    net.retain(publisher, "a", "a");
    net.retain(publisher, "b", "b");
    let subscriber = net.v3("s");
    // `#`, `+` and `a` in one packet: the first reaches the bound.
    net.send_bytes(subscriber, &[0x82, 14, 0, 1, 0, 1, b'#', 0, 0, 1, b'+', 0, 0, 1, b'a', 0]);
    assert_eq!(net.payloads(subscriber), ["a", "b"]);
    assert!(net.events.iter().any(|event| matches!(event, Event::RetainedHeldBack { .. })));
    // The next packet has its own bound.
    net.sub(subscriber, "a", QoS::AtMostOnce);
    assert_eq!(net.payloads(subscriber), ["a"]);
}
