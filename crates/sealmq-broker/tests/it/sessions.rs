//! Clean start, session expiry, what a session keeps.

use crate::harness::{Net, What, dial};
use sealmq_broker::{Event, Millis};
use sealmq_mqtt::{Property, QoS, ReasonCode, Version};

fn present(net: &mut Net, asked: crate::harness::Dial) -> bool {
    let client = net.dial(asked);
    match net.take(client) {
        What::ConnAck { session_present, code: 0 } => session_present,
        other => panic!("{other:?}"),
    }
}

/// [MQTT311-3.1.4-3] [MQTT311-3.2.2-1] [MQTT311-3.2.2-2] [MQTT311-3.2.2-3] [MQTT311-4.1.0-1]
/// [MQTT311-4.1.0-2]
#[test]
fn clean_session_0_of_3_1_1_lasts_and_1_does_not() {
    // [MQTT311-3.1.2-4] [MQTT311-3.1.2-6]
    let mut net = Net::new();
    let first = net.connect(dial(Version::V311, "c").resume());
    net.drop_conn(first);
    assert!(present(&mut net, dial(Version::V311, "c").resume()));
    assert!(!present(&mut net, dial(Version::V311, "c")));
    assert!(!present(&mut net, dial(Version::V311, "c").resume()));
}

/// [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
/// [MQTT-3.1.2-23] [MQTT-4.1.0-2]
#[test]
fn session_expiry_of_5_0_ends_the_session_at_its_time() {
    // MQTT §3.1.2.11.2
    let asked = || dial(Version::V5, "c").resume().with(Property::SessionExpiryInterval(10));
    let mut net = Net::new();
    let client = net.connect(asked());
    net.drop_conn(client);
    net.pass(9);
    let client = net.dial(asked());
    assert_eq!(net.take(client), What::ConnAck { session_present: true, code: 0 });
    net.drop_conn(client);
    net.pass(10);
    assert!(net.events.iter().any(|event| matches!(event, Event::SessionEnded { .. })));
    assert!(!present(&mut net, asked()));
}

#[test]
fn without_session_expiry_a_session_of_5_0_ends_with_its_connection() {
    let mut net = Net::new();
    let client = net.connect(dial(Version::V5, "c").resume());
    net.sub(client, "t", QoS::AtLeastOnce);
    net.bye(client);
    assert_eq!(net.brokers[0].counters().sessions, 0);
    assert_eq!(net.brokers[0].counters().subscriptions, 0);
    assert!(net.tables.interest.lock().unwrap().is_empty());
}

#[test]
fn disconnect_can_change_the_expiry_but_not_from_nothing() {
    // MQTT §3.14.2.2.2
    let mut net = Net::new();
    let client = net.connect(dial(Version::V5, "c").lasting());
    net.disconnect(client, ReasonCode::Success, &[Property::SessionExpiryInterval(0)]);
    assert_eq!(net.brokers[0].counters().sessions, 0);
    let client = net.v5("c");
    net.disconnect(client, ReasonCode::Success, &[Property::SessionExpiryInterval(5)]);
    assert_eq!(net.take(client), What::Disconnect(0x82));
}

#[test]
fn persistent_client_expiration_ends_sessions_of_3_1_1() {
    let mut net =
        Net::with_policy(|policy| policy.persistent_client_expiration = Some(Millis::from_secs(3600)));
    let client = net.connect(dial(Version::V311, "c").resume());
    net.drop_conn(client);
    net.pass(3599);
    assert_eq!(net.brokers[0].counters().sessions, 1);
    net.pass(1);
    assert_eq!(net.brokers[0].counters().sessions, 0);
}

/// [MQTT311-3.1.2-5]
#[test]
fn messages_of_qos_1_and_2_wait_in_order_for_who_is_away_and_qos_0_does_not() {
    // [MQTT-4.5.0-1] [MQTT311-4.5.0-1]
    let mut net = Net::new();
    let client = net.connect(dial(Version::V5, "c").lasting());
    net.sub(client, "t", QoS::ExactlyOnce);
    net.drop_conn(client);
    let publisher = net.v5("p");
    net.put(publisher, "t", "1", QoS::AtLeastOnce, 1);
    net.say(publisher, "t", "lost");
    net.put(publisher, "t", "2", QoS::ExactlyOnce, 2);
    net.pubrel(publisher, 2);
    let client = net.connect(dial(Version::V5, "c").lasting());
    assert_eq!(net.payloads(client), ["1", "2"]);
}

#[test]
fn qos_0_waits_too_where_queue_qos0_messages_says_so() {
    let mut net = Net::with_policy(|policy| policy.offline_qos0 = sealmq_broker::OfflineQoS0::Queued);
    let client = net.connect(dial(Version::V5, "c").lasting());
    net.sub(client, "t", QoS::ExactlyOnce);
    net.drop_conn(client);
    let publisher = net.v5("p");
    net.say(publisher, "t", "kept");
    let client = net.connect(dial(Version::V5, "c").lasting());
    assert_eq!(net.payloads(client), ["kept"]);
}

#[test]
fn shutdown_tells_everyone_and_takes_nobody_on() {
    let mut net = Net::new();
    let (five, three) = (net.v5("five"), net.v3("three"));
    net.input(0, sealmq_broker::Input::Shutdown);
    assert_eq!(net.take(five), What::Disconnect(0x8b));
    assert!(net.is_quiet(three));
    for client in [five, three] {
        assert_eq!(net.ending(client), Some(&sealmq_broker::Ending::Shutdown));
    }
    let late = net.dial(dial(Version::V5, "late"));
    assert_eq!(net.take(late), What::ConnAck { session_present: false, code: 0x88 });
}
