//! The words that mosquitto 2.1 uses, because scripts and people look for them.

use crate::reading::{errors, read};
use sealmq_config::Exit;

/// The text, and the error that its last line gives.
const CASES: &[(&str, &str)] = &[
    ("unknown_option unknown", "Unknown configuration variable 'unknown_option'."),
    ("user", "Empty 'user' value in configuration."),
    ("user ", "Empty 'user' value in configuration."),
    ("user  ", "Empty 'user' value in configuration."),
    ("pid_file /tmp/pid\npid_file /tmp/pid", "Duplicate 'pid_file' value in configuration."),
    ("memory_limit", "Empty 'memory_limit' value in configuration."),
    ("memory_limit -1", "Invalid 'memory_limit' value (-1)."),
    (
        "accept_protocol_versions 3",
        "The 'accept_protocol_versions' option requires a listener to be defined first.",
    ),
    (
        "port 1883\naccept_protocol_versions 3",
        "The 'accept_protocol_versions' option requires a listener to be defined first.",
    ),
    ("listener 1883\naccept_protocol_versions", "Empty 'accept_protocol_versions' value in configuration."),
    (
        "listener 1883\naccept_protocol_versions  , ,",
        "Empty 'accept_protocol_versions' value in configuration.",
    ),
    ("allow_anonymous", "Empty 'allow_anonymous' value in configuration."),
    ("allow_anonymous falst", "Invalid 'allow_anonymous' value (falst)."),
    ("allow_anonymous True", "Invalid 'allow_anonymous' value (True)."),
    ("autosave_interval", "Empty 'autosave_interval' value in configuration."),
    ("autosave_interval string", "'autosave_interval' value not a number."),
    ("autosave_interval 99999999999", "'autosave_interval' value out of range."),
    ("listener", "Empty 'listener port' value in configuration."),
    ("listener string", "'listener port' value not a number."),
    ("listener 65536", "Invalid 'port' value (65536)."),
    ("listener -1", "Invalid 'port' value (-1)."),
    ("listener 0", "A listener with port 0 must provide a Unix socket path."),
    ("listener 0 # /run/mqtt.sock", "A listener with port 0 must provide a Unix socket path."),
    ("port 0", "Invalid 'port' value (0)."),
    ("mount_point test/", "The 'mount_point' option requires a listener to be defined first."),
    (
        "listener 1883\nmount_point test/+/",
        "Invalid 'mount_point' value (test/+/). Does it contain a wildcard character?",
    ),
    (
        "listener 1883\nmount_point test/#",
        "Invalid 'mount_point' value (test/#). Does it contain a wildcard character?",
    ),
    ("listener 1883\nprotocol", "Empty 'protocol' value in configuration."),
    ("listener 1883\nprotocol test", "Invalid 'protocol' value (test)."),
    ("listener 1883\nsocket_domain ipv5", "Invalid 'socket_domain' value 'ipv5' in configuration."),
    ("cafile ca.crt", "The 'cafile' option requires a listener to be defined first."),
    ("tls_version tlsv1.2", "The 'tls_version' option requires a listener to be defined first."),
    (
        "listener_allow_anonymous true",
        "The 'listener_allow_anonymous' option requires a listener to be defined first.",
    ),
    (
        "per_listener_settings true\nallow_anonymous true",
        "The 'allow_anonymous' option requires a listener to be defined first.",
    ),
    (
        "per_listener_settings true\npassword_file f",
        "The 'password_file' option requires a listener to be defined first.",
    ),
    (
        "per_listener_settings true\nacl_file f",
        "The 'acl_file' option requires a listener to be defined first.",
    ),
    (
        "allow_anonymous true\nper_listener_settings true",
        "per_listener_settings must be set before any other security settings.",
    ),
    (
        "plugin_opt_inval string",
        "The 'plugin_opt_inval' option requires plugin/global_plugin/plugin_load to be defined first.",
    ),
    (
        "auth_opt_inval string",
        "The 'auth_opt_inval' option requires plugin/global_plugin/plugin_load to be defined first.",
    ),
    (
        "auth_plugin_deny_special_chars true",
        "An auth_plugin_deny_special_chars option exists in the config file without a plugin.",
    ),
    ("plugin c/auth_plugin.so\nplugin_opt_ string", "Invalid 'plugin_opt_' config option."),
    ("plugin c/auth_plugin.so\nplugin_opt_test", "Empty 'test' value in configuration."),
    ("listener 1883\nplugin_use x", "Plugin 'x' not previously loaded."),
    ("maximum_qos 3", "'max_qos' must be between 0 and 2 inclusive."),
    ("max_qos -1", "'max_qos' must be between 0 and 2 inclusive."),
    ("max_inflight_messages 65536", "'max_inflight_messages' must be <= 65535."),
    ("max_packet_size 19", "'max_packet_size' must be >= 20."),
    ("message_size_limit -1", "Invalid 'message_size_limit' value (4294967295)."),
    ("listener\t1883", "Unknown configuration variable 'listener\t1883'."),
    ("listener 1883\n\tallow_anonymous true", "Unknown configuration variable '\tallow_anonymous'."),
    ("allow_anonymous true\t", "Invalid 'allow_anonymous' value (true\t)."),
    ("\u{feff}listener 1883", "Unknown configuration variable '\u{feff}listener'."),
    ("listener 1883\n  # indented", "Unknown configuration variable '#'."),
    ("plugin", "Missing plugin path for plugin name '(null)'."),
    ("plugin_load p", "Missing plugin path for plugin name 'p'."),
    (
        "plugin_load p c/mosquitto_acl_file.so\nplugin_load p c/mosquitto_acl_file.so",
        "Duplicate plugin name 'p'.",
    ),
    ("connection b\naddress localhost:x", "Invalid bridge port value (0)."),
    ("connection b\naddress localhost:65536", "Invalid bridge port value (65536)."),
    ("connection b\ntopic a out 3", "Invalid bridge QoS level '3'."),
    ("connection b\ntopic a out -1", "Invalid bridge QoS level '-1'."),
    ("message_size_limit 556000000", "Invalid 'message_size_limit' value (556000000)."),
    ("max_keepalive 65536", "Invalid 'max_keepalive' value (65536)."),
    ("max_keepalive -1", "Invalid 'max_keepalive' value (-1)."),
    ("listener 1883\nmax_topic_alias 65536", "Invalid 'max_topic_alias' value in configuration."),
    ("listener 1883\nmax_topic_alias -1", "Invalid 'max_topic_alias' value in configuration."),
    (
        "listener 1883\nmax_topic_alias_broker 65536",
        "Invalid 'max_topic_alias_broker' value in configuration.",
    ),
    ("listener 1883\nmax_topic_alias_broker -1", "Invalid 'max_topic_alias_broker' value in configuration."),
    ("listener 1883\nlistener_auto_id_prefix", "Empty 'listener_auto_id_prefix' value in configuration."),
    (
        "listener 1883\nlistener_auto_id_prefix aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "'listener_auto_id_prefix' length must be <= 50.",
    ),
    (
        "auto_id_prefix aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "auto_id_prefix length must be <= 50.",
    ),
    ("websockets_headers_size 65536", "Packet buffer size must be between 0 and 65535 inclusive."),
    ("websockets_headers_size -1", "Packet buffer size must be between 0 and 65535 inclusive."),
    ("connection_rate", "Empty 'connection_rate' value in configuration."),
    ("connection_rate 5", "'connection_rate' value without BURST."),
    ("connection_rate 5 0", "Invalid 'connection_rate' value (0)."),
    ("connection_rate -1 5", "Invalid 'connection_rate' value (-1)."),
    ("ban_after 3 60", "'ban_after' value without DURATION."),
    ("ban_after 3 60 lots", "'ban_after' value not a number."),
    ("sys_interval -1", "Invalid 'sys_interval' value (-1)."),
    ("sys_interval 65536", "Invalid 'sys_interval' value (65536)."),
    ("retain_expiry_interval 0", "retain_expiry_interval must be >= 1."),
    ("log_facility 8", "Invalid 'log_facility' value (8)."),
    ("log_type", "Empty 'log_type' value in configuration."),
    ("log_type everything", "Invalid 'log_type' value (everything)."),
    ("log_dest", "Empty 'log_dest' value in configuration."),
    ("log_dest printer", "Invalid 'log_dest' value (printer)."),
    ("log_dest file", "Empty \"log_dest file\" value in configuration."),
    ("persistent_client_expiration", "Empty 'persistent_client_expiration' value in configuration."),
    ("persistent_client_expiration 14", "Invalid 'persistent_client_expiration' duration in configuration."),
    ("persistent_client_expiration 0d", "Invalid 'persistent_client_expiration' duration in configuration."),
    (
        "persistent_client_expiration 99999999999999999999y",
        "Invalid 'persistent_client_expiration' duration in configuration.",
    ),
    ("listener 1883\nenable_proxy_protocol 3", "enable_proxy_protocol must be 1 or 2."),
    ("listener 1883\nenable_proxy_protocol 0", "enable_proxy_protocol must be 1 or 2."),
    ("listener 1883\ntls_version tlsv2", "Unsupported tls_version \"tlsv2\"."),
    ("connection", "Empty 'connection' value in configuration."),
    ("include_dir", "Empty 'include_dir' value in configuration."),
    ("include_dir nowhere", "Unable to open include_dir 'nowhere'."),
];

#[test]
fn the_texts_are_mosquittos() {
    let mut failures = Vec::new();
    for (text, expected) in CASES {
        let line = text.lines().count();
        let expected = format!("{line}: Error: {expected}");
        let found = errors(text);
        if !found.contains(&expected) {
            failures.push(format!("{text:?}: {expected} is not in {found:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn in_a_comment_behind_a_value_any_byte_may_stand_but_not_in_a_value_that_takes_the_line() {
    assert_eq!(errors(b"max_keepalive 10 # gr\xf6\xdfer\r\nlistener 1883 # \x07\n"), [""; 0]);
    let malformed = "1: Error: Malformed UTF-8 in configuration.";
    assert_eq!(errors(b"pid_file a # gr\xf6\xdfer\n"), [malformed]);
    assert_eq!(errors(b"max_keepalive \xf6 # c\n"), [malformed]);
}

#[test]
fn every_error_has_a_hint() {
    let without: Vec<String> = CASES
        .iter()
        .flat_map(|(text, _)| read(text).diagnostics)
        .filter(|found| found.is_error() && !found.to_string().contains("\nhint: "))
        .map(|found| found.to_string())
        .collect();
    assert!(without.is_empty(), "{}", without.join("\n"));
}

#[test]
fn an_error_is_printed_with_its_place_as_mosquitto_does_and_with_a_hint() {
    let parsed = read("\nallow_anonymous falst\n");
    assert_eq!(
        parsed.diagnostics[0].to_string(),
        "Error: Invalid 'allow_anonymous' value (falst).\nError found at test.conf:2.\n\
         hint: write `allow_anonymous true` or `allow_anonymous false`, in small letters"
    );
    assert_eq!(parsed.diagnostics[0].exit.code(), 3);
}

#[test]
fn a_typing_error_in_a_key_is_recognised() {
    let parsed = read("lisener 8883\nallow_anonymus true\n");
    let hints: Vec<_> = parsed
        .diagnostics
        .iter()
        .filter(|found| found.is_error())
        .map(|found| found.hint.clone().unwrap())
        .collect();
    assert_eq!(hints, ["did you mean `listener`?", "did you mean `allow_anonymous`?"]);
}

#[test]
fn all_errors_come_at_once() {
    let found = errors("allow_anonymous falst\nnonsense 1\nlistener 8883\nmax_qos 3\nkeyfile k\n");
    assert_eq!(
        found,
        [
            "1: Error: Invalid 'allow_anonymous' value (falst).",
            "2: Error: Unknown configuration variable 'nonsense'.",
            "4: Error: 'max_qos' must be between 0 and 2 inclusive.",
            "5: Error: Both certfile and keyfile must be provided to enable a TLS listener.",
        ]
    );
}

#[test]
fn exit_codes_are_mosquittos() {
    let exit = |text: &str| read(text).diagnostics.iter().find(|finding| finding.is_error()).unwrap().exit;
    assert_eq!(exit("listener 8883\ncafile ca.crt"), Exit::Configuration);
    assert_eq!(exit("listener 8883\ncertfile c.crt"), Exit::Configuration);
    assert_eq!(exit("listener 8883\ntls_version tlsv1.1"), Exit::Unusable);
    assert_eq!([Exit::Configuration.code(), Exit::Unusable.code(), Exit::FileAccess.code()], [3, 1, 13]);
}
