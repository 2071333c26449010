//! A client that comes again while its older connection is still there.

use std::io::Write;

use super::*;

/// How often: what is looked at first is the scheduler's choice.
const ROUNDS: usize = 100;
const CONF: &str = "listener PORT 127.0.0.1\nallow_anonymous true\n";

fn retained(topic: &str, payload: &str) -> Vec<u8> {
    let mut bytes = publish(topic, payload);
    bytes[0] |= 1;
    bytes
}

#[test]
fn what_a_client_published_before_it_closed_and_came_again_is_there() {
    let broker = Broker::plain(CONF);
    for round in 0..ROUNDS {
        let topic = format!("t/{round}");
        let mut first = broker.tcp();
        first.write_all(&connect("c", None)).unwrap();
        expect(&mut first, &ACCEPTED);
        let mut second = broker.tcp();
        // Both are on the way at the same time, the message first.
        first.write_all(&retained(&topic, "m")).unwrap();
        second.write_all(&connect("c", None)).unwrap();
        drop(first);
        expect(&mut second, &ACCEPTED);
        second.write_all(&subscribe(&topic)).unwrap();
        expect(&mut second, &[0x90, 3, 0, 1, 0]);
        expect(&mut second, &retained(&topic, "m"));
    }
}

#[test]
fn a_client_that_disconnects_and_comes_again_has_published_no_will() {
    let broker = Broker::plain(CONF);
    let mut watcher = broker.tcp();
    watcher.write_all(&connect("w", None)).unwrap();
    expect(&mut watcher, &ACCEPTED);
    watcher.write_all(&subscribe("will")).unwrap();
    expect(&mut watcher, &[0x90, 3, 0, 1, 0]);
    let mut with_will = packet(
        0x10,
        &[&text("MQTT")[..], &[4, 0b0110, 0, 60], &text("c"), &text("will"), &text("gone")].concat(),
    );
    for _ in 0..ROUNDS {
        let mut first = broker.tcp();
        first.write_all(&with_will).unwrap();
        expect(&mut first, &ACCEPTED);
        let mut second = broker.tcp();
        first.write_all(&[0xe0, 0]).unwrap();
        second.write_all(&with_will).unwrap();
        expect(&mut second, &ACCEPTED);
        second.write_all(&[0xe0, 0]).unwrap();
        rest(&mut second);
    }
    // The accepting twin: without DISCONNECT it is published, and it is the first that comes.
    with_will.splice(with_will.len() - 4.., *b"lost");
    let mut last = broker.tcp();
    last.write_all(&with_will).unwrap();
    expect(&mut last, &ACCEPTED);
    drop(last);
    expect(&mut watcher, &publish("will", "lost"));
}
