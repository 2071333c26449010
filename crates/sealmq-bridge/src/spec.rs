//! What a bridge is told once: the keys of a `connection` section, typed, defaults filled in.

use sealmq_mqtt::Version;
use zeroize::Zeroizing;

use crate::backoff::Restart;
use crate::topics::TopicRule;

/// A bridge as configured.
#[derive(Clone)]
pub struct BridgeSpec {
    /// `connection`.
    pub name: String,
    /// How many addresses there are: at least one.
    pub addresses: usize,
    /// `round_robin`.
    pub address_order: AddressOrder,
    /// `topic`, in order.
    pub topics: Vec<TopicRule>,
    /// Filters that an earlier configuration subscribed locally and this one does not.
    pub stale_filters: Vec<String>,
    /// `bridge_protocol_version`.
    pub version: Version,
    /// `try_private`: the bridge bit in the protocol level, before 5.0.
    pub try_private: bool,
    /// `local_clientid`.
    pub local_client_id: String,
    /// `local_cleansession`.
    pub local_start: Start,
    /// `remote_clientid`.
    pub remote_client_id: String,
    /// `remote_username`.
    pub remote_username: Option<String>,
    /// `remote_password`.
    pub remote_password: Option<Zeroizing<Vec<u8>>>,
    /// `cleansession`.
    pub remote_start: Start,
    /// `keepalive_interval`.
    pub keep_alive_secs: u16,
    /// `start_type`.
    pub start_type: StartType,
    /// `restart_timeout`.
    pub restart: Restart,
    /// `notifications`; `None`: none.
    pub notifications: Option<Notifications>,
    /// `bridge_attempt_unsubscribe`.
    pub attempt_unsubscribe: bool,
    /// `bridge_outgoing_retain`.
    pub outgoing_retain: bool,
    /// `bridge_max_topic_alias`: for both directions (5.0).
    pub topic_alias_max: u16,
    /// `bridge_receive_maximum`, else `max_inflight_messages` (5.0).
    pub receive_maximum: u16,
    /// `bridge_session_expiry_interval` (5.0); 0: with the connection.
    pub session_expiry_secs: u32,
    /// `bridge_max_packet_size`: largest packet to the remote broker.
    pub packet_bytes_max: Option<u32>,
    /// `max_packet_size`: largest packet that is read.
    pub incoming_packet_bytes_max: u32,
    /// `max_inflight_messages`: what may be on its way to the remote broker.
    pub inflight_max: u16,
    /// `max_queued_messages`: QoS 0 messages that wait for the remote broker, where they wait at all.
    pub queued_max: usize,
    /// `queue_qos0_messages`.
    pub offline_qos0: OfflineQoS0,
    /// For the back-off: any number, another one for each bridge and process.
    pub seed: u64,
}

/// Which address is tried after a loss, and whether the first one is preferred.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AddressOrder {
    /// `round_robin false`: while another address is in use, the first one is probed, and used when it is back.
    #[default]
    PreferFirst,
    /// `round_robin true`: one that works is kept.
    RoundRobin,
}

/// Whether a session begins anew with each connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Start {
    /// It goes on where it was.
    #[default]
    Resume,
    /// It begins anew.
    Clean,
}

/// `start_type`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum StartType {
    /// Always connected, or trying.
    #[default]
    Automatic,
    /// Connected at start and when enough messages wait; hangs up when none come.
    Lazy {
        /// `idle_timeout`.
        idle_secs: u32,
        /// `threshold`.
        threshold: usize,
    },
    /// One attempt.
    Once,
}

/// `notifications`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notifications {
    /// `notification_topic`, else `$SYS/broker/connection/REMOTE-ID/state`.
    pub topic: String,
    /// `notifications_local_only`.
    pub local_only: bool,
}

/// `queue_qos0_messages`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OfflineQoS0 {
    /// QoS 0 is dropped while the remote broker is away.
    #[default]
    Dropped,
    /// It waits.
    Queued,
}
