//! Keys of the configuration that the server itself makes true, each seen from outside.

use std::io::Write;

use super::*;

/// What a client that subscribes to `filter` is given until `topic` comes: its payload.
fn retained(broker: &Broker, filter: &str, topic: &str) -> String {
    let mut client = broker.tcp();
    client.write_all(&connect("watcher", None)).unwrap();
    expect(&mut client, &ACCEPTED);
    client.write_all(&subscribe(filter)).unwrap();
    expect(&mut client, &[0x90, 3, 0, 1, 0]);
    loop {
        let mut header = [0; 2];
        client.read_exact(&mut header).unwrap();
        assert_eq!(header[0] & 0xf0, 0x30, "no PUBLISH but {header:02x?}");
        let mut body = vec![0; usize::from(header[1])];
        client.read_exact(&mut body).unwrap();
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        if &body[2..2 + length] == topic.as_bytes() {
            return String::from_utf8(body[2 + length..].to_vec()).unwrap();
        }
    }
}

const OPEN: &str = "listener PORT 127.0.0.1\nallow_anonymous true\n";

#[test]
fn the_broker_tells_about_itself_every_sys_interval() {
    let broker = Broker::plain(&format!("{OPEN}sys_interval 1\n"));
    let version = retained(&broker, "$SYS/broker/version", "$SYS/broker/version");
    assert!(version.starts_with("sealmq version "), "{version}");
    // The watcher itself is counted as soon as the next second has passed.
    let mut client = broker.tcp();
    client.write_all(&connect("counted", None)).unwrap();
    expect(&mut client, &ACCEPTED);
    // The topics of one second are published one after the other: each is waited for by itself.
    for topic in ["$SYS/broker/clients/connected", "$SYS/broker/messages/received"] {
        let by = std::time::Instant::now() + PATIENCE;
        while retained(&broker, "$SYS/#", topic) == "0" {
            assert!(std::time::Instant::now() < by, "{topic} stays 0");
        }
    }
}

#[test]
fn sys_interval_0_tells_nothing() {
    let broker = Broker::plain(&format!("{OPEN}sys_interval 0\n"));
    let mut client = broker.tcp();
    client.write_all(&connect("watcher", None)).unwrap();
    client.write_all(&subscribe("$SYS/#")).unwrap();
    client.write_all(&[0xc0, 0]).unwrap();
    expect(&mut client, &ACCEPTED);
    expect(&mut client, &[0x90, 3, 0, 1, 0, 0xd0, 0]);
}
