//! The configuration in the core's words: bounds, policy, the rules of a listener.
//!
//! Stands here and not in the server so that each key which the table calls honoured and the core decides is handed over
//! in one place, next to its test. What the door decides (connections, protocol versions, identities) it reads from the
//! typed configuration itself.

use crate::config::{Config, Global, Listener, MaxQos, SessionOwner, WillOfTheRefused};
use sealmq_broker::{
    Acl, DollarTopics, Limits, ListenerId, ListenerRules, Millis, OfflineQoS0, OutgoingQoS, Overlapping,
    Policy, RetainSource, RetainedMessages, TakenBackWill,
};
use sealmq_mqtt::QoS;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bounds that the file names; all others are the core's own.
pub fn limits(global: &Global) -> Limits {
    let default = Limits::default();
    Limits {
        inflight_max: global.max_inflight_messages.unwrap_or(u16::MAX),
        inflight_bytes_max: global.max_inflight_bytes.map(size),
        queued_max: global.max_queued_messages.map_or(usize::MAX, |count| size(count.into())),
        queued_bytes_max: global.max_queued_bytes.map(size),
        sessions_max: global.global_max_clients.map_or(default.sessions_max, |count| size(count.into())),
        heap_bytes_max: global.memory_limit.map(size),
        payload_bytes_max: global.message_size_limit.map(|bytes| size(bytes.into())),
        ..default
    }
}

/// The policy, with the lists that the server has read from the `acl_file`s: for all, and for listeners of their own.
pub fn policy(config: &Config, acl: Arc<Acl>, listener_acls: BTreeMap<ListenerId, Arc<Acl>>) -> Policy {
    let global = &config.global;
    Policy {
        acl,
        listener_acls,
        // Operators exist only where a data directory's own CA says who they are.
        dollar: match global.data_dir {
            Some(_) => DollarTopics::Operator,
            None => DollarTopics::Mosquitto,
        },
        session_owner: match global.session_owner {
            SessionOwner::Mosquitto => sealmq_broker::SessionOwner::Mosquitto,
            SessionOwner::Bound => sealmq_broker::SessionOwner::Bound,
        },
        taken_back_will: match global.taken_back.will {
            WillOfTheRefused::Published => TakenBackWill::Published,
            WillOfTheRefused::Dropped => TakenBackWill::Dropped,
        },
        retain_source: match global.check_retain_source {
            true => RetainSource::Checked,
            false => RetainSource::NotChecked,
        },
        retained: match global.retain_available {
            true => RetainedMessages::Available,
            false => RetainedMessages::Unavailable,
        },
        retain_expiry: global.retain_expiry_interval_secs.map(millis),
        offline_qos0: match global.queue_qos0_messages {
            true => OfflineQoS0::Queued,
            false => OfflineQoS0::Dropped,
        },
        outgoing_qos: match global.upgrade_outgoing_qos {
            true => OutgoingQoS::Granted,
            false => OutgoingQoS::Lower,
        },
        overlapping: match global.allow_duplicate_messages {
            true => Overlapping::Each,
            false => Overlapping::Once,
        },
        keep_alive_max_secs: global.max_keepalive,
        persistent_client_expiration: global.persistent_client_expiration_secs.map(millis),
        ..Policy::default()
    }
}

/// What a listener rules for its clients.
pub fn listener_rules(listener: &Listener, global: &Global, id: ListenerId) -> ListenerRules {
    ListenerRules {
        listener: id,
        mount_point: listener.mount_point.as_deref().unwrap_or_default().into(),
        max_qos: match listener.max_qos {
            MaxQos::AtMostOnce => QoS::AtMostOnce,
            MaxQos::AtLeastOnce => QoS::AtLeastOnce,
            MaxQos::ExactlyOnce => QoS::ExactlyOnce,
        },
        topic_alias_max: listener.max_topic_alias,
        topic_alias_broker_max: listener.max_topic_alias_broker,
        packet_bytes_max: global.max_packet_size,
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn millis(seconds: u64) -> Millis {
    Millis::from_secs(seconds)
}
