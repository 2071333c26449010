//! Each key that the core decides about reaches it.

use crate::reading::config;
use sealmq_broker::{
    Acl, DollarTopics, Limits, ListenerId, ListenerRules, OfflineQoS0, OutgoingQoS, Overlapping, Policy,
    RetainSource, RetainedMessages, SessionOwner,
};
use sealmq_config::for_broker::{limits, listener_rules, policy};
use sealmq_mqtt::QoS;
use std::collections::BTreeMap;
use std::sync::Arc;

fn policy_of(text: &str) -> Policy {
    policy(&config(text), Arc::new(Acl::Unrestricted), BTreeMap::new())
}

#[test]
fn an_empty_file_leaves_the_cores_own_values() {
    let config = config("");
    assert_eq!(limits(&config.global), Limits::default());
    assert_eq!(
        listener_rules(&config.listeners[0], &config.global, ListenerId::default()),
        ListenerRules::default()
    );
    assert_eq!(format!("{:?}", policy_of("")), format!("{:?}", Policy::default()));
}

#[test]
fn bounds_reach_the_core() {
    let limits = limits(
        &config(
            "max_inflight_messages 5\nmax_inflight_bytes 50\nmax_queued_messages 6\nmax_queued_bytes 60\n\
             global_max_clients 7\nmemory_limit 80\nmessage_size_limit 70\n",
        )
        .global,
    );
    let expected = Limits {
        inflight_max: 5,
        inflight_bytes_max: Some(50),
        queued_max: 6,
        queued_bytes_max: Some(60),
        sessions_max: 7,
        heap_bytes_max: Some(80),
        payload_bytes_max: Some(70),
        ..Limits::default()
    };
    assert_eq!(limits, expected);
}

#[test]
fn zero_is_no_bound() {
    let limits =
        limits(&config("max_inflight_messages 0\nmax_queued_messages 0\nmax_queued_bytes 0\n").global);
    assert_eq!(
        (limits.inflight_max, limits.queued_max, limits.queued_bytes_max),
        (u16::MAX, usize::MAX, None)
    );
}

#[test]
fn rules_of_messages_reach_the_core() {
    let policy = policy_of(
        "check_retain_source false\nretain_available false\nretain_expiry_interval 2\nqueue_qos0_messages true\n\
         upgrade_outgoing_qos true\nallow_duplicate_messages false\nmax_keepalive 30\npersistent_client_expiration 2h\nsession_owner bound\n",
    );
    assert_eq!(policy.retain_source, RetainSource::NotChecked);
    assert_eq!(policy.retained, RetainedMessages::Unavailable);
    assert_eq!(policy.retain_expiry.map(|millis| millis.0), Some(120_000));
    assert_eq!(policy.offline_qos0, OfflineQoS0::Queued);
    assert_eq!(policy.outgoing_qos, OutgoingQoS::Granted);
    assert_eq!(policy.overlapping, Overlapping::Once);
    assert_eq!(policy_of("").overlapping, Overlapping::Each);
    assert_eq!(policy.keep_alive_max_secs, Some(30));
    assert_eq!(policy.persistent_client_expiration.map(|millis| millis.0), Some(7_200_000));
    assert_eq!(policy.session_owner, SessionOwner::Bound);
}

#[test]
fn only_a_data_directory_has_operators() {
    assert_eq!(policy_of("").dollar, DollarTopics::Mosquitto);
    assert_eq!(policy_of("data_dir d\n").dollar, DollarTopics::Operator);
}

#[test]
fn rules_of_a_listener_reach_the_core() {
    let config = config(
        "max_packet_size 1000\nlistener 1\nmount_point site/\nmax_qos 0\nmax_topic_alias 3\nmax_topic_alias_broker 4\n",
    );
    let id = ListenerId::default();
    let expected = ListenerRules {
        listener: id,
        mount_point: "site/".into(),
        max_qos: QoS::AtMostOnce,
        topic_alias_max: 3,
        topic_alias_broker_max: 4,
        packet_bytes_max: 1000,
    };
    assert_eq!(listener_rules(&config.listeners[0], &config.global, id), expected);
}
