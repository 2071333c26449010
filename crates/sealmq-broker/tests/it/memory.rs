//! `memory_limit`: what is counted, what is refused at the limit, and that nothing stays counted.

use crate::harness::{Client, Net, What, dial};
use sealmq_broker::{Event, Input, Limits, Policy};
use sealmq_mqtt::{QoS, SubscriptionOptions, Version};

const MAX: usize = 200_000;
/// By how much one packet may pass the limit: what stands beside its payload.
const SLACK: usize = 2_000;

fn limits(max: usize) -> Limits {
    Limits { heap_bytes_max: Some(max), queued_max: usize::MAX, ..Limits::default() }
}

fn net() -> Net {
    Net::with(limits(MAX), Policy::default(), 2)
}

fn payload(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// A client away that everything published to `t` waits for.
fn away(net: &mut Net, shard: usize, id: &str) {
    let subscriber = net.connect_on(shard, dial(Version::V5, id).lasting());
    net.sub(subscriber, "t", QoS::AtLeastOnce);
    net.drop_conn(subscriber);
}

/// Publishes until it is refused; says how many were taken.
fn fill(net: &mut Net, publisher: Client) -> usize {
    let payload = payload(5_000);
    for number in 0..100 {
        net.put(publisher, "t", &payload, QoS::AtLeastOnce, 1);
        match net.take(publisher) {
            What::PubAck(1, 0) => {}
            What::PubAck(1, 0x97) => return number,
            other => panic!("{other:?}"),
        }
    }
    panic!("the limit is never reached")
}

#[test]
fn the_limit_is_reached_and_not_passed_and_what_was_acknowledged_is_delivered() {
    let mut net = net();
    away(&mut net, 1, "away");
    let publisher = net.v5("p");
    let taken = fill(&mut net, publisher);
    let held = net.tables.heap.held();
    assert!(held > MAX - 5_000 - SLACK && held <= MAX + SLACK, "{held}");
    // Who is known comes back, and takes what waits; then there is room again.
    let back = net.connect_on(1, dial(Version::V5, "away").lasting());
    for number in 0..taken {
        let message = net.msg(back);
        assert_eq!(message.payload.len(), 5_000, "message {number}");
        net.puback(back, message.id.unwrap());
    }
    net.put(publisher, "t", "again", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(publisher), What::PubAck(1, 0));
    assert_eq!(net.payloads(back), ["again"]);
}

#[test]
fn at_the_limit_nothing_untaken_is_acknowledged_to_anybody() {
    let mut net = net();
    away(&mut net, 1, "away");
    let (five, three) = (net.v5("five"), net.v3("three"));
    fill(&mut net, five);
    let large = payload(5_000);
    net.put(five, "t", &large, QoS::ExactlyOnce, 2);
    assert_eq!(net.take(five), What::PubRec(2, 0x97));
    net.say(five, "t", &large);
    net.say(three, "t", &large);
    assert!(net.is_quiet(five) && net.is_quiet(three));
    assert!(net.ending(five).is_none() && net.ending(three).is_none());
    // A client of 3.x cannot be told; it keeps the message and comes again.
    net.put(three, "t", &large, QoS::AtLeastOnce, 1);
    assert!(net.is_quiet(three) && net.ending(three).is_some());
}

#[test]
fn at_the_limit_no_session_no_will_and_no_subscription_is_added() {
    let mut net = net();
    away(&mut net, 1, "away");
    let publisher = net.v5("p");
    let options = SubscriptionOptions::new(QoS::AtMostOnce);
    assert_eq!(net.subscribe(publisher, "before", options), [0]);
    fill(&mut net, publisher);
    let newcomer = net.dial(dial(Version::V5, "new"));
    assert_eq!(net.take(newcomer), What::ConnAck { session_present: false, code: 0x97 });
    let newcomer = net.dial(dial(Version::V311, "new"));
    assert_eq!(net.take(newcomer), What::ConnAck { session_present: false, code: 3 });
    let with_will = net.dial_on(1, dial(Version::V5, "away").lasting().will("w", "x"));
    assert_eq!(net.take(with_will), What::ConnAck { session_present: false, code: 0x97 });
    let large = format!("{}#", "a/".repeat(100));
    assert_eq!(net.subscribe(publisher, &large, options), [0x97]);
    assert_eq!(net.subscribe(publisher, "before", options), [0], "it is there already");
    // A limit that is raised counts at once.
    net.input(0, Input::Limits(limits(2 * MAX)));
    net.connect(dial(Version::V5, "new"));
    assert_eq!(net.subscribe(publisher, &large, options), [0]);
}

#[test]
fn it_is_said_once_until_there_is_room_again() {
    let mut net = net();
    away(&mut net, 0, "away");
    let publisher = net.v5("p");
    let said =
        |net: &Net| net.events.iter().filter(|event| matches!(event, Event::MemoryFull { .. })).count();
    fill(&mut net, publisher);
    fill(&mut net, publisher);
    assert_eq!(said(&net), 1);
    net.connect(dial(Version::V5, "away"));
    away(&mut net, 0, "away");
    fill(&mut net, publisher);
    assert_eq!(said(&net), 2);
}

#[test]
fn a_payload_counts_once_however_many_wait_for_it() {
    let mut net = Net::with(limits(10_000_000), Policy::default(), 2);
    for number in 0..10 {
        away(&mut net, number % 2, &format!("away-{number}"));
    }
    let publisher = net.v5("p");
    let before = net.tables.heap.held();
    net.put(publisher, "t", &payload(50_000), QoS::AtLeastOnce, 1);
    let more = net.tables.heap.held() - before;
    assert!((50_000..50_000 + 2 * SLACK).contains(&more), "{more}");
}

#[test]
fn when_everything_has_ended_nothing_is_counted() {
    let mut net = Net::with(limits(10_000_000), Policy::default(), 2);
    away(&mut net, 0, "away");
    away(&mut net, 1, "far");
    let will = dial(Version::V5, "mortal").will("t", "gone");
    let (mortal, publisher) = (net.connect(will), net.v3("p"));
    net.sub(publisher, "$share/g/t", QoS::ExactlyOnce);
    net.sub(publisher, "t/+/x", QoS::ExactlyOnce);
    net.say(publisher, "t", "m");
    net.put(publisher, "t", "m", QoS::AtLeastOnce, 1);
    net.put(publisher, "t", "m", QoS::ExactlyOnce, 2);
    net.retain(publisher, "t/kept/x", "kept");
    net.drop_conn(mortal);
    assert!(net.tables.heap.held() > 0);
    net.retain(publisher, "t/kept/x", "");
    net.bye(publisher);
    for (shard, id) in [(0, "away"), (1, "far")] {
        let last = net.connect_on(shard, dial(Version::V5, id));
        net.bye(last);
    }
    assert_eq!(net.tables.heap.held(), 0);
}
