//! What a reload replaces while clients are there: bounds hold from then on, what was announced holds until the end.

use crate::harness::{Net, What, dial};
use sealmq_broker::{Ending, Event, Input, Limits};
use sealmq_mqtt::{QoS, Version};

fn with(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[test]
fn a_lower_message_size_limit_holds_for_who_is_there() {
    let mut net = Net::new();
    let client = net.v5("c");
    net.put(client, "t", "1234", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(client), What::PubAck(1, 0x10));
    net.input(0, Input::Limits(with(|limits| limits.payload_bytes_max = Some(3))));
    net.put(client, "t", "1234", QoS::AtLeastOnce, 2);
    assert_eq!(net.take(client), What::PubAck(2, 0x95));
    net.put(client, "t", "123", QoS::AtLeastOnce, 3);
    assert_eq!(net.take(client), What::PubAck(3, 0x10));
}

#[test]
fn a_queue_above_a_lower_bound_keeps_what_it_has_and_takes_nothing_more() {
    let mut net = Net::new();
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.drop_conn(subscriber);
    let publisher = net.v5("p");
    for number in 1..=3 {
        net.put(publisher, "t", &number.to_string(), QoS::AtLeastOnce, number);
    }
    net.input(0, Input::Limits(with(|limits| limits.queued_max = 2)));
    net.put(publisher, "t", "4", QoS::AtLeastOnce, 4);
    assert!(net.events.iter().any(|event| matches!(event, Event::QueueFull { .. })));
    net.input(0, Input::Limits(with(|limits| limits.queued_max = 4)));
    net.put(publisher, "t", "5", QoS::AtLeastOnce, 5);
    let subscriber = net.connect(dial(Version::V5, "s").lasting());
    assert_eq!(net.payloads(subscriber), ["1", "2", "3", "5"]);
}

#[test]
fn a_lower_sessions_max_ends_nobody_and_refuses_the_next() {
    let mut net = Net::new();
    let (one, two) = (net.v5("one"), net.v5("two"));
    net.input(0, Input::Limits(with(|limits| limits.sessions_max = 1)));
    assert!(net.ending(one).is_none() && net.ending(two).is_none());
    let third = net.dial(dial(Version::V5, "three"));
    assert_eq!(net.take(third), What::ConnAck { session_present: false, code: 0x89 });
    net.bye(one);
    net.bye(two);
    net.v5("three");
}

/// A client that keeps to what its CONNACK said is not ended for it; the next one is told the new bound.
#[test]
fn the_receive_maximum_that_connack_announced_holds_until_the_connection_ends() {
    let mut net = Net::new();
    let early = net.v5("early");
    net.input(0, Input::Limits(with(|limits| limits.inflight_max = 1)));
    let late = net.v5("late");
    for client in [early, late] {
        for number in 1..=2 {
            net.put(client, "t", "x", QoS::ExactlyOnce, number);
        }
    }
    assert!(net.ending(early).is_none());
    assert!(matches!(net.ending(late), Some(Ending::ProtocolError(_))), "{:?}", net.ending(late));
}

/// The same towards a client: what it may have in flight was settled when it came.
#[test]
fn what_may_be_in_flight_towards_a_client_is_settled_when_it_connects() {
    let mut net = Net::new();
    let early = net.v3("early");
    net.sub(early, "t", QoS::AtLeastOnce);
    net.input(0, Input::Limits(with(|limits| limits.inflight_max = 1)));
    let late = net.v3("late");
    net.sub(late, "t", QoS::AtLeastOnce);
    let publisher = net.v5("p");
    for number in 1..=2 {
        net.put(publisher, "t", &number.to_string(), QoS::AtLeastOnce, number);
        net.all(publisher);
    }
    assert_eq!(net.payloads(early), ["1", "2"]);
    assert_eq!(net.payloads(late), ["1"]);
    net.puback(late, 1);
    assert_eq!(net.payloads(late), ["2"]);
}
