//! The global section, typed.

use super::data_dir_base;
use crate::config::{
    BanAfter, Bind, ConnectionRate, FileSetting, Global, LiveSession, Log, LogDest, LogFormat, LogTypes,
    PkiListener, SessionOwner, SocketFamily, TakenBack, WillOfTheRefused,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Base, Document, Findings, Section, Setting};
use crate::value::{Destination, Value};
use std::path::Path;

const INFLIGHT_DEFAULT: u16 = 20;
const QUEUED_DEFAULT: u32 = 1_000;
const PACKET_BYTES_DEFAULT: u32 = 2_000_000;
/// mosquitto's cap: nineteen years.
const RETAIN_EXPIRY_MINUTES_MAX: u64 = 10_000_000;
const SYS_INTERVAL_DEFAULT: u16 = 10;
/// The longest packet that the fixed header of MQTT can announce: 268,435,455 bytes after it.
const MQTT_PACKET_BYTES_MAX: u32 = 268_435_460;

const HTTP_HEAD_BYTES_DEFAULT: u16 = 4_096;

pub(super) fn resolve(
    document: &Document,
    main: Option<&Path>,
    base: &Base,
    findings: &mut Findings,
) -> Global {
    let global = &document.global;
    let data_dir = global.file("data_dir", &data_dir_base(main));
    let session_owner = match (global.word("session_owner"), &data_dir) {
        (Some("bound"), _) | (None, Some(_)) => SessionOwner::Bound,
        (Some(_) | None, _) => SessionOwner::Mosquitto,
    };
    Global {
        per_listener_settings: document.per_listener_settings,
        check_retain_source: global.flag("check_retain_source").unwrap_or(true),
        clientid_prefixes: global.text("clientid_prefixes"),
        global_max_connections: if_positive(global, "global_max_connections"),
        global_max_clients: if_positive(global, "global_max_clients"),
        memory_limit: global.limit("memory_limit", None),
        max_inflight_messages: inflight(global),
        max_inflight_bytes: global.limit("max_inflight_bytes", None),
        max_queued_messages: global.limit("max_queued_messages", Some(QUEUED_DEFAULT)),
        max_queued_bytes: global.limit("max_queued_bytes", None),
        packet_buffer_size: global
            .bounded("packet_buffer_size")
            .filter(|bytes| *bytes > 0)
            .unwrap_or(HTTP_HEAD_BYTES_DEFAULT),
        max_packet_size: global
            .bounded("max_packet_size")
            .unwrap_or(PACKET_BYTES_DEFAULT)
            .min(MQTT_PACKET_BYTES_MAX),
        message_size_limit: global.limit("message_size_limit", None),
        max_keepalive: global.limit("max_keepalive", None),
        retain_available: global.flag("retain_available").unwrap_or(true),
        retain_expiry_interval_secs: global
            .bounded("retain_expiry_interval")
            .map(|minutes: u64| minutes.min(RETAIN_EXPIRY_MINUTES_MAX) * 60),
        queue_qos0_messages: global.flag("queue_qos0_messages").unwrap_or(false),
        allow_duplicate_messages: global.flag("allow_duplicate_messages").unwrap_or(true),
        upgrade_outgoing_qos: global.flag("upgrade_outgoing_qos").unwrap_or(false),
        persistent_client_expiration_secs: seconds(global, "persistent_client_expiration"),
        sys_interval_secs: global.limit("sys_interval", Some(SYS_INTERVAL_DEFAULT)),
        enable_control_api: global.flag("enable_control_api").unwrap_or(false),
        reload_on_change: global.flag("reload_on_change").unwrap_or(true),
        set_tcp_nodelay: global.flag("set_tcp_nodelay").unwrap_or(true),
        user: global.text("user"),
        pid_file: global.file("pid_file", base),
        log: log(global, base, findings),
        connection_rate: match counts(global, "connection_rate") {
            None => ConnectionRate::Usual,
            Some(&[per_second, burst]) => ConnectionRate::Written { per_second, burst },
            Some(_) => ConnectionRate::Off,
        },
        ban_after: match counts(global, "ban_after") {
            Some(&[failures, within_secs, lasts_secs]) => {
                Some(BanAfter { failures, within_secs, lasts_secs })
            }
            Some(_) | None => None,
        },
        pki: pki(global, data_dir.as_ref(), findings),
        session_owner,
        taken_back: taken_back(global),
        data_dir,
    }
}

/// What it serves is the data directory's CA; what certificates say of it must be served.
fn pki(global: &Section, data_dir: Option<&FileSetting>, findings: &mut Findings) -> Option<PkiListener> {
    let Some(Setting { value: Value::Listen { port, place }, at }) = global.last("pki_listener") else {
        if let Some(at) = global.at("pki_url") {
            let error = Diagnostic::error(at, "'pki_url' needs 'pki_listener'.");
            findings
                .add(error.hint("add `pki_listener PORT`, or remove this line: nobody would answer there"));
        }
        return None;
    };
    if data_dir.is_none() {
        let error = Diagnostic::error(at.clone(), "'pki_listener' needs 'data_dir'.");
        findings.add(error.hint("it gives out what the CA of a data directory signs; `sealmq up` makes one"));
    }
    let bind = Bind::Tcp { port: *port, address: place.clone(), family: SocketFamily::Any, interface: None };
    let url = global.last("pki_url").and_then(|setting| {
        let Value::Url(url) = &setting.value else { return None };
        Some(url.clone())
    });
    Some(PkiListener { bind, url, at: at.clone() })
}

fn counts<'a>(section: &'a Section, key: &str) -> Option<&'a [u32]> {
    let Value::Counts(numbers) = &section.last(key)?.value else { return None };
    Some(numbers)
}

fn taken_back(global: &Section) -> TakenBack {
    let live = |key: &str| match global.flag(key) {
        Some(false) => LiveSession::Stays,
        Some(true) | None => LiveSession::Ends,
    };
    TakenBack {
        revoked: live("revocation_kick"),
        expired: live("expiry_kick"),
        will: match global.word("revocation_will") {
            Some("drop") => WillOfTheRefused::Dropped,
            Some(_) | None => WillOfTheRefused::Published,
        },
    }
}

/// A limit where any negative number and 0 are "none", as in mosquitto.
pub(super) fn if_positive(section: &Section, key: &str) -> Option<u32> {
    section.bounded(key).filter(|limit| *limit > 0)
}

/// As mosquitto: negative, 0 and 65,535 are no limit.
fn inflight(global: &Section) -> Option<u16> {
    match global.number("max_inflight_messages") {
        None => Some(INFLIGHT_DEFAULT),
        Some(number) => u16::try_from(number).ok().filter(|number| !matches!(*number, 0 | u16::MAX)),
    }
}

fn seconds(section: &Section, key: &str) -> Option<u64> {
    let Value::Seconds(seconds) = section.last(key)?.value else { return None };
    Some(seconds)
}

fn log(global: &Section, base: &Base, findings: &mut Findings) -> Log {
    Log {
        dest: destinations(global, base, findings),
        facility: global.bounded("log_facility"),
        types: types(global),
        timestamp: global.flag("log_timestamp").unwrap_or(true),
        timestamp_format: global.text("log_timestamp_format"),
        connection_messages: global.flag("connection_messages").unwrap_or(true),
        format: match global.word("log_format") {
            Some("json") => LogFormat::Json,
            Some(_) | None => LogFormat::Human,
        },
    }
}

/// In the order written; `none` clears what came before it, as in mosquitto. There is one file at most.
fn destinations(global: &Section, base: &Base, findings: &mut Findings) -> Vec<LogDest> {
    let mut found = Vec::new();
    let mut file_named = false;
    for setting in global.all("log_dest") {
        let Value::LogDest(destination) = &setting.value else { continue };
        let dest = match destination {
            Destination::Stdout => LogDest::Stdout,
            Destination::Stderr => LogDest::Stderr,
            Destination::Syslog => LogDest::Syslog,
            Destination::Topic => LogDest::Topic,
            Destination::File(written) => {
                let (path, at) = (base.join(written), setting.at.clone());
                if std::mem::replace(&mut file_named, true) {
                    findings.add(
                        Diagnostic::error(at.clone(), "Duplicate \"log_dest file\" value.")
                            .hint("leave one of the lines: there is one log file"),
                    );
                }
                LogDest::File(FileSetting { path, written: written.clone(), at })
            }
            Destination::None => {
                found.clear();
                continue;
            }
        };
        if !found.contains(&dest) {
            found.push(dest);
        }
    }
    if !global.has("log_dest") {
        found.push(LogDest::Stderr);
    }
    if found.is_empty() {
        findings.add(Diagnostic::notice(global.at("log_dest"), "no log lines are written (log_dest none)."));
    }
    found
}

/// In the order written: `none` clears and `all` sets everything.
fn types(global: &Section) -> LogTypes {
    let written = global.all("log_type");
    if written.is_empty() {
        return LogTypes::DEFAULT;
    }
    let mut types = LogTypes::NONE;
    for setting in written {
        let Value::Word(choice) = setting.value else { continue };
        match choice.word {
            "none" => types = LogTypes::NONE,
            "all" => types = LogTypes::ALL,
            "error" => types.error = true,
            "warning" => types.warning = true,
            "notice" => types.notice = true,
            "information" => types.information = true,
            "debug" => types.debug = true,
            "subscribe" => types.subscribe = true,
            "unsubscribe" => types.unsubscribe = true,
            "websockets" => types.websockets = true,
            _ => types.internal = true,
        }
    }
    types
}
