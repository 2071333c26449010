//! Bridges are read whole and not started; the broker says so.

use crate::reading::{config, errors, warnings};
use sealmq_config::config::{BridgeAddress, BridgeDirection};

const BRIDGE: &str =
    "connection site2\naddress broker.example.com:8883 192.0.2.1 2001:db8::1:1884 # two more\n";

#[test]
fn a_bridge_is_read_and_its_absence_is_said_loudly_once() {
    let text = format!(
        "{BRIDGE}topic sensors/# out 1\ntopic \"with blank/#\" in 2 local/ remote/\ntopic \"\" both 0 a/ \"\"\n\
        bridge_cafile ca.crt\nbridge_insecure true\nremote_password geheim\n"
    );
    let bridge = config(&text).bridges.remove(0);
    assert_eq!(bridge.name, "site2");
    assert_eq!(bridge.addresses[0], BridgeAddress { host: "broker.example.com".into(), port: 8883 });
    assert_eq!(bridge.addresses[1], BridgeAddress { host: "192.0.2.1".into(), port: 1883 });
    assert_eq!(bridge.addresses[2], BridgeAddress { host: "2001:db8::1".into(), port: 1884 });
    assert_eq!(bridge.addresses.len(), 3);
    let [out, blank, all] = &bridge.topics[..] else { panic!("{:?}", bridge.topics) };
    assert_eq!((out.pattern.as_str(), out.direction, out.qos), ("sensors/#", BridgeDirection::Out, 1));
    assert_eq!(
        (blank.pattern.as_str(), blank.direction, blank.qos),
        ("with blank/#", BridgeDirection::In, 2)
    );
    assert_eq!((blank.local_prefix.as_str(), blank.remote_prefix.as_str()), ("local/", "remote/"));
    assert_eq!((all.pattern.as_str(), all.direction), ("", BridgeDirection::Both));
    assert_eq!((all.local_prefix.as_str(), all.remote_prefix.as_str()), ("a/", ""));
    let found = warnings(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("Warning: Bridge 'site2' is NOT started"), "{found:?}");
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
        ("bridge_reload_type never", "Invalid 'bridge_reload_type' value in configuration (never)."),
        ("bridge_tcp_keepalive 1 2", "Empty 'bridge_tcp_keepalive_counter' value in configuration."),
        ("bridge_tcp_keepalive 0 2 3", "invalid TCP keepalive idle value."),
        ("bridge_tcp_user_timeout -1", "invalid TCP user timeout value."),
        ("keepalive_interval 65536", "Bridge keepalive value too high."),
        ("restart_timeout 10 5", "backoff cap is lower than the base in restart_timeout."),
        ("restart_timeout 5 10 -1", "stable connection period cannot be negative."),
        ("start_type manual", "Invalid 'start_type' value in configuration (manual)."),
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
