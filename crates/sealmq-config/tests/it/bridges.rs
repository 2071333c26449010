//! Bridges: mosquitto's keys, defaults and errors, typed.

use crate::reading::{config, errors, warnings};
use sealmq_bridge::{AddressOrder, Restart, Start, StartType};
use sealmq_config::config::{BridgeAddress, BridgeReload, LegacyServerCerts, TcpKeepalive};
use sealmq_config::{Bridge, TlsVersions};
use sealmq_mqtt::{QoS, Version};

const BRIDGE: &str =
    "connection site2\naddress broker.example.com:8883 192.0.2.1 2001:db8::1:1884 # two more\n";

fn bridge(lines: &str) -> Bridge {
    config(format!("connection site2\naddress remote\ntopic a\n{lines}")).bridges.remove(0)
}

/// C's `atoi`: guides write `topic a in "" ""`, and scripts leave a slash behind the port.
#[test]
fn numbers_of_addresses_and_topics_are_read_as_far_as_they_are_numbers() {
    let bridge =
        config("connection b\naddress h:1884/\ntopic a in \"\" \"\"\ntopic b out 1x\n").bridges.remove(0);
    assert_eq!(bridge.addresses, [BridgeAddress { host: "h".into(), port: 1884 }]);
    let qos: Vec<_> = bridge.topics.iter().map(|topic| (topic.local_filter(), topic.qos())).collect();
    assert_eq!(qos, [("a", QoS::AtMostOnce), ("b", QoS::AtLeastOnce)]);
}

#[test]
fn addresses_and_topics_are_read() {
    let text = format!(
        "{BRIDGE}topic sensors/# out 1\ntopic \"with blank/#\" in 2 local/ remote/\ntopic \"\" both 0 here there\n\
        topic sensors/# out 1\n"
    );
    let bridge = config(&text).bridges.remove(0);
    assert_eq!(bridge.name, "site2");
    assert_eq!(bridge.addresses[0], BridgeAddress { host: "broker.example.com".into(), port: 8883 });
    assert_eq!(bridge.addresses[1], BridgeAddress { host: "192.0.2.1".into(), port: 1883 });
    assert_eq!(bridge.addresses[2], BridgeAddress { host: "2001:db8::1".into(), port: 1884 });
    assert_eq!(bridge.addresses.len(), 3);
    let [out, blank, all] = &bridge.topics[..] else { panic!("{:?}", bridge.topics) };
    assert_eq!(
        (out.local_filter(), out.remote_filter(), out.qos()),
        ("sensors/#", "sensors/#", QoS::AtLeastOnce)
    );
    assert!(out.goes_out() && !out.comes_in());
    assert_eq!((blank.local_filter(), blank.remote_filter()), ("local/with blank/#", "remote/with blank/#"));
    assert!(blank.comes_in() && !blank.goes_out());
    assert_eq!((all.local_filter(), all.remote_filter()), ("here", "there"));
    assert!(all.goes_out() && all.comes_in());
    assert_eq!(warnings(&text), Vec::<String>::new());
}

#[test]
fn defaults_are_mosquittos() {
    let bridge = bridge("");
    assert_eq!((bridge.protocol_version, bridge.try_private), (Version::V311, true));
    assert_eq!((bridge.cleansession, bridge.local_cleansession), (Start::Resume, Start::Resume));
    assert_eq!((bridge.keepalive_interval, bridge.start_type), (60, StartType::Automatic));
    assert_eq!(bridge.restart_timeout, Restart::Jitter { base: 5_000, cap: 30_000, stable: 0 });
    assert_eq!((bridge.address_order, bridge.reload_type), (AddressOrder::PreferFirst, BridgeReload::Lazy));
    assert!(bridge.notifications && bridge.attempt_unsubscribe && bridge.outgoing_retain);
    assert_eq!((bridge.max_topic_alias, bridge.session_expiry_interval), (10, 0));
    assert_eq!((bridge.receive_maximum, bridge.max_packet_size), (None, None));
    assert_eq!(bridge.remote_client_id("host"), "host.site2");
    assert_eq!(bridge.local_client_id("host"), "local.host.site2");
    assert_eq!(bridge.tls, None);
}

#[test]
fn what_is_written_counts() {
    assert_eq!(bridge("cleansession true\n").local_cleansession, Start::Clean);
    assert_eq!(bridge("cleansession true\nlocal_cleansession false\n").local_cleansession, Start::Resume);
    assert_eq!(bridge("keepalive_interval 2\n").keepalive_interval, 5);
    assert_eq!(bridge("restart_timeout 7\n").restart_timeout, Restart::Constant(7_000));
    // As far as they are numbers; the first is 1 at least.
    assert_eq!(bridge("restart_timeout 7s\n").restart_timeout, Restart::Constant(7_000));
    assert_eq!(bridge("restart_timeout soon\n").restart_timeout, Restart::Constant(1_000));
    // The comment's words are the third number, as in mosquitto.
    assert_eq!(
        bridge("restart_timeout 5 10 # s\n").restart_timeout,
        Restart::Jitter { base: 5_000, cap: 10_000, stable: 0 }
    );
    assert_eq!(
        bridge("restart_timeout 10 9999 20\n").restart_timeout,
        Restart::Jitter { base: 10_000, cap: 7_200_000, stable: 20_000 }
    );
    assert_eq!(
        bridge("start_type lazy\nthreshold 0\n").start_type,
        StartType::Lazy { idle_secs: 60, threshold: 1 }
    );
    let keepalive = TcpKeepalive { idle_secs: 60, interval_secs: 10, count: 3 };
    assert_eq!(bridge("bridge_tcp_keepalive 60 10 3\n").tcp_keepalive, Some(keepalive));
    assert_eq!(bridge("bridge_session_expiry_interval 0xFFFFFFFF\n").session_expiry_interval, u32::MAX);
    assert_eq!(bridge("clientid site1\n").local_client_id("host"), "local.site1");
    assert_eq!(bridge("local_clientid here\n").local_client_id("host"), "here");
}

#[test]
fn a_password_is_never_shown() {
    let bridge = bridge("remote_username a\nremote_password geheim\nlocal_password heimlich\n");
    assert_eq!(bridge.remote_password.as_ref().unwrap().0, "geheim");
    let shown = format!("{bridge:?}");
    assert!(!shown.contains("geheim") && !shown.contains("heimlich"), "{shown}");
}

#[test]
fn a_ca_turns_tls_on() {
    let tls = bridge("bridge_cafile ca.crt\n").tls.unwrap();
    assert!(tls.cafile.is_some() && !tls.insecure && !tls.use_os_certs);
    assert_eq!((tls.versions, tls.legacy_server_certs), (TlsVersions::From12, LegacyServerCerts::Warn));
    assert!(bridge("bridge_capath ca.d\n").tls.is_some());
    assert!(bridge("bridge_tls_use_os_certs true\n").tls.unwrap().use_os_certs);
    assert_eq!(bridge("bridge_tls_use_os_certs false\n").tls, None);
    let tls =
        bridge("bridge_cafile ca.crt\nlegacy_server_certs deny\nbridge_tls_version tlsv1.3\n").tls.unwrap();
    assert_eq!((tls.versions, tls.legacy_server_certs), (TlsVersions::Only13, LegacyServerCerts::Deny));
}

#[test]
fn what_only_tls_can_keep_stops_the_start_of_a_plain_bridge() {
    for line in [
        "bridge_certfile c",
        "bridge_keyfile k",
        "bridge_tls_version tlsv1.3",
        "bridge_ciphers ECDHE-RSA-AES256-GCM-SHA384",
        "bridge_ciphers_tls1.3 TLS_AES_256_GCM_SHA384",
        "bridge_require_ocsp true",
    ] {
        let found = errors(format!("{BRIDGE}topic a\n{line}\n"));
        assert!(found.iter().any(|text| text.contains("the bridge would be plaintext")), "{line}: {found:?}");
        let rest = if line.contains("file") { "bridge_certfile c\nbridge_keyfile k" } else { line };
        assert_eq!(
            errors(format!("{BRIDGE}topic a\nbridge_cafile ca\n{rest}\n")),
            Vec::<String>::new(),
            "{line}"
        );
    }
    let found = errors(format!("{BRIDGE}topic a\nbridge_cafile ca\nbridge_certfile c\n"));
    assert!(found[0].contains("Both bridge_certfile and bridge_keyfile must be provided"), "{found:?}");
}

#[test]
fn what_cannot_be_checked_or_spoken_stops_the_start() {
    for (line, reason) in [("bridge_identity site1", "TLS-PSK"), ("bridge_psk 0123456789abcdef", "TLS-PSK")] {
        let found = errors(format!("{BRIDGE}topic a\nbridge_cafile ca\n{line}\n"));
        assert!(found.len() == 1 && found[0].contains(reason), "{line}: {found:?}");
    }
}

#[test]
fn ocsp_is_required_where_the_line_says_so() {
    for (line, required) in
        [("", false), ("bridge_require_ocsp false\n", false), ("bridge_require_ocsp true\n", true)]
    {
        let tls = bridge(&format!("bridge_cafile ca\n{line}")).tls.unwrap();
        assert_eq!(tls.require_ocsp, required, "{line}");
    }
    // What asks for nothing needs no TLS.
    assert_eq!(errors(format!("{BRIDGE}topic a\nbridge_require_ocsp false\n")), Vec::<String>::new());
}

#[test]
fn two_bridges_have_two_local_client_ids() {
    let two = |more: &str| {
        errors(format!("connection a\naddress x\ntopic t\n{more}connection b\naddress y\ntopic t\n{more}"))
    };
    assert_eq!(two(""), Vec::<String>::new());
    for more in ["local_clientid same\n", "remote_clientid same\n"] {
        let found = two(more);
        assert!(found.len() == 1 && found[0].contains("is not unique. Try changing or setting"), "{found:?}");
    }
}

#[test]
fn errors_of_bridges_are_mosquittos() {
    let with = |line: &str| errors(format!("{BRIDGE}topic a\n{line}\n"));
    for (line, text) in [
        ("topic", "Empty 'topic' value in configuration."),
        ("topic \"missing quote", "Missing closing quote in topic value (quote)."),
        ("topic a sideways", "Invalid bridge topic direction 'sideways'."),
        ("topic a out 3", "Invalid bridge QoS level '3'."),
        ("address b", "Invalid bridge configuration, 'address' only allowed once."),
        ("bridge_max_topic_alias 65536", "bridge_max_topic_alias must be > 0 and <= 65535."),
        ("bridge_protocol_version mqttv4", "Invalid 'bridge_protocol_version' value (mqttv4)."),
        ("bridge_protocol_version mqttv50 # 5.0", "Invalid 'bridge_protocol_version' value (mqttv50 # 5.0)."),
        ("bridge_reload_type never", "Invalid 'bridge_reload_type' value in configuration (never)."),
        ("bridge_tcp_keepalive 1 2", "Empty 'bridge_tcp_keepalive_counter' value in configuration."),
        ("bridge_tcp_keepalive 0 2 3", "invalid TCP keepalive idle value."),
        ("bridge_tcp_user_timeout -1", "invalid TCP user timeout value."),
        ("keepalive_interval 65536", "Bridge keepalive value too high."),
        ("bridge_tcp_keepalive", "Empty 'bridge_tcp_keepalive_idle' value in configuration."),
        ("bridge_tcp_keepalive 1", "Empty 'bridge_tcp_keepalive_interval' value in configuration."),
        ("bridge_tcp_keepalive 1 0 3", "invalid TCP keepalive interval value."),
        ("bridge_tcp_keepalive 1 2 0", "invalid TCP keepalive counter value."),
        ("bridge_tcp_keepalive a b c", "'bridge_tcp_keepalive_idle' value not a number."),
        ("restart_timeout 5 # seconds", "backoff cap is lower than the base in restart_timeout."),
        ("restart_timeout # seconds", "backoff cap is lower than the base in restart_timeout."),
        ("restart_timeout 10 5", "backoff cap is lower than the base in restart_timeout."),
        ("restart_timeout 5 10 -1", "stable connection period cannot be negative."),
        ("start_type manual", "Manual start_type not supported."),
        ("start_type never", "Invalid 'start_type' value in configuration (never)."),
        ("bridge_receive_maximum 0", "bridge_receive_maximum must be greater than 0."),
        ("bridge_receive_maximum 65536", "bridge_receive_maximum must be lower than 65535."),
        ("bridge_session_expiry_interval -1", "bridge_session_expiry_interval must not be negative."),
        ("topic \"\" both 0 a/ \"\"", "Invalid bridge remapping."),
        ("topic x out 0 a/+/ \"\"", "Invalid bridge topic local prefix 'a/+/'."),
        ("topic x out 0 \"\" b#", "Invalid bridge topic remote prefix 'b#'."),
        ("topic x# out 0 a b", "Invalid bridge topic local prefix and pattern combination 'ax#'."),
        ("notifications maybe", "Invalid 'notifications' value (maybe)."),
        ("local_username a\nlocal_username b", "Duplicate 'bridge local_username' value in configuration."),
        ("connection site2\naddress b\ntopic a", "Duplicate bridge name 'site2'."),
    ] {
        let found = with(line);
        assert!(found.iter().any(|found| found.ends_with(&format!(": Error: {text}"))), "{line}: {found:?}");
    }
    assert_eq!(with(""), Vec::<String>::new());
}

#[test]
fn a_bridge_needs_an_address_and_a_topic() {
    assert_eq!(
        errors("connection a\ntopic x\n"),
        ["1: Error: Invalid bridge configuration: no remote addresses defined."]
    );
    assert_eq!(
        errors("connection a\naddress b\n"),
        ["1: Error: Invalid bridge configuration: no topics defined."]
    );
    assert_eq!(errors("connection a\naddress b:0\ntopic x\n")[0], "2: Error: Invalid bridge port value (0).");
}

#[test]
fn bridge_keys_need_a_bridge() {
    for row in sealmq_config::OPTIONS.iter().filter(|row| row.scope == sealmq_config::options::Scope::Bridge)
    {
        let found = errors(format!("{} x\n", row.key));
        assert_eq!(
            found,
            [format!("1: Error: The '{}' option requires a bridge to be defined first.", row.key)]
        );
    }
}
