//! What holds for the whole broker.

use sealmq_pki::issue::BaseUrl;

use super::{Bind, FileSetting};
use crate::diagnostic::Place;

/// Global keys. Numbers where mosquitto writes 0 or -1 for "no limit" are `Option`: `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// `per_listener_settings`. Already applied to [`super::Listener::access`]; kept for reports.
    pub per_listener_settings: bool,
    /// `check_retain_source`: judge the publisher's write right again when a retained message is delivered.
    pub check_retain_source: bool,
    /// `clientid_prefixes`: a client id must start with this.
    pub clientid_prefixes: Option<String>,
    /// `global_max_connections`: connections at one time over all listeners.
    pub global_max_connections: Option<u32>,
    /// `global_max_clients`: sessions at one time, connected or not.
    pub global_max_clients: Option<u32>,
    /// `memory_limit`: bytes that clients may make the broker hold.
    pub memory_limit: Option<u64>,
    /// `max_inflight_messages`: outgoing QoS 1/2 messages in flight per client, and Receive Maximum in CONNACK.
    /// `None` is no limit (written 0): 65,535 on the wire.
    pub max_inflight_messages: Option<u16>,
    /// `max_inflight_bytes`: their payload bytes per client.
    pub max_inflight_bytes: Option<u64>,
    /// `max_queued_messages`: waiting messages per client.
    pub max_queued_messages: Option<u32>,
    /// `max_queued_bytes`: their payload bytes per client.
    pub max_queued_bytes: Option<u64>,
    /// `packet_buffer_size` in bytes: the largest head of an HTTP request on a WebSocket listener.
    pub packet_buffer_size: u16,
    /// `max_packet_size` in bytes, 20 to 268,435,460: the largest packet taken, advertised in CONNACK.
    pub max_packet_size: u32,
    /// `message_size_limit` in bytes of payload: a larger PUBLISH is acknowledged and dropped.
    pub message_size_limit: Option<u32>,
    /// `max_keepalive` in seconds. `None` (written 0) is off.
    pub max_keepalive: Option<u16>,
    /// `retain_available`: false refuses retained messages.
    pub retain_available: bool,
    /// `retain_expiry_interval`, here in seconds: life of retained messages that came without one. `None`: for ever.
    pub retain_expiry_interval_secs: Option<u64>,
    /// `queue_qos0_messages`: queue QoS 0 for sessions that are away.
    pub queue_qos0_messages: bool,
    /// `allow_duplicate_messages`: a copy for each of a session's subscriptions that match.
    pub allow_duplicate_messages: bool,
    /// `upgrade_outgoing_qos`: deliver at the QoS of the subscription, even if the message came with less.
    pub upgrade_outgoing_qos: bool,
    /// `persistent_client_expiration` in seconds: sessions of 3.x clients away for longer are dropped.
    pub persistent_client_expiration_secs: Option<u64>,
    /// `sys_interval` in seconds between updates of `$SYS`. `None` (written 0) is off.
    pub sys_interval_secs: Option<u16>,
    /// `enable_control_api`: commands on `$CONTROL/broker/v1` are answered.
    pub enable_control_api: bool,
    /// `set_tcp_nodelay`. Default true (mosquitto: false).
    pub set_tcp_nodelay: bool,
    /// `user` to become when started as root. `None`: not written; the server tries `mosquitto`, then `nobody`.
    pub user: Option<String>,
    /// `pid_file`.
    pub pid_file: Option<FileSetting>,
    /// Logging.
    pub log: Log,
    /// `reload_on_change`: a file that the configuration names and that changes is read again by itself.
    pub reload_on_change: bool,
    /// `session_owner`.
    pub session_owner: SessionOwner,
    /// `connection_rate` of each IPv4 address and IPv6 /64.
    pub connection_rate: ConnectionRate,
    /// `ban_after`. `None`: nobody is banned, the default.
    pub ban_after: Option<BanAfter>,
    /// `revocation_kick`, `expiry_kick`, `revocation_will`.
    pub taken_back: TakenBack,
    /// `data_dir`: this broker is that data directory's (own CA, inventory, control socket).
    pub data_dir: Option<FileSetting>,
    /// `pki_listener`, with `pki_url`. Never without [`Global::data_dir`].
    pub pki: Option<PkiListener>,
}

/// `pki_listener`, `pki_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PkiListener {
    /// Where it listens: always TCP.
    pub bind: Bind,
    /// What certificates say of it; `None`: nothing.
    pub url: Option<BaseUrl>,
    /// Where the key stands.
    pub at: Place,
}

/// `connection_rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionRate {
    /// Not written: the server's default, which leaves out loopback.
    Usual,
    /// `0`.
    Off,
    /// `RATE BURST`, both from 1 on.
    Written {
        /// Connections per second in the long run.
        per_second: u32,
        /// Connections at once.
        burst: u32,
    },
}

/// `ban_after FAILURES SECONDS DURATION`, all from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BanAfter {
    /// So many failed authentications …
    pub failures: u32,
    /// … within so many seconds …
    pub within_secs: u32,
    /// … ban for so many seconds.
    pub lasts_secs: u32,
}

/// What becomes of a client that is in when the right to be here is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TakenBack {
    /// `revocation_kick`: its certificate was revoked.
    pub revoked: LiveSession,
    /// `expiry_kick`: its certificate, or a CA above it, expired.
    pub expired: LiveSession,
    /// `revocation_will`.
    pub will: WillOfTheRefused,
}

/// What becomes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiveSession {
    /// It ends within a second (the default).
    Ends,
    /// It stays until its client disconnects, as in mosquitto.
    Stays,
}

/// `revocation_will`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WillOfTheRefused {
    /// Published, as far as the ACL allows (the default).
    Published,
    /// Dropped.
    Dropped,
}

/// Logging keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `log_dest`. Empty means `none`.
    pub dest: Vec<LogDest>,
    /// `log_facility`: local0 to local7 of the system's log; `None` is daemon.
    pub facility: Option<u8>,
    /// `log_type`.
    pub types: LogTypes,
    /// `log_timestamp`.
    pub timestamp: bool,
    /// `log_timestamp_format`, a strftime format; without it, epoch seconds.
    pub timestamp_format: Option<String>,
    /// `connection_messages`.
    pub connection_messages: bool,
    /// `log_format`.
    pub format: LogFormat,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogDest {
    /// `stdout`.
    Stdout,
    /// `stderr`, the default.
    Stderr,
    /// `syslog`.
    Syslog,
    /// `topic`: messages on `$SYS/broker/log/…`.
    Topic,
    /// `file PATH`.
    File(FileSetting),
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// As mosquitto: a time and a sentence.
    Human,
    /// One JSON object for each line.
    Json,
}

/// Which kinds of lines are written (`log_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogTypes {
    /// `error`.
    pub error: bool,
    /// `warning`.
    pub warning: bool,
    /// `notice`.
    pub notice: bool,
    /// `information`.
    pub information: bool,
    /// `debug`.
    pub debug: bool,
    /// `subscribe`.
    pub subscribe: bool,
    /// `unsubscribe`.
    pub unsubscribe: bool,
    /// `websockets`.
    pub websockets: bool,
    /// `internal`.
    pub internal: bool,
}

impl LogTypes {
    /// `log_type none`.
    pub const NONE: LogTypes = LogTypes {
        error: false,
        warning: false,
        notice: false,
        information: false,
        debug: false,
        subscribe: false,
        unsubscribe: false,
        websockets: false,
        internal: false,
    };
    /// What is written when `log_type` is not.
    pub const DEFAULT: LogTypes =
        LogTypes { error: true, warning: true, notice: true, information: true, ..LogTypes::NONE };
    /// `log_type all`, and `-v`.
    pub const ALL: LogTypes = LogTypes {
        debug: true,
        subscribe: true,
        unsubscribe: true,
        websockets: true,
        internal: true,
        ..LogTypes::DEFAULT
    };
}

/// To whom a session belongs when the same client id comes again under another identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionOwner {
    /// mosquitto's rule, the default of a mosquitto.conf: the newcomer takes over.
    Mosquitto,
    /// The session belongs to the identity that made it: anyone else is refused.
    Bound,
}
