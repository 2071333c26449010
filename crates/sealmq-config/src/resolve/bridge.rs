//! A bridge's section, typed.

use crate::config::{Bridge, BridgeCertificate, BridgePassword, BridgeReload, BridgeTls, LegacyServerCerts};
use crate::diagnostic::{Diagnostic, Exit};
use crate::document::{Base, BridgeSection, Findings, Section};
use crate::tls_version::TlsVersions;
use crate::value::Value;
use sealmq_bridge::{AddressOrder, Restart, Start, StartType};
use sealmq_mqtt::Version;

const KEEPALIVE_SECS: (i64, i64) = (5, 60);
const IDLE_SECS: u32 = 60;
const THRESHOLD: usize = 10;
const TOPIC_ALIAS_MAX: u16 = 10;

/// Keys that promise something only TLS can keep.
const TLS_PROMISES: [&str; 6] = [
    "bridge_certfile",
    "bridge_keyfile",
    "bridge_tls_version",
    "bridge_ciphers",
    "bridge_ciphers_tls1.3",
    "bridge_require_ocsp",
];

/// The bridge, if it could be built.
pub(super) fn resolve(bridge: &BridgeSection, base: &Base, findings: &mut Findings) -> Option<Bridge> {
    let section = &bridge.section;
    let complete = is_complete(bridge, findings);
    let tls = tls(section, base, findings)?;
    let start = |clean: bool| if clean { Start::Clean } else { Start::Resume };
    let clean = section.flag("cleansession").unwrap_or(false);
    let (least, usual) = KEEPALIVE_SECS;
    let keepalive = section.number("keepalive_interval").unwrap_or(usual).max(least);
    complete.then(|| Bridge {
        name: bridge.name.clone(),
        at: bridge.at.clone(),
        addresses: bridge.addresses(),
        address_order: match section.flag("round_robin") {
            Some(true) => AddressOrder::RoundRobin,
            Some(false) | None => AddressOrder::PreferFirst,
        },
        topics: bridge.topics(),
        protocol_version: match section.word("bridge_protocol_version") {
            Some("mqttv31") => Version::V31,
            Some("mqttv50") => Version::V5,
            Some(_) | None => Version::V311,
        },
        try_private: section.flag("try_private").unwrap_or(true),
        cleansession: start(clean),
        local_cleansession: start(section.flag("local_cleansession").unwrap_or(clean)),
        remote_clientid: section.text("remote_clientid"),
        remote_username: section.text("remote_username"),
        remote_password: section.text("remote_password").map(BridgePassword),
        local_clientid: section.text("local_clientid"),
        local_username: section.text("local_username"),
        local_password: section.text("local_password").map(BridgePassword),
        keepalive_interval: u16::try_from(keepalive).unwrap_or(u16::MAX),
        start_type: start_type(section),
        restart_timeout: match section.last("restart_timeout").map(|setting| &setting.value) {
            Some(Value::Restart(restart)) => *restart,
            _ => Restart::DEFAULT,
        },
        notifications: section.flag("notifications").unwrap_or(true),
        notifications_local_only: section.flag("notifications_local_only").unwrap_or(false),
        notification_topic: section.text("notification_topic"),
        attempt_unsubscribe: section.flag("bridge_attempt_unsubscribe").unwrap_or(true),
        outgoing_retain: section.flag("bridge_outgoing_retain").unwrap_or(true),
        max_topic_alias: section.bounded("bridge_max_topic_alias").unwrap_or(TOPIC_ALIAS_MAX),
        receive_maximum: section.bounded("bridge_receive_maximum"),
        session_expiry_interval: section.bounded("bridge_session_expiry_interval").unwrap_or(0),
        max_packet_size: section.limit("bridge_max_packet_size", None),
        bind_address: section.text_setting("bridge_bind_address"),
        tcp_keepalive: match section.last("bridge_tcp_keepalive").map(|setting| &setting.value) {
            Some(Value::TcpKeepalive(keepalive)) => Some(*keepalive),
            _ => None,
        },
        tcp_user_timeout: section.bounded("bridge_tcp_user_timeout"),
        reload_type: match section.word("bridge_reload_type") {
            Some("immediate") => BridgeReload::Immediate,
            Some(_) | None => BridgeReload::Lazy,
        },
        tls,
    })
}

fn is_complete(bridge: &BridgeSection, findings: &mut Findings) -> bool {
    let mut complete = true;
    let mut missing = |what: &str, key: &str| {
        let text = format!("Invalid bridge configuration: {what}.");
        let hint = format!("the bridge '{}' needs a line `{key} …`", bridge.name);
        findings.add(Diagnostic::error(bridge.at.clone(), text).hint(hint).exit(Exit::Configuration));
        complete = false;
    };
    if bridge.addresses().is_empty() {
        missing("no remote addresses defined", "address");
    }
    if bridge.topics().is_empty() {
        missing("no topics defined", "topic");
    }
    complete
}

fn start_type(section: &Section) -> StartType {
    match section.word("start_type") {
        Some("lazy") => StartType::Lazy {
            idle_secs: section.bounded("idle_timeout").unwrap_or(IDLE_SECS),
            threshold: section.bounded("threshold").unwrap_or(THRESHOLD),
        },
        Some("once") => StartType::Once,
        Some(_) | None => StartType::Automatic,
    }
}

/// `None`: an error was found. `Some(None)`: plain.
fn tls(section: &Section, base: &Base, findings: &mut Findings) -> Option<Option<BridgeTls>> {
    let file = |key: &str| section.file(key, base);
    let (cafile, capath) = (file("bridge_cafile"), file("bridge_capath"));
    let use_os_certs = section.flag("bridge_tls_use_os_certs").unwrap_or(false);
    let os_certs_at = || section.at("bridge_tls_use_os_certs").filter(|_| use_os_certs);
    let at = section.at("bridge_cafile").or_else(|| section.at("bridge_capath")).or_else(os_certs_at);
    let Some(at) = at else { return plain(section, findings).then_some(None) };
    let certificate = match (file("bridge_certfile"), file("bridge_keyfile")) {
        (Some(certfile), Some(keyfile)) => Some(BridgeCertificate { certfile, keyfile }),
        (None, None) => None,
        (Some(lonely), None) | (None, Some(lonely)) => {
            let text =
                "Both bridge_certfile and bridge_keyfile must be provided to use a client certificate.";
            findings.add(Diagnostic::error(lonely.at, text).hint("add the other one below it"));
            return None;
        }
    };
    Some(Some(BridgeTls {
        at,
        cafile,
        capath,
        use_os_certs,
        certificate,
        insecure: section.flag("bridge_insecure").unwrap_or(false),
        require_ocsp: section.flag("bridge_require_ocsp").unwrap_or(false),
        versions: match section.last("bridge_tls_version").map(|setting| &setting.value) {
            Some(Value::Tls(versions)) => *versions,
            _ => TlsVersions::From12,
        },
        alpn: section.text("bridge_alpn"),
        ciphers: section.text_setting("bridge_ciphers"),
        ciphers_tls13: section.text_setting("bridge_ciphers_tls1.3"),
        legacy_server_certs: match section.word("legacy_server_certs") {
            Some("deny") => LegacyServerCerts::Deny,
            Some(_) | None => LegacyServerCerts::Warn,
        },
    }))
}

/// A bridge that was to be encrypted must not go out in the open because the line that says so is missing.
fn plain(section: &Section, findings: &mut Findings) -> bool {
    let mut sound = true;
    for key in TLS_PROMISES.into_iter().filter(|key| section.has(key) && section.flag(key) != Some(false)) {
        let text = format!(
            "{key} specified without bridge_cafile, bridge_capath or bridge_tls_use_os_certs: the bridge would be plaintext."
        );
        let hint = "add `bridge_cafile PATH` with the CA of the other broker, or remove the line";
        findings.add(Diagnostic::error(section.at(key), text).hint(hint));
        sound = false;
    }
    for key in ["bridge_insecure", "bridge_alpn", "legacy_server_certs"] {
        if section.has(key) && section.flag(key) != Some(false) {
            let text = format!("'{key}' has no effect: this bridge is plaintext (no bridge_cafile).");
            findings.add(
                Diagnostic::warning(section.at(key), text).hint("is the line under the right connection?"),
            );
        }
    }
    sound
}

/// Two bridges with one local client id would throw each other out for ever.
pub(super) fn check_local_ids(bridges: &[Bridge], findings: &mut Findings) -> bool {
    // Whatever the host is called, ids that are made of its name differ as their bridges' names do.
    let id = |bridge: &Bridge| bridge.local_client_id("HOST");
    let mut sound = true;
    for (index, bridge) in bridges.iter().enumerate() {
        if bridges[..index].iter().any(|before| id(before) == id(bridge)) {
            let text = format!(
                "Bridge local_clientid '{}' is not unique. Try changing or setting the local_clientid value for one of the bridges.",
                id(bridge)
            );
            let hint = "give each bridge a local_clientid or remote_clientid of its own";
            findings.add(Diagnostic::error(bridge.at.clone(), text).hint(hint));
            sound = false;
        }
    }
    sound
}
