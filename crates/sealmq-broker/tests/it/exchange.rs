//! Mailboxes and outboxes.

use sealmq_broker::{
    Exchange, Forward, Live, Mailbox, Marks, Message, Mono, Now, Reading, Retain, ShardId, Wall,
};
use sealmq_mqtt::{ForwardedProperties, QoS};
use std::sync::Arc;

fn shard(number: usize) -> ShardId {
    ShardId::new(number).unwrap()
}

fn forward(sequence: u64) -> Forward {
    let message = Arc::new(Message {
        origin: shard(0),
        sequence,
        topic: "t".into(),
        payload: bytes::Bytes::new(),
        properties: ForwardedProperties::default(),
        qos: QoS::AtLeastOnce,
        retain: Retain::Live,
        received: Now { mono: Mono(0), wall: Wall(0) },
        expiry_secs: None,
        source: None,
    });
    Forward { message, retained: None, live: Live::Subscribers, picks: Vec::new() }
}

#[test]
fn a_full_mailbox_leaves_the_rest_in_the_outbox_in_order() {
    let marks = Marks::new(2, 1).unwrap();
    let mut exchange = Exchange::new(shard(0), 2, marks);
    let mut mailbox = Mailbox::new(marks);
    (1..=5).for_each(|sequence| exchange.push(shard(1), forward(sequence)));
    let mut seen = Vec::new();
    while seen.len() < 5 {
        exchange.drain_into(shard(1), &mut mailbox);
        assert!(mailbox.len() <= 2);
        seen.push(mailbox.take().unwrap().forward.message.sequence);
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert_eq!(exchange.waiting(shard(1)), 0);
}

#[test]
fn publishers_are_held_from_the_high_mark_to_the_low_one() {
    let marks = Marks::new(3, 1).unwrap();
    let mut exchange = Exchange::new(shard(0), 3, marks);
    let mut mailbox = Mailbox::new(marks);
    (1..=3).for_each(|sequence| exchange.push(shard(2), forward(sequence)));
    assert_eq!(exchange.reading(), Reading::Everything);
    (4..=8).for_each(|sequence| exchange.push(shard(2), forward(sequence)));
    assert_eq!(exchange.reading(), Reading::HoldPublishers);
    exchange.drain_into(shard(2), &mut mailbox);
    assert_eq!(exchange.waiting(shard(2)), 5);
    assert_eq!(exchange.reading(), Reading::HoldPublishers);
    while mailbox.take().is_some() {}
    exchange.drain_into(shard(2), &mut mailbox);
    assert_eq!((exchange.waiting(shard(2)), exchange.reading()), (2, Reading::HoldPublishers));
    while mailbox.take().is_some() {}
    exchange.drain_into(shard(2), &mut mailbox);
    assert_eq!(exchange.reading(), Reading::Everything);
}

#[test]
fn a_bound_of_one_works() {
    let marks = Marks::new(1, 0).unwrap();
    let mut exchange = Exchange::new(shard(0), 2, marks);
    let mut mailbox = Mailbox::new(marks);
    exchange.push(shard(1), forward(1));
    exchange.push(shard(1), forward(2));
    assert_eq!(exchange.reading(), Reading::HoldPublishers);
    assert_eq!(exchange.drain_into(shard(1), &mut mailbox), 1);
    assert_eq!(exchange.drain_into(shard(1), &mut mailbox), 0);
    assert_eq!(mailbox.take().unwrap().from, shard(0));
    assert_eq!(exchange.peers_waiting().collect::<Vec<_>>(), [shard(1)]);
    assert_eq!(exchange.drain_into(shard(1), &mut mailbox), 1);
    assert_eq!(exchange.reading(), Reading::Everything);
}

#[test]
fn marks_without_distance_are_none() {
    assert!(Marks::new(1, 1).is_none());
    assert!(Marks::new(0, 0).is_none());
}
