//! Wills. MQTT §3.1.2.5

use crate::harness::{Client, Dial, Net, What, dial};
use sealmq_broker::{Access, Acl, AclEntry, AclRules, AclUser, Policy};
use sealmq_mqtt::{Property, QoS, ReasonCode, Version};
use std::sync::Arc;

fn watcher(net: &mut Net) -> Client {
    let watcher = net.v5("watcher");
    net.sub(watcher, "will", QoS::AtMostOnce);
    watcher
}

fn lasting(secs: u32) -> Dial {
    dial(Version::V5, "c").will("will", "gone").with(Property::SessionExpiryInterval(secs))
}

/// [MQTT-3.1.2-7] [MQTT-3.1.2-10] [MQTT311-3.1.2-10] [MQTT311-3.1.2-12] [MQTT-3.1.2-14] [MQTT311-3.1.2-16]
#[test]
fn a_lost_connection_publishes_the_will_and_disconnect_takes_it_back() {
    // [MQTT-3.1.2-8] [MQTT-3.14.4-3] [MQTT311-3.1.2-8] [MQTT311-3.14.4-3]
    for version in [Version::V311, Version::V5] {
        let mut net = Net::new();
        let watcher = watcher(&mut net);
        let client = net.connect(dial(version, "c").will("will", "gone"));
        net.bye(client);
        assert!(net.is_quiet(watcher));
        let client = net.connect(dial(version, "c").will("will", "gone"));
        net.drop_conn(client);
        assert_eq!(net.payloads(watcher), ["gone"]);
    }
}

#[test]
fn disconnect_with_will_keeps_it() {
    let mut net = Net::new();
    let watcher = watcher(&mut net);
    let client = net.connect(dial(Version::V5, "c").will("will", "gone"));
    net.disconnect(client, ReasonCode::DisconnectWithWillMessage, &[]);
    assert_eq!(net.payloads(watcher), ["gone"]);
}

#[test]
fn keep_alive_protocol_errors_and_take_over_publish_it_too() {
    let mut net = Net::new();
    let watcher = watcher(&mut net);
    let mut silent = dial(Version::V311, "silent").will("will", "silence");
    silent.keep_alive = 1;
    net.connect(silent);
    net.pass(2);
    let wrong = net.connect(dial(Version::V5, "wrong").will("will", "error"));
    net.send_bytes(wrong, &[0xff, 0]);
    let taken = dial(Version::V311, "taken").will("will", "taken over");
    net.connect(taken.clone());
    net.connect(taken);
    assert_eq!(net.payloads(watcher), ["silence", "error", "taken over"]);
}

#[test]
fn a_delayed_will_waits_and_a_client_that_comes_back_takes_it_back() {
    // [MQTT-3.1.3-9]
    let mut net = Net::new();
    let watcher = watcher(&mut net);
    let client = net.connect(lasting(100).will_delay(10));
    net.drop_conn(client);
    net.pass(9);
    assert!(net.is_quiet(watcher));
    let client = net.connect(lasting(100).will_delay(10).resume());
    net.pass(100);
    assert!(net.is_quiet(watcher));
    net.drop_conn(client);
    net.pass(10);
    assert_eq!(net.payloads(watcher), ["gone"]);
}

#[test]
fn the_end_of_the_session_cuts_the_delay_short() {
    // [MQTT-3.1.3-9]
    let mut net = Net::new();
    let watcher = watcher(&mut net);
    let client = net.connect(lasting(5).will_delay(10));
    net.drop_conn(client);
    net.pass(5);
    assert_eq!(net.payloads(watcher), ["gone"]);
}

#[test]
fn a_delayed_will_of_a_session_that_ends_at_once_waits_all_the_same() {
    // mosquitto's reading of MQTT §3.1.3.2.2.
    let mut net = Net::new();
    let watcher = watcher(&mut net);
    let client = net.connect(lasting(0).will_delay(10));
    net.sub(client, "t", QoS::AtLeastOnce);
    net.drop_conn(client);
    net.pass(9);
    assert!(net.is_quiet(watcher));
    assert_eq!(net.brokers[0].session_facts("c").unwrap().subscriptions, 0);
    net.pass(1);
    assert_eq!(net.payloads(watcher), ["gone"]);
    assert!(net.brokers[0].session_facts("c").is_none());
}

#[test]
fn a_client_that_comes_back_takes_a_delayed_will_back_also_with_a_clean_start() {
    let mut net = Net::new();
    let watcher = watcher(&mut net);
    for (expiry, again) in [(100, lasting(100)), (0, lasting(0).resume()), (100, lasting(100).resume())] {
        let client = net.connect(lasting(expiry).will_delay(10));
        net.drop_conn(client);
        let client = net.connect(Dial { will: None, ..again });
        net.pass(20);
        assert!(net.is_quiet(watcher), "session expiry {expiry}");
        net.bye(client);
    }
}

#[test]
fn a_take_over_publishes_the_will_only_of_a_session_that_ends() {
    let mut net = Net::new();
    let watcher = watcher(&mut net);
    for version in [Version::V311, Version::V5] {
        let clean = || dial(version, "c");
        let kept = || if version.is_v5() { lasting(60).resume() } else { dial(version, "c").resume() };
        for (old, new, published) in [
            (clean(), clean(), true),
            (clean(), kept(), true),
            (kept(), clean(), true),
            (kept(), kept(), false),
        ] {
            let old = net.connect(Dial { will: None, ..old }.will("will", "gone"));
            let new = net.connect(Dial { will: None, ..new });
            assert!(net.ending(old).is_some());
            assert_eq!(net.payloads(watcher), if published { vec!["gone"] } else { vec![] }, "{version}");
            net.bye(new);
            let last = net.connect(dial(version, "c"));
            net.bye(last);
        }
    }
}

#[test]
fn a_will_for_control_closes_the_connection_without_a_word() {
    let mut net = Net::new();
    for version in [Version::V311, Version::V5] {
        let refused = net.dial(dial(version, "c").will("$CONTROL/broker/v1", "{}"));
        assert!(net.is_quiet(refused) && net.ending(refused).is_some());
        net.connect(dial(version, "c").will("CONTROL/broker/v1", "{}"));
    }
}

#[test]
fn a_will_is_published_under_its_owners_acl() {
    let mut rules = AclRules::new();
    rules.add(AclUser::Named("may"), AclEntry::new(Access::Write, "will").unwrap());
    rules.add(AclUser::Anonymous, AclEntry::new(Access::Read, "#").unwrap());
    let policy = Policy { acl: Arc::new(Acl::Rules(rules)), ..Policy::default() };
    let mut net = Net::with(sealmq_broker::Limits::default(), policy, 1);
    let watcher = watcher(&mut net);
    for user in ["may", "may not"] {
        let client = net.connect(dial(Version::V311, user).user(user).will("will", user));
        net.drop_conn(client);
    }
    assert_eq!(net.payloads(watcher), ["may"]);
}

/// [MQTT-3.2.2-12] [MQTT-3.2.2-13]
#[test]
fn a_will_that_could_not_be_published_refuses_the_connection() {
    let mut net = Net::with_limits(|limits| limits.payload_bytes_max = Some(4));
    for (version, code) in [(Version::V311, 5), (Version::V5, 0x95)] {
        let client = net.dial(dial(version, "c").will("will", "12345"));
        assert_eq!(net.take(client), What::ConnAck { session_present: false, code });
        net.connect(dial(version, "c").will("will", "1234"));
    }
    let mut asked = dial(Version::V5, "q").will("will", "1").rules(|rules| rules.max_qos = QoS::AtMostOnce);
    asked.will.as_mut().unwrap().qos = QoS::AtLeastOnce;
    let client = net.dial(asked);
    assert_eq!(net.take(client), What::ConnAck { session_present: false, code: 0x9b });
}

/// [MQTT311-3.1.2-17]
#[test]
fn a_retained_will_is_kept() {
    // [MQTT-3.1.2-15]
    let mut net = Net::new();
    let mut asked = dial(Version::V311, "c").will("will", "gone");
    asked.will.as_mut().unwrap().retain = true;
    let client = net.connect(asked);
    net.drop_conn(client);
    let watcher = watcher(&mut net);
    assert_eq!(net.payloads(watcher), ["gone"]);
}

#[test]
fn shutdown_publishes_wills_that_wait() {
    let mut net = Net::new();
    let watcher = net.connect(dial(Version::V311, "watcher").resume());
    net.sub(watcher, "will", QoS::AtLeastOnce);
    let mut asked = lasting(100).will_delay(50);
    asked.will.as_mut().unwrap().qos = QoS::AtLeastOnce;
    let client = net.connect(asked);
    net.drop_conn(client);
    net.input(0, sealmq_broker::Input::Shutdown);
    assert_eq!(net.brokers[0].session_facts("watcher").unwrap().queued, 1);
}
