//! The end of a broker, and of a connection.

use std::io::Write;

use super::*;

#[test]
fn clients_of_5_0_are_told_that_the_broker_stops() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.write_all(&connect_of(5, "c", None)).unwrap();
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    let mut body = vec![0; usize::from(head[1])];
    client.read_exact(&mut body).unwrap();
    assert_eq!((head[0], body[1]), (0x20, 0));
    let log = broker.stop();
    let last = rest(&mut client);
    assert_eq!((last[0], last[2]), (0xe0, 0x8b));
    assert!(log.contains("disconnected: the broker stops"), "{log}");
}

/// [MQTT311-4.8.0-2]
#[test]
fn a_malformed_packet_ends_only_its_own_connection() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut other = broker.tcp();
    other.write_all(&connect("o", None)).unwrap();
    expect(&mut other, &ACCEPTED);
    let mut client = broker.tcp();
    client.write_all(&[connect("c", None), vec![0xf3, 0]].concat()).unwrap();
    assert_eq!(rest(&mut client), ACCEPTED);
    other.write_all(&[0xc0, 0]).unwrap();
    expect(&mut other, &[0xd0, 0]);
}
