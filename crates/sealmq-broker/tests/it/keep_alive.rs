//! One and a half times the keep alive.

use crate::harness::{Net, What, dial};
use sealmq_broker::Ending;
use sealmq_mqtt::{Packet, Version};

/// [MQTT-3.2.2-22] [MQTT311-3.1.2-24]
#[test]
fn silence_of_one_and_a_half_times_the_keep_alive_ends_the_connection() {
    // [MQTT-3.1.2-22]
    let mut net = Net::new();
    let mut asked = dial(Version::V5, "c");
    asked.keep_alive = 10;
    let client = net.connect(asked);
    net.pass(14);
    assert!(net.ending(client).is_none());
    net.pass(1);
    assert!(net.is_quiet(client));
    assert_eq!(net.ending(client), Some(&Ending::KeepAliveTimeout));
}

/// [MQTT311-3.12.4-1]
#[test]
fn a_ping_is_answered_and_keeps_the_connection() {
    // [MQTT-3.12.4-1]
    let mut net = Net::new();
    let mut asked = dial(Version::V311, "c");
    asked.keep_alive = 10;
    let client = net.connect(asked);
    for _ in 0..5 {
        net.pass(14);
        net.send(client, Packet::PingReq);
        assert_eq!(net.take(client), What::PingResp);
    }
    net.pass(15);
    assert_eq!(net.ending(client), Some(&Ending::KeepAliveTimeout));
}

#[test]
fn keep_alive_0_never_ends_a_connection() {
    let mut net = Net::new();
    let client = net.v5("c");
    net.pass(1_000_000);
    assert!(net.ending(client).is_none());
}

#[test]
fn the_server_keep_alive_counts_where_it_is_lower() {
    // [MQTT-3.2.2-21]
    let mut net = Net::with_policy(|policy| policy.keep_alive_max_secs = Some(4));
    let client = net.v5("c");
    net.pass(6);
    assert_eq!(net.ending(client), Some(&Ending::KeepAliveTimeout));
}

#[test]
fn a_publisher_that_is_not_read_does_not_time_out() {
    let mut net = Net::new();
    let mut asked = dial(Version::V5, "c");
    asked.keep_alive = 10;
    let client = net.connect(asked);
    net.pass(14);
    net.input(0, sealmq_broker::Input::Held { conn: client.conn });
    net.pass(14);
    assert!(net.ending(client).is_none());
    net.pass(1);
    assert_eq!(net.ending(client), Some(&Ending::KeepAliveTimeout));
}
