//! Keys about one listener.

use super::{Choice, Kind, OptionRow, Reload, Scope, clamped, integer, row, word};
use Kind::{Boolean, Path, Text};
use Scope::{DefaultListener, Listener, ListenerOrDefault, NamedListener};

const INT_MAX: i64 = i32::MAX as i64;
const NO_ENGINES: &str = "OpenSSL engines do not exist here: SealMQ's TLS is rustls";
const INSTEAD_OF_ENGINES: &str = "keep the key in a file (0600, encrypted PKCS#8 if you like); a `pkcs11:` URI as \
     keyfile comes with \"Certificates for life\"";

const PROTOCOLS: &[Choice] = &[word("mqtt"), word("websockets"), word("auto"), word("http_api")];

// One row of the table is one row of the text.
#[rustfmt::skip]
pub(super) const ROWS: &[OptionRow] = &[
    row("listener", Scope::StartsListener, Kind::Listen, "", "8884 127.0.0.1",
        "Listen on PORT [ADDRESS], or on a unix socket: 0 PATH. What follows is about it.")
        .restricts().adds().reload(Reload::No).called("listener port"),
    row("port", DefaultListener, integer(1, 65_535, "Invalid 'port' value ({})."), "", "8885",
        "The default listener (deprecated).").restricts().reload(Reload::No),
    row("bind_address", DefaultListener, Text, "", "127.0.0.1",
        "Address of the default listener (deprecated).").restricts().once().reload(Reload::No)
        .called("default listener bind_address"),
    row("bind_interface", ListenerOrDefault, Text, "", "eth0",
        "Only this network interface.").restricts().once().reload(Reload::No),
    row("socket_domain", ListenerOrDefault,
        Kind::Word(&[word("ipv4"), word("ipv6")], "Invalid 'socket_domain' value '{}' in configuration."),
        "both", "ipv4", "Only IPv4 or only IPv6.").restricts().reload(Reload::No),
    row("protocol", ListenerOrDefault, Kind::Word(PROTOCOLS, "Invalid 'protocol' value ({})."), "mqtt", "websockets",
        "What is spoken: mqtt, websockets (MQTT in WebSocket frames), auto (SealMQ: either, the first bytes tell), or http_api (docs/reference/http-api.md).").restricts().reload(Reload::No),
    row("certfile", ListenerOrDefault, Path, "", "server.crt",
        "Server certificate chain, PEM. With keyfile it turns TLS on.").restricts().reload(Reload::Content),
    row("keyfile", ListenerOrDefault, Path, "", "server.key",
        "Server key, PEM.").restricts().reload(Reload::Content),
    row("cafile", Listener, Path, "", "ca.crt",
        "CA certificates for client certificates; also completes the server's chain.").restricts().reload(Reload::Content),
    row("capath", ListenerOrDefault, Path, "", "ca.d",
        "The same, a folder.").restricts().reload(Reload::Content),
    row("require_certificate", ListenerOrDefault,
        Kind::Word(&[word("true"), word("1"), word("optional"), word("false"), word("0")],
            "Invalid 'require_certificate' value ({})."),
        "false", "true",
        "true: no client certificate, no connection. optional (SealMQ): asked for; one that is shown must be good.")
        .restricts(),
    row("use_identity_as_username", ListenerOrDefault, Boolean, "false", "true",
        "The certificate's common name is the user name.").restricts(),
    row("use_subject_as_username", ListenerOrDefault, Boolean, "false", "true",
        "The certificate's subject (RFC 2253 text) is the user name.").restricts(),
    row("use_username_as_clientid", ListenerOrDefault, Boolean, "false", "true",
        "The user name is the client id.").restricts(),
    row("tls_version", Listener, Kind::TlsVersions, "tlsv1.2", "tlsv1.3",
        "One value: the lowest version. A list: exactly these.").restricts().once(),
    row("ciphers", ListenerOrDefault, Text, "ECDHE with AES-GCM or ChaCha20-Poly1305", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "OpenSSL cipher list for TLS 1.2.").restricts(),
    row("ciphers_tls1.3", ListenerOrDefault, Text, "all three of RFC 8446 that are not CCM", "TLS_AES_256_GCM_SHA384",
        "OpenSSL suite names for TLS 1.3.").restricts(),
    row("crlfile", ListenerOrDefault, Path, "", "ca.crl",
        "Certificate revocation lists: a file (PEM with any number of them, or DER), or a folder of such files. An issuer \
         without one: its clients are refused.").restricts().reload(Reload::Content),
    row("dhparamfile", Scope::Global, Kind::Unread, "", "dh.pem", "Parameters of finite-field Diffie-Hellman.")
        .ignored("dhparamfile is no longer required."),
    row("disable_client_cert_date_checks", Listener, Boolean, "false", "true",
        "Accept client certificates that are expired or not yet valid. The CAs above them must be within their dates.")
        .restricts(),
    row("tls_engine", ListenerOrDefault, Text, "", "pkcs11", "OpenSSL engine.").restricts()
        .refused(NO_ENGINES, INSTEAD_OF_ENGINES),
    row("tls_engine_kpass_sha1", ListenerOrDefault, Text, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "Its password, hashed.").restricts().refused(NO_ENGINES, INSTEAD_OF_ENGINES),
    row("tls_keyform", ListenerOrDefault, Text, "pem", "engine", "Where the key is.").restricts()
        .harmless(&["pem"]).refused(NO_ENGINES, INSTEAD_OF_ENGINES),
    row("psk_hint", ListenerOrDefault, Text, "", "hint", "Turns the listener into TLS-PSK.").restricts().once().refused(
        "TLS-PSK has no forward secrecy in the form mosquitto offers and is not in SealMQ",
        "give each device a certificate: `sealmq device add NAME`"),
    row("listener_allow_anonymous", Listener, Boolean, "as allow_anonymous", "true",
        "allow_anonymous for this listener.").restricts(),
    row("listener_auto_id_prefix", Listener, Kind::TextUpTo(50, "'listener_auto_id_prefix' length must be <= 50."),
        "as auto_id_prefix", "gw-", "auto_id_prefix for this listener.").once(),
    row("accept_protocol_versions", NamedListener, Kind::ProtocolVersions, "3, 4, 5", "4,5",
        "MQTT versions taken: 3 (3.1), 4 (3.1.1), 5.").restricts(),
    row("max_connections", ListenerOrDefault, clamped(-1, INT_MAX), "-1 (no limit)", "100",
        "Connections on this listener. 0: no limit.").restricts(),
    row("max_qos", ListenerOrDefault, integer(0, 2, "'max_qos' must be between 0 and 2 inclusive."), "2", "1",
        "Highest QoS.").aliases(&["maximum_qos"]).restricts(),
    row("max_topic_alias", Listener, integer(0, 65_535, "Invalid 'max_topic_alias' value in configuration."), "10", "0",
        "Topic aliases that a client may use.").restricts(),
    row("max_topic_alias_broker", Listener,
        integer(0, 65_535, "Invalid 'max_topic_alias_broker' value in configuration."), "10", "0",
        "Topic aliases that the broker uses at most.").restricts(),
    row("mount_point", Listener, Kind::MountPoint, "", "site1/",
        "Put before all topics of this listener.").restricts(),
    row("enable_proxy_protocol", Listener, integer(1, 2, "enable_proxy_protocol must be 1 or 2."), "", "2",
        "A PROXY header of version 1 or 2 comes first on each connection; its address is the client's.")
        .restricts().reload(Reload::No),
    row("proxy_protocol_v2_require_tls", Listener, Boolean, "false", "true",
        "Refuse PROXY v2 connections that did not come over TLS.").restricts().reload(Reload::No),
    row("http_dir", Listener, Path, "", "/usr/share/www", "Static files of a websockets or http_api listener.").once(),
    row("websockets_origin", Listener, Text, "", "https://example.com",
        "Origins from which web pages may connect; without it all. Clients without an Origin header may.")
        .restricts().adds(),
];
