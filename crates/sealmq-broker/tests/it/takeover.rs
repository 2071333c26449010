//! The same client id twice.

use crate::harness::{Net, What, dial};
use sealmq_broker::{Ending, ListenerId};
use sealmq_mqtt::{QoS, Version};

#[test]
fn the_older_connection_of_5_0_is_told_and_closed() {
    // [MQTT-3.1.4-3]
    let mut net = Net::new();
    let old = net.v5("c");
    let new = net.v5("c");
    assert_eq!(net.take(old), What::Disconnect(0x8e));
    assert_eq!(net.ending(old), Some(&Ending::TakenOver));
    assert!(net.ending(new).is_none());
}

#[test]
fn the_older_connection_of_3_1_1_is_closed_without_a_word() {
    // [MQTT311-3.1.4-2]
    let mut net = Net::new();
    let old = net.v3("c");
    net.v3("c");
    assert!(net.is_quiet(old));
    assert_eq!(net.ending(old), Some(&Ending::TakenOver));
}

/// [MQTT-4.1.0-1] [MQTT-3.1.3-2] [MQTT311-3.1.3-2]
#[test]
fn what_was_in_flight_goes_to_the_new_connection() {
    let mut net = Net::new();
    let old = net.connect(dial(Version::V311, "c").resume());
    net.sub(old, "t", QoS::AtLeastOnce);
    let publisher = net.v5("p");
    net.put(publisher, "t", "1", QoS::AtLeastOnce, 1);
    assert!(!net.msg(old).dup);
    let new = net.dial(dial(Version::V311, "c").resume());
    assert_eq!(net.take(new), What::ConnAck { session_present: true, code: 0 });
    assert!(net.msg(new).dup);
}

#[test]
fn packets_of_the_older_connection_count_no_more() {
    let mut net = Net::new();
    let old = net.v5("c");
    let new = net.v5("c");
    net.sub(new, "t", QoS::AtMostOnce);
    net.say(old, "t", "late");
    net.drop_conn(old);
    assert!(net.is_quiet(new));
    assert!(net.ending(new).is_none());
}

/// What waits for the other broker of a bridge is nobody else's, whoever knows its client id; and a bridge carries nobody
/// else's messages.
#[test]
fn the_session_of_a_bridge_is_the_bridges_alone() {
    let mut net = Net::new();
    let bridge = || {
        let mut dial =
            dial(Version::V5, "local.site").lasting().rules(|rules| rules.listener = ListenerId::BRIDGES);
        dial.owner = "bridge".into();
        dial
    };
    let stranger = dial(Version::V311, "local.site").resume();
    let squatter = net.connect(stranger.clone());
    net.sub(squatter, "secret", QoS::AtLeastOnce);
    let first = net.dial(bridge());
    assert_eq!(net.take(first), What::ConnAck { session_present: false, code: 0 });
    net.sub(first, "out", QoS::AtLeastOnce);
    let refused = net.dial(stranger);
    assert_eq!(net.take(refused), What::ConnAck { session_present: false, code: 5 });
    assert!(net.ending(first).is_none());
    let again = net.dial(bridge());
    assert_eq!(net.take(again), What::ConnAck { session_present: true, code: 0 });
}
