//! Topics under two names.

use sealmq_bridge::{BridgeSpec, Direction, RuleError, TopicRule};
use sealmq_mqtt::{Packet, QoS};

use crate::scene::{Scene, ack, rule, spec};

fn with(topics: Vec<TopicRule>) -> BridgeSpec {
    BridgeSpec { topics, attempt_unsubscribe: false, ..spec() }
}

fn connected(topics: Vec<TopicRule>) -> Scene {
    Scene::connected(with(topics))
}

#[test]
fn prefixes_are_exchanged_in_both_directions() {
    let mut scene = connected(vec![
        rule("#", Direction::Both, "local/topic/", "remote/topic/"),
        rule("", Direction::Both, "local/single", "remote/single"),
        rule("lmapped", Direction::Both, "local/mapped/", ""),
        rule("ic/+", Direction::Both, "local4/top", "remote4/tip"),
    ]);
    for (here, there) in [
        ("local/topic/a/b", "remote/topic/a/b"),
        ("local/single", "remote/single"),
        ("local/mapped/lmapped", "lmapped"),
        ("local4/topic/x", "remote4/tipic/x"),
    ] {
        scene.local_publishes(here, QoS::AtMostOnce, 0);
        scene.says_there(&format!("PUBLISH {there} q0"));
        scene.remote_publishes(there, QoS::AtMostOnce, 0);
        scene.says_here(&format!("PUBLISH {here} q0"));
    }
}

#[test]
fn a_rule_that_renames_comes_before_those_that_do_not() {
    let mut scene = connected(vec![
        rule("#", Direction::Both, "", ""),
        rule("room1/#", Direction::Both, "sensor/", "house/"),
    ]);
    scene.remote_publishes("house/room1/a", QoS::AtMostOnce, 0);
    scene.says_here("PUBLISH sensor/room1/a q0");
    scene.remote_publishes("house/room2", QoS::AtMostOnce, 0);
    scene.says_here("PUBLISH house/room2 q0");
}

#[test]
fn what_no_topic_line_takes_in_is_acknowledged_and_dropped() {
    let mut scene =
        connected(vec![rule("in/#", Direction::In, "", ""), rule("out/#", Direction::Out, "", "")]);
    for topic in ["out/a", "elsewhere", "$SYS/broker/uptime"] {
        scene.remote_publishes(topic, QoS::AtLeastOnce, 9);
        scene.says_there("PUBACK 9").says_nothing();
        scene.wished(&format!("Bridge fuzz: a message to {topic} was dropped: no topic line takes it in."));
        scene.remote_publishes(topic, QoS::ExactlyOnce, 9);
        scene.says_there("PUBREC 9");
        scene.remote(&Packet::PubRel(ack(9)));
        scene.says_there("PUBCOMP 9").says_nothing();
    }
    // The accepting twin.
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 9);
    scene.says_here("PUBLISH in/a q1 id 3");
}

#[test]
fn a_shared_subscription_takes_in_what_follows_the_share_name() {
    let mut scene = Scene::new(BridgeSpec {
        version: sealmq_mqtt::Version::V5,
        ..with(vec![rule("$share/g/in/#", Direction::In, "", "")])
    });
    scene.accept(&[]);
    // No-local is not allowed on it.
    scene.says_there("CONNECT").says_there("SUBSCRIBE 1 $share/g/in/# q1 as-published");
    scene.remote_publishes("in/a", QoS::AtMostOnce, 0);
    scene.says_here("PUBLISH in/a q0");
}

#[test]
fn filters_of_an_earlier_configuration_are_given_up() {
    let mut scene = Scene::new(BridgeSpec { stale_filters: vec!["old/#".to_owned()], ..spec() });
    scene.says_here("UNSUBSCRIBE 1 old/#").says_here("SUBSCRIBE 2 out/# q2 no-local as-published");
}

#[test]
fn rules_that_name_nothing_are_none() {
    let made =
        |pattern, local, remote| TopicRule::new(pattern, Direction::Out, QoS::AtMostOnce, local, remote);
    assert_eq!(made("", "a", "").unwrap_err(), RuleError::NoPattern);
    assert!(matches!(made("x", "a/#", "b"), Err(RuleError::Prefix { side: "local", .. })));
    assert!(matches!(made("x", "a", "+"), Err(RuleError::Prefix { side: "remote", .. })));
    assert!(matches!(made("x#", "a", "b"), Err(RuleError::Filter { side: "local", .. })));
    assert!(made("", "a", "b").is_ok() && made("+/x", "a/", "").is_ok());
}
