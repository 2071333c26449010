//! Keys about bridges.

use super::{Choice, Kind, OptionRow, Outside, Scope, clamped, integer, row, word};
use Kind::{Boolean, Path, Text};

const INT_MAX: i64 = i32::MAX as i64;

/// A key under `connection`.
const fn bridge(
    key: &'static str,
    kind: Kind,
    default: &'static str,
    example: &'static str,
    doc: &'static str,
) -> OptionRow {
    row(key, Scope::Bridge, kind, default, example, doc)
}

const PROTOCOLS: &[Choice] = &[word("mqttv31"), word("mqttv311"), word("mqttv50")];
const RELOAD_TYPES: &[Choice] = &[word("lazy"), word("immediate")];
const NO_PSK: &str = "TLS-PSK has no forward secrecy in the form mosquitto offers and is not in SealMQ";
const INSTEAD_OF_PSK: &str = "give the bridge a certificate: bridge_certfile and bridge_keyfile";

// One row of the table is one row of the text.
#[rustfmt::skip]
pub(super) const ROWS: &[OptionRow] = &[
    row("connection", Scope::StartsBridge, Text, "", "site2", "Begins a bridge to another broker.").adds(),
    bridge("address", Kind::Addresses, "", "broker.example.com:8883", "Where the other broker is; several are tried in turn.")
        .aliases(&["addresses"]).once(),
    bridge("topic", Kind::BridgeTopic, "", "sensors/# out 1", "What goes over, which way, at which QoS, with which prefixes.").adds(),
    bridge("bridge_attempt_unsubscribe", Boolean, "true", "false", "UNSUBSCRIBE from what only goes out."),
    bridge("bridge_bind_address", Text, "", "192.0.2.1", "Source address.").once(),
    bridge("bridge_max_packet_size", clamped(0, INT_MAX), "0 (no limit)", "65536", "Largest packet sent to the other broker."),
    bridge("bridge_max_topic_alias", integer(0, 65_535, "bridge_max_topic_alias must be > 0 and <= 65535."), "10", "0", "Topic aliases."),
    bridge("bridge_outgoing_retain", Boolean, "true", "false", "false clears the retain bit outwards."),
    bridge("bridge_protocol_version", Kind::WholeWord(PROTOCOLS, "Invalid 'bridge_protocol_version' value ({})."), "mqttv311", "mqttv50", "MQTT version."),
    bridge("bridge_receive_maximum", Kind::Integer { min: 1, max: 65_535, outside: Outside::Errors { below: "bridge_receive_maximum must be greater than 0.", above: "bridge_receive_maximum must be lower than 65535." } }, "", "20", "Receive Maximum (5.0)."),
    bridge("bridge_session_expiry_interval", integer(0, u32::MAX as i64, "bridge_session_expiry_interval must not be negative."), "0", "86400", "Seconds that the other broker keeps the session (5.0); 4294967295: for ever."),
    bridge("bridge_tcp_keepalive", Kind::TcpKeepalive, "", "60 10 3", "Idle seconds, interval, count."),
    bridge("bridge_tcp_user_timeout", integer(0, INT_MAX, "invalid TCP user timeout value."), "", "20000", "Milliseconds."),
    bridge("bridge_reload_type", Kind::Word(RELOAD_TYPES, "Invalid 'bridge_reload_type' value in configuration ({})."), "lazy", "immediate", "When a reload takes effect."),
    bridge("cleansession", Boolean, "false", "true", "Clean session at the other broker."),
    bridge("local_cleansession", Boolean, "as cleansession", "true", "Clean session here."),
    bridge("keepalive_interval", Kind::Integer { min: i32::MIN as i64, max: 65_535, outside: Outside::Error("Bridge keepalive value too high.") }, "60", "30", "Seconds, at least 5."),
    bridge("idle_timeout", clamped(1, INT_MAX), "60", "30", "Seconds until a lazy bridge hangs up."),
    bridge("threshold", clamped(1, INT_MAX), "10", "5", "Messages that wake a lazy bridge."),
    bridge("start_type", Kind::StartType, "automatic", "lazy", "When it connects."),
    bridge("restart_timeout", Kind::RestartTimeout, "5 30", "10 60", "Seconds before it connects again: fixed, or base and cap."),
    bridge("round_robin", Boolean, "false", "true", "Stay at the address that worked."),
    bridge("try_private", Boolean, "true", "false", "Tell the other broker that this is a bridge."),
    bridge("notifications", Boolean, "true", "false", "Publish the bridge's state."),
    bridge("notifications_local_only", Boolean, "false", "true", "Only here."),
    bridge("notification_topic", Text, "", "bridge/state", "Where.").once(),
    bridge("local_clientid", Text, "local.REMOTE-ID", "local.site2", "Client id here.").once().called("bridge local clientd"),
    bridge("local_username", Text, "", "bridge", "User name here, for ACLs.").once().called("bridge local_username"),
    bridge("local_password", Text, "", "secret", "Password here.").once().called("bridge local_password"),
    bridge("remote_clientid", Text, "HOST.NAME", "site1", "Client id there.").aliases(&["clientid"]).once().called("bridge remote clientid"),
    bridge("remote_username", Text, "", "site1", "User name there.").aliases(&["username"]).once().called("bridge remote_username"),
    bridge("remote_password", Text, "", "secret", "Password there.").aliases(&["password"]).once().called("bridge remote_password"),
    bridge("bridge_cafile", Path, "", "ca.crt", "CA certificates of the other broker; turns TLS on.").once().restricts(),
    bridge("bridge_capath", Path, "", "ca.d", "The same, a folder.").once().restricts(),
    bridge("bridge_tls_use_os_certs", Boolean, "false", "true", "TLS with the system's CA certificates.").restricts(),
    bridge("bridge_certfile", Path, "", "bridge.crt", "Client certificate.").once().restricts(),
    bridge("bridge_keyfile", Path, "", "bridge.key", "Its key.").restricts(),
    bridge("bridge_insecure", Boolean, "false", "true", "Do not compare the other broker's name.").restricts(),
    bridge("bridge_tls_version", Kind::TlsVersions, "tlsv1.2", "tlsv1.3", "Lowest TLS version; a list means exactly these.").once().restricts(),
    bridge("bridge_alpn", Text, "", "mqtt", "ALPN.").once(),
    bridge("bridge_ciphers", Text, "", "ECDHE-RSA-AES256-GCM-SHA384", "OpenSSL cipher list, TLS 1.2.").once().restricts(),
    bridge("bridge_ciphers_tls1.3", Text, "", "TLS_AES_256_GCM_SHA384", "Suites of TLS 1.3.").once().restricts(),
    bridge("bridge_require_ocsp", Boolean, "false", "true", "The other broker must staple OCSP.").restricts(),
    bridge("bridge_identity", Text, "", "site1", "TLS-PSK identity.").once().restricts().refused(NO_PSK, INSTEAD_OF_PSK),
    bridge("bridge_psk", Text, "", "0123456789abcdef", "TLS-PSK key.").once().restricts().refused(NO_PSK, INSTEAD_OF_PSK),
];
