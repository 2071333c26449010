//! CONNECT and CONNACK.

use crate::harness::{Net, What, dial};
use sealmq_broker::{Assigned, Ending, Policy, Refusal, SessionOwner};
use sealmq_mqtt::{Property, QoS, Version};

/// [MQTT-3.1.2-28] [MQTT-3.1.2-29] [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.1.4-5] [MQTT311-3.1.4-4]
/// [MQTT-3.2.0-2] [MQTT311-3.2.0-1]
#[test]
fn connack_of_5_0_has_the_contracts_properties_in_its_order() {
    let mut net = Net::new();
    let client = net.dial(dial(Version::V5, "c"));
    // Topic Alias Maximum 10, Maximum Packet Size 2000000, Receive Maximum 20, nothing else.
    let expected = [0x20, 14, 0, 0, 11, 0x22, 0, 10, 0x27, 0x00, 0x1e, 0x84, 0x80, 0x21, 0, 20];
    assert_eq!(net.take_got(client).bytes, expected);
}

/// [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT311-3.1.3-6] [MQTT-3.2.2-9]
#[test]
fn connack_of_5_0_says_what_the_listener_lowers_and_what_we_chose() {
    let mut net = Net::with_policy(|policy| {
        policy.keep_alive_max_secs = Some(60);
        policy.retained = sealmq_broker::RetainedMessages::Unavailable;
    });
    let mut asked = dial(Version::V5, "auto-1").rules(|rules| rules.max_qos = QoS::AtLeastOnce);
    asked.assigned = Assigned::ByServer;
    asked.keep_alive = 100;
    let client = net.dial(asked);
    let mut expected = vec![0x20, 30, 0, 0, 27, 0x13, 0, 60, 0x22, 0, 10, 0x25, 0, 0x12, 0, 6];
    expected.extend(b"auto-1");
    expected.extend([0x27, 0x00, 0x1e, 0x84, 0x80, 0x21, 0, 20, 0x24, 1]);
    expected[1] = u8::try_from(expected.len() - 2).unwrap();
    expected[4] = u8::try_from(expected.len() - 5).unwrap();
    assert_eq!(net.take_got(client).bytes, expected);
}

/// [MQTT-3.1.3-5] [MQTT311-3.1.3-5] [MQTT-3.1.4-5] [MQTT311-3.1.4-4] [MQTT-3.2.0-2] [MQTT311-3.2.0-1]
#[test]
fn connack_of_3_1_1_is_four_bytes() {
    let mut net = Net::new();
    let client = net.dial(dial(Version::V311, "c"));
    assert_eq!(net.take_got(client).bytes, [0x20, 2, 0, 0]);
}

#[test]
fn keep_alive_above_the_maximum_is_refused_in_3_1_1_and_told_in_5_0() {
    let mut net = Net::with_policy(|policy| policy.keep_alive_max_secs = Some(60));
    for keep_alive in [61, 0] {
        let mut asked = dial(Version::V311, "c");
        asked.keep_alive = keep_alive;
        let client = net.dial(asked);
        assert_eq!(net.take(client), What::ConnAck { session_present: false, code: 2 });
        assert_eq!(net.ending(client), Some(&Ending::Refused(Refusal::KeepAlive)));
    }
    let mut asked = dial(Version::V311, "c");
    asked.keep_alive = 60;
    net.connect(asked);
}

#[test]
fn a_second_connect_of_another_protocol_ends_the_connection_and_nothing_else() {
    for second in [
        &b"\x10\x0e\x00\x04MQT.\x05\x02\x00\x00\x00\x00\x01a"[..],
        b"\x10\x0e\x00\x04MQTT\x07\x02\x00\x00\x00\x00\x01a",
    ] {
        let mut net = Net::new();
        let (client, other) = (net.v5("c"), net.v5("d"));
        net.send_garbage(client, second);
        // [MQTT-3.1.0-2]
        assert!(net.is_quiet(client));
        assert!(matches!(net.ending(client), Some(Ending::Malformed(_))));
        assert_eq!(net.ending(other), None);
    }
}

/// [MQTT311-3.1.0-2]
#[test]
fn a_second_connect_ends_the_connection() {
    let mut net = Net::new();
    let client = net.v5("c");
    net.send_bytes(client, &[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 0, 0, 1, b'c']);
    assert!(net.is_quiet(client));
    assert_eq!(net.ending(client), Some(&Ending::ProtocolError("a second CONNECT")));
}

#[test]
fn an_authentication_method_is_refused() {
    let mut net = Net::new();
    let client = net.dial(dial(Version::V5, "c").with(Property::AuthenticationMethod("SCRAM")));
    assert_eq!(net.take_got(client).bytes, [0x20, 3, 0, 0x8c, 0]);
}

/// [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-4.13.2-1] [MQTT311-3.2.2-5] [MQTT-3.14.0-1]
#[test]
fn a_session_of_another_identity_is_refused_where_sessions_are_bound() {
    for (version, code) in [(Version::V5, 0x87), (Version::V311, 5)] {
        let mut net = Net::with_policy(|policy: &mut Policy| policy.session_owner = SessionOwner::Bound);
        let mut mine = dial(version, "c");
        mine.owner = "mine".into();
        let first = net.connect(mine.clone());
        let mut theirs = dial(version, "c");
        theirs.owner = "theirs".into();
        let second = net.dial(theirs);
        assert_eq!(net.take(second), What::ConnAck { session_present: false, code });
        assert!(net.ending(first).is_none());
        // Its accepting twin: the same identity.
        net.connect(mine);
        assert_eq!(net.ending(first), Some(&Ending::TakenOver));
    }
}

#[test]
fn a_session_of_another_identity_is_taken_over_under_mosquittos_rule() {
    let mut net = Net::new();
    let first = net.v5("c");
    let mut theirs = dial(Version::V5, "c");
    theirs.owner = "theirs".into();
    net.connect(theirs);
    assert_eq!(net.take(first), What::Disconnect(0x8e));
}
