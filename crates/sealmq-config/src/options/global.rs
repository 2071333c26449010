//! Keys about the whole broker, and the ones that are global or per listener.

use super::{Choice, Issue, Kind, OptionRow, Outside, Reload, Scope, clamped, integer, row, word};
use Issue::NothingLost;
use Kind::{Boolean, Path, Text};
use Scope::{Global, GlobalOrListener};

const INT_MAX: i64 = i32::MAX as i64;
const INT_MIN: i64 = i32::MIN as i64;
const NO_PLUGINS: &str =
    "SealMQ loads no C plugins, and a plugin may be the access control, so it is never skipped";
const INSTEAD_OF_PLUGINS: &str = "password_file and acl_file, or client certificates, replace it; the stock \
     mosquitto_password_file.so and mosquitto_acl_file.so are understood";

// One row of the table is one row of the text.
#[rustfmt::skip]
pub(super) const ROWS: &[OptionRow] = &[
    row("per_listener_settings", Global, Boolean, "false", "true",
        "The access keys below belong to the listener they stand under. Must come before them."),
    row("allow_anonymous", GlobalOrListener, Boolean, "false; true if neither listener nor port is configured", "true",
        "Let clients in that give no user name.").restricts(),
    row("password_file", GlobalOrListener, Path, "", "passwords",
        "File of user:hash lines ($6$, $7$, $argon2id$). A user name needs its password.")
        .restricts().reload(Reload::Content),
    row("acl_file", GlobalOrListener, Path, "", "acl",
        "File of topic rules. An empty file denies everything.").restricts().reload(Reload::Content),
    row("psk_file", GlobalOrListener, Path, "", "psk",
        "Identities and keys of TLS-PSK.").restricts().refused(
        "TLS-PSK has no forward secrecy in the form mosquitto offers and is not in SealMQ",
        "give each device a certificate: `sealmq device add NAME`"),
    row("allow_zero_length_clientid", GlobalOrListener, Boolean, "true", "false",
        "Choose an id for clients that give none.").restricts(),
    row("auto_id_prefix", GlobalOrListener, Kind::TextUpTo(50, "auto_id_prefix length must be <= 50."), "auto-", "gw-",
        "Prefix of chosen client ids.").once(),
    row("plugin", Scope::StartsPlugin, Kind::Plugin, "", "/usr/lib/mosquitto_dynamic_security.so",
        "A C plugin. The two stock names with plugin_opt_acl_file / plugin_opt_password_file become acl_file / \
         password_file.")
        .aliases(&["auth_plugin", "global_plugin"]).restricts().adds().reload(Reload::No)
        .refused(NO_PLUGINS, INSTEAD_OF_PLUGINS),
    row("plugin_load", Scope::StartsPlugin, Kind::Plugin, "", "dynsec /usr/lib/mosquitto_dynamic_security.so",
        "A C plugin under a name, for plugin_use.").restricts().adds().reload(Reload::No)
        .refused(NO_PLUGINS, INSTEAD_OF_PLUGINS),
    row("plugin_use", Scope::UsesPlugin, Text, "", "dynsec",
        "Attaches a loaded plugin to the listener.").restricts().adds().reload(Reload::No)
        .refused(NO_PLUGINS, INSTEAD_OF_PLUGINS),
    row("plugin_opt_", Scope::AfterPlugin, Kind::PluginOption, "", "config_file dynsec.json",
        "A value for the plugin above.").aliases(&["auth_opt_"]).restricts().adds().reload(Reload::No)
        .refused(NO_PLUGINS, INSTEAD_OF_PLUGINS),
    row("auth_plugin_deny_special_chars", Scope::AfterPlugin, Boolean, "true", "false",
        "Ask the plugin even about names with + or #.").restricts().reload(Reload::No)
        .refused(NO_PLUGINS, INSTEAD_OF_PLUGINS),
    row("check_retain_source", Global, Boolean, "true", "false",
        "Judge the publisher's right again when a retained message is delivered.").restricts(),
    row("clientid_prefixes", Global, Text, "", "device-",
        "Client ids, chosen ones too, must begin with this.").restricts(),
    row("global_max_connections", Global, clamped(-1, INT_MAX), "-1 (no limit)", "1000",
        "Connections at one time. 0: no limit.").restricts(),
    row("global_max_clients", Global, clamped(-1, INT_MAX), "-1 (no limit)", "1000",
        "Sessions at one time, connected or not. 0: no limit.").restricts(),
    row("max_inflight_messages", Global,
        Kind::Integer { min: INT_MIN, max: 65_535, outside: Outside::Error("'max_inflight_messages' must be <= 65535.") },
        "20", "10", "Outgoing QoS 1 and 2 messages in flight per client; Receive Maximum in CONNACK. 0: no limit.").restricts(),
    row("max_inflight_bytes", Global, clamped(0, INT_MAX), "0 (no limit)", "100000",
        "Outgoing QoS 1 and 2 bytes in flight per client.").restricts(),
    row("max_queued_messages", Global, clamped(0, INT_MAX), "1000", "100",
        "Messages that wait for one client. 0: no limit.").restricts(),
    row("max_queued_bytes", Global, clamped(0, INT_MAX), "0 (no limit)", "1000000",
        "Bytes that wait for one client.").restricts(),
    row("max_packet_size", Global, integer(20, INT_MAX, "'max_packet_size' must be >= 20."), "2000000", "65536",
        "Largest packet in bytes, advertised in CONNACK.").restricts(),
    row("message_size_limit", Global, integer(0, 268_435_455, "Invalid 'message_size_limit' value ({u})."),
        "0 (no limit)", "10000", "Largest payload in bytes; a larger message is dropped.").restricts(),
    row("memory_limit", Global, integer(0, i64::MAX, "Invalid 'memory_limit' value ({})."), "0 (no limit)", "100000000",
        "Bytes that clients may make the broker hold. From there on nothing new is taken.").restricts(),
    row("max_keepalive", Global, integer(0, 65_535, "Invalid 'max_keepalive' value ({})."), "0 (off)", "120",
        "Longest keep alive in seconds.").restricts(),
    row("retain_available", Global, Boolean, "true", "false", "Take retained messages.").restricts(),
    row("retain_expiry_interval", Global, integer(1, INT_MAX, "retain_expiry_interval must be >= 1."), "", "60",
        "Minutes until a retained message without expiry is dropped."),
    row("queue_qos0_messages", Global, Boolean, "false", "true", "Queue QoS 0 for sessions that are away."),
    row("upgrade_outgoing_qos", Global, Boolean, "false", "true",
        "Deliver at the subscription's QoS even if the message came with less."),
    row("allow_duplicate_messages", Global, Boolean, "true", "false",
        "A copy for each of a client's subscriptions that match; false: one, with the highest QoS."),
    row("persistent_client_expiration", Global, Kind::Duration, "never", "14d",
        "Drop sessions of MQTT 3 clients that stay away for longer."),
    row("sys_interval", Global, integer(0, 65_535, "Invalid 'sys_interval' value ({})."), "10", "60",
        "Seconds between updates of $SYS. 0: off."),
    row("set_tcp_nodelay", Global, Boolean, "true (mosquitto: false)", "false",
        "TCP_NODELAY on client sockets: without it TLS 1.3 connects take about 45 ms more."),
    row("user", Global, Text, "mosquitto, else nobody", "broker",
        "Whom to become when started as root.").restricts().reload(Reload::No),
    row("pid_file", Global, Path, "", "/run/mosquitto.pid", "Write the process id there, with or without -d.").once().reload(Reload::No),
    row("log_dest", Global, Kind::LogDest, "stderr", "stdout",
        "stdout, stderr, syslog, topic, file PATH or none; repeatable.").adds(),
    row("log_type", Global, Kind::Word(LOG_TYPES, "Invalid 'log_type' value ({})."), "error, warning, notice, information", "debug",
        "Which kinds of lines are written; repeatable.").adds(),
    row("log_facility", Global, integer(0, 7, "Invalid 'log_facility' value ({})."), "daemon", "3",
        "syslog facility local0 to local7."),
    row("log_timestamp", Global, Boolean, "true", "false", "A time before each line."),
    row("log_timestamp_format", Global, Text, "epoch seconds", "%Y-%m-%dT%H:%M:%S", "strftime format of that time.").once(),
    row("connection_messages", Global, Boolean, "true", "false", "Log connects and disconnects. Refusals are always logged."),
    row("persistence", Global, Boolean, "false", "true", "Keep sessions, queues and retained messages on disk.")
        .aliases(&["retained_persistence"]).not_yet(NothingLost).harmless(&["false", "0"]),
    row("persistence_file", Global, Text, "mosquitto.db", "broker.db", "Its file name.").once().not_yet(NothingLost),
    row("persistence_location", Global, Path, "", "/var/lib/mosquitto/", "Its folder.").once().not_yet(NothingLost),
    row("autosave_interval", Global, clamped(0, INT_MAX), "1800", "60", "Seconds, or changes, between saves.")
        .not_yet(NothingLost),
    row("autosave_on_changes", Global, Boolean, "false", "true", "Count changes instead of seconds.")
        .not_yet(NothingLost).harmless(&["false", "0"]),
    row("enable_control_api", Global, Boolean, "false", "true", "Answer $CONTROL/broker/v1: listListeners, listPlugins."),
    row("packet_buffer_size", Global, integer(0, 65_535, "Packet buffer size must be between 0 and 65535 inclusive."),
        "4096", "8192", "Largest head of an HTTP request, in bytes, on a WebSocket listener. 0: the default.")
        .aliases(&["websockets_headers_size"]),
    row("websockets_log_level", Global, Kind::Unread, "", "7", "Log level of libwebsockets.")
        .reload(Reload::No).ignored("SealMQ has no libwebsockets whose log level could be set"),
    row("retry_interval", Global, Kind::Unread, "", "20", "Removed from mosquitto.")
        .ignored("The 'retry_interval' option is no longer available."),
    row("include_dir", Scope::MainFile, Kind::IncludeDir, "", "conf.d", "Read the *.conf files of a folder, sorted, here.").adds(),
];

/// `none` clears, `all` sets everything.
const LOG_TYPES: &[Choice] = &[
    word("error"),
    word("warning"),
    word("notice"),
    word("information"),
    word("debug"),
    word("subscribe"),
    word("unsubscribe"),
    word("internal"),
    word("websockets"),
    word("all"),
    word("none"),
];
