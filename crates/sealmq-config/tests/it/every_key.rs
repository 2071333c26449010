//! One test for every row of the table: what it says about a key is what happens to the key.

use crate::reading::{config, of, read};
use sealmq_config::options::{Issue, Kind, OptionRow, Restricts, Scope, Support};
use sealmq_config::{Config, OPTIONS, Severity};

const PLAIN: &str = "listener 8883\n";
const TLS: &str = "listener 8883\ncertfile c.crt\nkeyfile c.key\ncafile ca.crt\n";
const BRIDGE: &str = "connection b\naddress remote\ntopic a out\n";
const TLS_BRIDGE: &str = "connection b\naddress remote\ntopic a out\nbridge_cafile other.crt\n";
const LAZY_BRIDGE: &str = "connection b\naddress remote\ntopic a out\nstart_type lazy\n";

/// The least configuration in which the key may stand, and the line with it.
fn minimal(row: &OptionRow) -> (String, String) {
    let line = match row.scope {
        Scope::AfterPlugin if row.kind == Kind::PluginOption => {
            let (option, value) = row.example.split_once(' ').unwrap();
            format!("{}{option} {value}", row.key)
        }
        _ => format!("{} {}", row.key, row.example),
    };
    let before = match row.scope {
        Scope::GlobalOrListener => match row.key {
            "jwt_issuer" | "jwt_audience" | "jwt_username_claim" | "jwt_acl_claim" => {
                "jwt_key issuer.pem\nlistener 8883\n"
            }
            _ => PLAIN,
        },
        Scope::Global if row.key == "pki_listener" => "data_dir d\n",
        Scope::Global if row.key == "pki_url" => "data_dir d\npki_listener 8080\n",
        Scope::Global | Scope::StartsListener | Scope::DefaultListener => "",
        Scope::MainFile | Scope::StartsBridge | Scope::StartsPlugin => "",
        Scope::Listener | Scope::ListenerOrDefault | Scope::NamedListener => match row.key {
            // Each needs its other half, or shall be seen in a listener without TLS.
            "certfile" => "listener 8883\nkeyfile c.key\n",
            "cafile" => "listener 8883\ncertfile c.crt\nkeyfile c.key\n",
            "keyfile" => "listener 8883\ncertfile c.crt\n",
            "proxy_protocol_from" | "proxy_protocol_v2_require_tls" | "insecure_proxy_from_anyone" => {
                "listener 8883\nenable_proxy_protocol 2\nrequire_certificate true\n"
            }
            "http_dir" | "websockets_origin" => "listener 8080\nprotocol websockets\n",
            "protocol" => PLAIN,
            "max_connections" | "enable_proxy_protocol" | "mount_point" | "socket_domain" => PLAIN,
            _ => TLS,
        },
        Scope::UsesPlugin => "plugin_load dynsec /usr/lib/x.so\nlistener 8883\n",
        Scope::AfterPlugin => "plugin /usr/lib/x.so\n",
        Scope::Bridge if row.key == "address" => "connection b\ntopic a out\n",
        Scope::Bridge => match row.key {
            "bridge_certfile" => {
                "connection b\naddress remote\ntopic a out\nbridge_cafile other.crt\nbridge_keyfile k\n"
            }
            "bridge_keyfile" => {
                "connection b\naddress remote\ntopic a out\nbridge_cafile other.crt\nbridge_certfile c\n"
            }
            "bridge_cafile" | "bridge_capath" | "bridge_tls_use_os_certs" => BRIDGE,
            "idle_timeout" | "threshold" => LAZY_BRIDGE,
            key if key.starts_with("bridge_tls") || key.starts_with("bridge_ciphers") => TLS_BRIDGE,
            "bridge_insecure" | "bridge_alpn" | "bridge_require_ocsp" | "legacy_server_certs" => TLS_BRIDGE,
            _ => BRIDGE,
        },
    };
    let after = match row.scope {
        Scope::StartsBridge => "address remote\ntopic a out\n",
        _ => "",
    };
    (before.to_owned(), format!("{line}\n{after}"))
}

fn without(row: &OptionRow) -> Config {
    let (before, _) = minimal(row);
    let other_half = match row.key {
        "certfile" | "keyfile" => PLAIN,
        "bridge_certfile" | "bridge_keyfile" => TLS_BRIDGE,
        "address" => BRIDGE,
        _ => before.as_str(),
    };
    config(other_half)
}

/// Line numbers move when a line is added; the comparison is about values.
fn without_places(config: &Config) -> String {
    let text = format!("{config:#?}");
    text.lines().filter(|line| !line.trim_start().starts_with("line:")).collect::<Vec<_>>().join("\n")
}

fn check(row: &'static OptionRow) -> Result<(), String> {
    let (before, rest) = minimal(row);
    let line = u32::try_from(before.lines().count() + 1).unwrap();
    let parsed = read(format!("{before}{rest}"));
    let here = |severity| -> Vec<String> {
        let found = of(&parsed, severity);
        let here =
            found.iter().filter(|finding| finding.place.as_ref().is_some_and(|place| place.line == line));
        here.map(ToString::to_string).collect()
    };
    let says = |severity, needles: &[&str]| match here(severity) {
        found if found.iter().any(|text| needles.iter().all(|needle| text.contains(needle))) => Ok(()),
        found => Err(format!("no {severity:?} with {needles:?} at line {line}: {found:#?}")),
    };
    let starts =
        || parsed.config.clone().ok_or_else(|| format!("no configuration: {:#?}", parsed.diagnostics));
    match (row.support, row.restricts) {
        (Support::Honoured, _) if row.scope == Scope::MainFile => Ok(()), // files_and_paths
        (Support::Honoured, _) if row.key == "protocol" => starts().map(|_| ()), // one value only so far
        (Support::Honoured, _) => match without_places(&starts()?) == without_places(&without(row)) {
            true => Err("honoured, but the typed configuration is the same without it".to_owned()),
            false => Ok(()),
        },
        (Support::NotYet(issue), Restricts::Yes) => {
            says(Severity::Error, &[row.key, issue.title(), "hint: ", &format!("test.conf:{line}")])
        }
        (Support::NotYet(issue), Restricts::No) => {
            starts()?;
            says(Severity::Warning, &[row.key, issue.title(), "hint: "])
        }
        // After a refused plugin its options say nothing more.
        (Support::Refused { .. }, _) if matches!(row.scope, Scope::AfterPlugin | Scope::UsesPlugin) => {
            match of(&parsed, Severity::Error).is_empty() {
                true => Err("a plugin's key did not stop the start".to_owned()),
                false => Ok(()),
            }
        }
        (Support::Refused { .. }, _) if row.scope == Scope::StartsPlugin => {
            says(Severity::Error, &["mosquitto_dynamic_security.so", "loads no C plugins", "hint: "])
        }
        (Support::Refused { reason, alternative }, _) => {
            says(Severity::Error, &[row.key, reason, alternative, &format!("test.conf:{line}")])
        }
        (Support::Ignored(warning), Restricts::No) => {
            starts()?;
            says(Severity::Warning, &[warning])
        }
        (Support::Ignored(_), Restricts::Yes) => Err("a restricting key must not be ignored".to_owned()),
    }
}

#[test]
fn every_key_does_what_its_row_says() {
    let failures: Vec<_> =
        OPTIONS.iter().filter_map(|row| check(row).err().map(|why| format!("{}: {why}", row.key))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_alias_does_what_its_key_does() {
    for row in &OPTIONS {
        for alias in row.aliases {
            let (before, rest) = minimal(row);
            let by_key = read(format!("{before}{rest}"));
            let by_alias = read(format!("{before}{}", rest.replacen(row.key, alias, 1)));
            assert_eq!(by_key.config.is_some(), by_alias.config.is_some(), "{alias}");
            if let (Some(a), Some(b)) = (&by_key.config, &by_alias.config) {
                assert_eq!(without_places(a), without_places(b), "{alias}");
            }
            assert_eq!(by_key.diagnostics.len(), by_alias.diagnostics.len(), "{alias}");
        }
    }
}

#[test]
fn no_two_rows_answer_to_the_same_word() {
    let mut words: Vec<_> =
        OPTIONS.iter().flat_map(|row| std::iter::once(row.key).chain(row.aliases.iter().copied())).collect();
    words.sort_unstable();
    let count = words.len();
    words.dedup();
    assert_eq!(words.len(), count);
}

/// The keys of mosquitto 2.1's manual page, and the spellings that its parser knows besides.
const MOSQUITTO: &str = "acl_file allow_anonymous allow_duplicate_messages allow_zero_length_clientid auth_plugin plugin \
    global_plugin auth_plugin_deny_special_chars plugin_load plugin_use auto_id_prefix autosave_interval \
    autosave_on_changes check_retain_source clientid_prefixes connection_messages enable_control_api global_max_clients \
    global_max_connections include_dir log_dest log_facility log_timestamp log_timestamp_format log_type \
    max_inflight_bytes max_inflight_messages max_keepalive max_packet_size max_queued_bytes max_queued_messages \
    memory_limit message_size_limit password_file per_listener_settings persistence retained_persistence \
    persistence_file persistence_location persistent_client_expiration pid_file psk_file queue_qos0_messages \
    retain_available retain_expiry_interval retry_interval set_tcp_nodelay sys_interval upgrade_outgoing_qos user \
    bind_address port listener accept_protocol_versions bind_interface enable_proxy_protocol \
    proxy_protocol_v2_require_tls http_dir listener_allow_anonymous listener_auto_id_prefix max_connections max_qos \
    maximum_qos max_topic_alias max_topic_alias_broker mount_point protocol socket_domain use_username_as_clientid \
    packet_buffer_size websockets_headers_size websockets_log_level websockets_origin cafile capath certfile keyfile \
    ciphers ciphers_tls1.3 crlfile dhparamfile disable_client_cert_date_checks require_certificate tls_engine \
    tls_engine_kpass_sha1 tls_keyform tls_version use_identity_as_username use_subject_as_username psk_hint connection \
    address addresses topic bridge_attempt_unsubscribe bridge_bind_address bridge_max_packet_size \
    bridge_max_topic_alias bridge_outgoing_retain bridge_protocol_version bridge_receive_maximum \
    bridge_session_expiry_interval bridge_tcp_keepalive bridge_tcp_user_timeout bridge_reload_type cleansession \
    local_cleansession keepalive_interval idle_timeout threshold start_type restart_timeout round_robin try_private \
    notifications notifications_local_only notification_topic local_clientid local_username local_password \
    remote_clientid clientid remote_username username remote_password password bridge_cafile bridge_capath \
    bridge_tls_use_os_certs bridge_certfile bridge_keyfile bridge_insecure bridge_tls_version bridge_alpn bridge_ciphers \
    bridge_ciphers_tls1.3 bridge_require_ocsp bridge_identity bridge_psk plugin_opt_x auth_opt_x";

#[test]
fn every_key_of_mosquitto_is_known() {
    let missing: Vec<_> =
        MOSQUITTO.split_whitespace().filter(|key| sealmq_config::options::find(key).is_none()).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn what_is_not_honoured_names_work_that_is_planned() {
    let titles = [Issue::CompleteBroker, Issue::CertificatesForLife, Issue::NothingLost].map(Issue::title);
    assert_eq!(titles, ["A complete broker", "Certificates for life", "Nothing acknowledged is lost"]);
}

/// Every key after the other, for the robustness tests.
pub(crate) fn whole_table() -> String {
    OPTIONS
        .iter()
        .map(|row| {
            let (before, rest) = minimal(row);
            format!("{before}{rest}")
        })
        .collect()
}

/// What decides who may connect, as whom, to what, over which TLS, or how much: by judgement of people, so that a slip
/// in the table does not turn a stop into a warning.
const RESTRICTING: &str = "acl_file allow_anonymous plugin plugin_load plugin_use plugin_opt_ \
    auth_plugin_deny_special_chars check_retain_source clientid_prefixes global_max_clients global_max_connections \
    max_inflight_messages max_inflight_bytes max_keepalive max_packet_size max_queued_bytes max_queued_messages \
    memory_limit message_size_limit password_file psk_file user bind_address port listener accept_protocol_versions \
    bind_interface enable_proxy_protocol proxy_protocol_v2_require_tls listener_allow_anonymous max_connections max_qos \
    max_topic_alias max_topic_alias_broker mount_point protocol socket_domain use_username_as_clientid \
    websockets_origin cafile capath certfile keyfile ciphers ciphers_tls1.3 crlfile disable_client_cert_date_checks \
    require_certificate tls_engine tls_engine_kpass_sha1 tls_keyform tls_version use_identity_as_username \
    use_subject_as_username psk_hint retain_available allow_zero_length_clientid data_dir session_owner connection_rate ban_after \
    legacy_client_certs tls_record_size_max identity_source client_id_matches_identity identity_issuers trust_intermediates crl_policy crl_check \
    client_ocsp revocation_kick expiry_kick revocation_will sni_certificate alpn resumption proxy_protocol_from insecure_proxy_from_anyone \
    scram_file jwt_key jwt_issuer jwt_audience jwt_username_claim jwt_acl_claim";

#[test]
fn what_restricts_is_known_to_restrict() {
    let restricting: Vec<_> = RESTRICTING.split_whitespace().collect();
    for key in &restricting {
        let row = OPTIONS.iter().find(|row| row.key == *key).unwrap_or_else(|| panic!("{key}"));
        assert_eq!(row.restricts, Restricts::Yes, "{key}");
    }
    let others =
        OPTIONS.iter().filter(|row| row.restricts == Restricts::Yes && !restricting.contains(&row.key));
    let others: Vec<_> = others.filter(|row| row.scope != Scope::Bridge).map(|row| row.key).collect();
    assert_eq!(others, Vec::<&str>::new());
}
