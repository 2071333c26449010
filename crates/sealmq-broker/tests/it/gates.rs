//! Durability: what is written down, and what waits for it.

use crate::harness::{Client, Net, What, dial};
use sealmq_broker::{ClientId, Commit, Durability, Input, Lane, Limits, Policy, Record, Stored};
use sealmq_mqtt::{QoS, Version};

fn gated(change: impl FnOnce(&mut Limits)) -> Net {
    let mut limits = Limits::default();
    change(&mut limits);
    Net::with(limits, Policy { durability: Durability::Gated, ..Policy::default() }, 1)
}

/// The gate of the next packet, which has to be a record of the kind.
#[track_caller]
fn gate(net: &mut Net, client: Client, is_it: fn(&Record) -> bool) -> What {
    let got = net.take_got(client);
    let gate = got.gate.expect("not gated");
    let (_, record) = net.records.iter().find(|(commit, _)| *commit == gate).unwrap();
    assert!(is_it(record), "{:?} waits for {record:?}", got.what);
    got.what
}

fn lasting(net: &mut Net, version: Version, id: &str) -> Client {
    let client = net.dial(dial(version, id).lasting());
    gate(net, client, |record| matches!(record, Record::Session { .. }));
    client
}

#[test]
fn answers_of_a_lasting_session_wait_for_their_records() {
    let mut net = gated(|_| {});
    let client = lasting(&mut net, Version::V5, "c");
    net.send_bytes(client, &[0x82, 7, 0, 1, 0, 0, 1, b't', 2]);
    gate(&mut net, client, |record| matches!(record, Record::Subscribed { .. }));
    let publisher = lasting(&mut net, Version::V5, "p");
    net.put(publisher, "t", "1", QoS::AtLeastOnce, 1);
    gate(&mut net, publisher, |record| matches!(record, Record::Accepted { .. }));
    assert_eq!(net.take_got(client).gate, None, "QoS 1 deliveries do not wait");
    net.put(publisher, "t", "2", QoS::ExactlyOnce, 2);
    gate(&mut net, publisher, |record| matches!(record, Record::Received { .. }));
    net.pubrel(publisher, 2);
    gate(&mut net, publisher, |record| matches!(record, Record::Routed { .. }));
    gate(&mut net, client, |record| matches!(record, Record::Started { packet_id: Some(_), .. }));
    net.pubrec(client, 2);
    assert_eq!(
        gate(&mut net, client, |record| matches!(record, Record::Released { .. })),
        What::PubRel(2, 0)
    );
    net.send_bytes(client, &[0xa2, 6, 0, 3, 0, 0, 1, b't']);
    gate(&mut net, client, |record| matches!(record, Record::Unsubscribed { .. }));
    let numbers: Vec<u64> = net.records.iter().map(|(commit, _)| commit.0).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn sessions_that_end_with_their_connection_and_qos_0_wait_for_nothing() {
    let mut net = gated(|_| {});
    let client = net.v5("c");
    net.sub(client, "t", QoS::AtMostOnce);
    net.say(client, "t", "x");
    assert_eq!(net.take_got(client).gate, None);
    assert!(net.records.is_empty(), "{:?}", net.records);
}

#[test]
fn without_durability_nothing_is_written_and_nothing_waits() {
    let mut net = Net::new();
    let client = net.connect(dial(Version::V5, "c").lasting());
    net.sub(client, "t", QoS::ExactlyOnce);
    net.put(client, "t", "x", QoS::ExactlyOnce, 1);
    net.pubrel(client, 1);
    let lanes = [Lane::Ack, Lane::Flow, Lane::Ack];
    for lane in lanes {
        let got = net.take_got(client);
        assert_eq!((got.lane, got.gate), (lane, None));
    }
    assert!(net.records.is_empty());
}

#[test]
fn acknowledgements_that_wait_count_against_receive_maximum_until_they_are_committed() {
    let mut net = gated(|limits| limits.inflight_max = 1);
    let client = lasting(&mut net, Version::V5, "c");
    let keeper = net.connect(dial(Version::V5, "keeper"));
    net.sub(keeper, "t", QoS::AtLeastOnce);
    net.put(client, "t", "1", QoS::AtLeastOnce, 1);
    let upto = net.take_got(client).gate.unwrap();
    net.input(0, Input::Committed { upto: Commit(upto.0 - 1) });
    net.input(0, Input::Committed { upto });
    net.put(client, "t", "2", QoS::AtLeastOnce, 2);
    assert_eq!(net.take(client), What::PubAck(2, 0));
    net.put(client, "t", "3", QoS::AtLeastOnce, 3);
    assert_eq!(net.take(client), What::Disconnect(0x93));
}

#[test]
fn a_queue_is_a_window_and_the_rest_is_fetched() {
    let mut net = gated(|limits| limits.queue_window = 4);
    let subscriber = lasting(&mut net, Version::V311, "s");
    net.send_bytes(subscriber, &[0x82, 6, 0, 1, 0, 1, b't', 1]);
    net.take(subscriber);
    net.drop_conn(subscriber);
    let publisher = net.v5("p");
    for number in 1..=10 {
        net.put(publisher, "t", &number.to_string(), QoS::AtLeastOnce, number);
    }
    let mut stored: std::collections::VecDeque<Stored> = net
        .records
        .iter()
        .filter_map(|(_, record)| match record {
            Record::Queued { message, delivery, .. } => {
                Some(Stored { message: message.clone(), delivery: delivery.clone() })
            }
            _ => None,
        })
        .collect();
    assert_eq!(stored.len(), 10);
    stored.drain(..4);
    assert_eq!(net.brokers[0].session_facts("s").unwrap().queued, 10);
    let subscriber = lasting(&mut net, Version::V311, "s");
    let mut seen = net.payloads(subscriber);
    while let Some((client, messages_max)) = net.fetches.pop() {
        assert_eq!(client, ClientId::parse("s").unwrap());
        assert!(messages_max <= 4);
        let messages = stored.drain(..messages_max.min(stored.len())).collect();
        net.input(0, Input::Fetched { client, messages });
        seen.extend(net.payloads(subscriber));
    }
    assert_eq!(seen, (1..=10).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(net.brokers[0].session_facts("s").unwrap().queued, 0);
}
