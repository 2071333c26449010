//! Where the broker listens, and which keys count for which listener.

use crate::reading::{NAME, config, errors, read, source, warnings};
use sealmq_config::{
    Arguments, BanAfter, Bind, Config, ConnectionRate, Listener, MaxQos, Mode, NoLoader, Protocol,
    ProtocolVersions, SocketFamily, Verbosity, parse,
};
use std::path::Path;

fn with_ports(text: Option<&str>, ports: &[u16]) -> sealmq_config::Parsed {
    let arguments = Arguments { ports: ports.to_vec(), verbosity: Verbosity::FromFile };
    parse(text.map(source).as_ref(), &arguments, &NoLoader)
}

fn addresses(config: &Config) -> Vec<String> {
    let name = |listener: &Listener| match &listener.bind {
        Bind::Tcp { port, address, .. } => format!("{}:{port}", address.as_deref().unwrap_or("*")),
        Bind::Unix { path } => path.display().to_string(),
    };
    config.listeners.iter().map(name).collect()
}

#[test]
fn without_a_file_only_this_machine_is_served_and_anonymous_clients_are_let_in() {
    let config = with_ports(None, &[]).config.unwrap();
    assert_eq!(config.mode, Mode::LocalOnly);
    assert_eq!(addresses(&config), ["127.0.0.1:1883", "::1:1883"]);
    assert!(config.listeners.iter().all(|listener| listener.access.allow_anonymous));
}

#[test]
fn a_file_without_a_listener_does_not_open_the_broker_whatever_else_it_says() {
    // mosquitto 2.0 opens 0.0.0.0:1883 to anonymous clients for each of these.
    for text in ["max_connections 5\n", "use_username_as_clientid true\n", "max_qos 1\n", "sys_interval 5\n"]
    {
        let config = config(text);
        assert_eq!(config.mode, Mode::LocalOnly, "{text}");
        assert_eq!(addresses(&config), ["127.0.0.1:1883", "::1:1883"], "{text}");
    }
    assert_eq!(config("max_connections 5\n").listeners[0].max_connections, Some(5));
    assert!(!config("allow_anonymous false\n").listeners[0].access.allow_anonymous);
    assert!(config("certfile c\nkeyfile k\n").listeners[0].tls.is_some());
}

/// mosquitto 2.1.2 opens both addresses for MQTT, whatever these say.
#[test]
fn neither_protocol_nor_socket_domain_counts_without_a_listener() {
    for (text, key) in [
        ("socket_domain ipv4\n", "socket_domain"),
        ("socket_domain ipv6\n", "socket_domain"),
        ("protocol websockets\n", "protocol"),
        ("protocol http_api\n", "protocol"),
    ] {
        let parsed = with_ports(Some(text), &[]);
        let told = format!("'{key}' without a listener has no effect");
        assert!(parsed.diagnostics.iter().any(|finding| finding.text.contains(&told)), "{text}");
        let config = parsed.config.unwrap();
        assert_eq!(addresses(&config), ["127.0.0.1:1883", "::1:1883"], "{text}");
        for listener in &config.listeners {
            assert_eq!(listener.protocol, Protocol::Mqtt, "{text}");
            assert!(matches!(listener.bind, Bind::Tcp { family: SocketFamily::Any, .. }), "{text}");
        }
        // Under a listener they count, and nothing is said.
        let parsed = with_ports(Some(&format!("listener 1883\n{text}")), &[]);
        assert!(!parsed.diagnostics.iter().any(|finding| finding.text.contains("has no effect")), "{text}");
        let listener = &parsed.config.unwrap().listeners[0];
        let of_family = matches!(listener.bind, Bind::Tcp { family, .. } if family != SocketFamily::Any);
        assert!(of_family || listener.protocol != Protocol::Mqtt, "{text}");
    }
}

/// A name that nobody knows is an error of the file under one key, of the start under the other.
#[test]
fn where_the_address_of_a_listener_stands_is_known() {
    let by_key = config("port 1883\nbind_address host\n").listeners[0].bind_address.clone().unwrap();
    assert_eq!((by_key.text.as_str(), by_key.at.line), ("host", 2));
    assert_eq!(config("listener 1883 host\n").listeners[0].bind_address, None);
}

#[test]
fn ports_of_the_command_line_stay_on_this_machine() {
    let config = with_ports(Some(""), &[1884, 1885]).config.unwrap();
    assert_eq!(addresses(&config), ["127.0.0.1:1884", "::1:1884", "127.0.0.1:1885", "::1:1885"]);
}

#[test]
fn ports_of_the_command_line_do_not_count_beside_listeners() {
    let parsed = with_ports(Some("listener 8883\n"), &[1884]);
    assert_eq!(addresses(&parsed.config.unwrap()), ["*:8883"]);
    assert!(parsed.diagnostics.iter().any(|finding| finding.text.contains("-p is ignored")));
}

#[test]
fn at_most_ten_ports() {
    assert!(with_ports(None, &[1; 10]).config.is_some());
    let parsed = with_ports(None, &[1; 11]);
    assert!(parsed.config.is_none());
    assert_eq!(parsed.diagnostics[0].text, "Error: Only 10 ports can be specified on the command line.");
    assert_eq!(with_ports(None, &[0]).diagnostics[0].text, "Error: Invalid port specified (0).");
}

#[test]
fn a_listener_refuses_anonymous_clients_unless_told_otherwise() {
    assert!(!config("listener 1883\n").listeners[0].access.allow_anonymous);
    assert!(!config("port 1883\n").listeners[0].access.allow_anonymous);
    assert!(config("listener 1883\nallow_anonymous true\n").listeners[0].access.allow_anonymous);
    assert!(config("allow_anonymous true\nlistener 1883\n").listeners[0].access.allow_anonymous);
}

#[test]
fn a_unix_socket_is_a_listener_with_port_0() {
    let config = config("listener 0 /run/mqtt.sock\n");
    assert_eq!(config.listeners[0].bind, Bind::Unix { path: "/run/mqtt.sock".into() });
}

#[test]
fn the_default_listener_takes_port_address_and_the_keys_around_them() {
    let config = config(
        "certfile c\nkeyfile k\nport 8883\nbind_address 192.0.2.1\nsocket_domain ipv4\nbind_interface eth0\n",
    );
    let [listener] = &config.listeners[..] else { panic!("{:?}", config.listeners) };
    let (address, interface) = (Some("192.0.2.1".to_owned()), Some("eth0".to_owned()));
    assert_eq!(listener.bind, Bind::Tcp { port: 8883, address, family: SocketFamily::Ipv4, interface });
    assert!(listener.tls.is_some());
}

#[test]
fn listener_keys_count_for_their_listener_only() {
    let config = config(
        "listener 1\nmax_qos 1\nmount_point a/\nlistener 2\nmax_topic_alias 0\naccept_protocol_versions  ,  3 ,  4 , 5 \nlistener 3\naccept_protocol_versions 5 # only\n\
         listener 4\naccept_protocol_versions \"  ,  3 ,  4 , 5 \"\n",
    );
    let [first, second, third, quoted] = &config.listeners[..] else { panic!("{:?}", config.listeners) };
    assert_eq!(quoted.accept_protocol_versions, ProtocolVersions::ALL);
    assert_eq!(
        (first.max_qos, first.mount_point.as_deref(), first.max_topic_alias),
        (MaxQos::AtLeastOnce, Some("a/"), 10)
    );
    assert_eq!(
        (second.max_qos, second.mount_point.as_deref(), second.max_topic_alias),
        (MaxQos::ExactlyOnce, None, 0)
    );
    assert_eq!(second.accept_protocol_versions, ProtocolVersions::ALL);
    assert_eq!(third.accept_protocol_versions, ProtocolVersions { v31: false, v311: false, v5: true });
}

#[test]
fn access_keys_count_for_all_listeners_and_that_is_said() {
    let text = "listener 1883 127.0.0.1\nallow_anonymous true\nlistener 1884 127.0.0.1\npassword_file p\n";
    let config = config(text);
    for listener in &config.listeners {
        assert!(listener.access.allow_anonymous);
        assert_eq!(listener.access.password_file.as_ref().unwrap().path, Path::new("p"));
    }
    let found = warnings(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("'allow_anonymous' stands under one listener and counts for all of them"),
        "{found:?}"
    );
}

#[test]
fn per_listener_settings_keep_access_keys_apart() {
    let text = "per_listener_settings true\nlistener 1883 127.0.0.1\nallow_anonymous true\nlistener 1884 127.0.0.1\npassword_file p\nacl_file a\n";
    let config = config(text);
    let [open, closed] = &config.listeners[..] else { panic!("{:?}", config.listeners) };
    assert!(
        open.access.allow_anonymous && open.access.password_file.is_none() && open.access.acl_file.is_none()
    );
    assert!(
        !closed.access.allow_anonymous
            && closed.access.password_file.is_some()
            && closed.access.acl_file.is_some()
    );
    assert_eq!(warnings(text), Vec::<String>::new());
}

#[test]
fn listener_allow_anonymous_is_for_one_listener() {
    let config = config("listener 1\nlistener_allow_anonymous true\nlistener 2\n");
    assert!(config.listeners[0].access.allow_anonymous);
    assert!(!config.listeners[1].access.allow_anonymous);
}

#[test]
fn contradicting_keys_of_one_listener_end_with_the_stricter() {
    for (one, other) in [("true", "false"), ("false", "true")] {
        let text = format!(
            "per_listener_settings true\nlistener 1\nallow_anonymous {one}\nlistener_allow_anonymous {other}\n"
        );
        assert!(!config(text).listeners[0].access.allow_anonymous);
    }
}

#[test]
fn a_plaintext_listener_is_pointed_out_only_beside_tls_and_only_if_others_can_reach_it() {
    let tls = "listener 8883\ncertfile c\nkeyfile k\nallow_anonymous true\n";
    let plaintext = |text: String| warnings(text).iter().filter(|text| text.contains("plaintext")).count();
    assert_eq!(plaintext(format!("{tls}listener 1883\n")), 1);
    assert_eq!(plaintext(format!("{tls}listener 1883 192.0.2.1\n")), 1);
    assert_eq!(plaintext(format!("{tls}listener 1883 127.0.0.1\n")), 0);
    assert_eq!(plaintext(format!("{tls}listener 1883 localhost\n")), 0);
    assert_eq!(plaintext(format!("{tls}listener 0 /run/mqtt.sock\n")), 0);
    assert_eq!(plaintext("listener 1883\nallow_anonymous true\n".to_owned()), 0);
}

#[test]
fn a_listener_that_believes_names_which_the_acl_goes_by_is_pointed_out() {
    let believed = |text: &str| warnings(text).iter().filter(|text| text.contains("believes")).count();
    let open = "listener 1883\nallow_anonymous true\n";
    assert_eq!(believed(&format!("{open}acl_file a\n")), 1);
    assert_eq!(believed(open), 0);
    assert_eq!(believed(&format!("{open}acl_file a\npassword_file p\n")), 0);
    assert_eq!(believed("listener 1883\nacl_file a\n"), 0);
    let named = "certfile c\nkeyfile k\ncafile a\nrequire_certificate true\nuse_identity_as_username true\n";
    assert_eq!(believed(&format!("{open}acl_file a\n{named}")), 0);
}

#[test]
fn keys_before_the_first_listener_open_port_1883_as_in_mosquitto_and_that_is_said() {
    let parsed = read("max_connections 5\nlistener 8883\n");
    assert_eq!(addresses(&parsed.config.unwrap()), ["*:1883", "*:8883"]);
    assert!(
        parsed
            .diagnostics
            .iter()
            .any(|finding| finding.text.contains("they make a default listener on port 1883"))
    );
}

#[test]
fn numbers_are_read_as_c_does() {
    let port = |text: &str| match config(format!("listener {text}\n")).listeners[0].bind {
        Bind::Tcp { port, .. } => port,
        Bind::Unix { .. } => panic!("{text}"),
    };
    assert_eq!((port("0x75b"), port("03533"), port("+1883")), (1883, 1883, 1883));
    assert_eq!(errors("listener 1883x"), ["1: Error: 'listener port' value not a number."]);
    assert_eq!(NAME, "test.conf");
}

#[test]
fn limits_of_zero_and_less_are_no_limits() {
    let global = config("max_queued_messages 0\nglobal_max_clients -5\nmax_inflight_messages 0\nmax_keepalive 0\nsys_interval 0\n").global;
    assert_eq!(
        (global.max_queued_messages, global.global_max_clients, global.max_inflight_messages),
        (None, None, None)
    );
    assert_eq!((global.max_keepalive, global.sys_interval_secs), (None, None));
    let global = config("max_inflight_messages 65535\nmax_packet_size 2000000000\n").global;
    assert_eq!((global.max_inflight_messages, global.max_packet_size), (None, 268_435_460));
    let global = config("").global;
    assert_eq!(
        (global.max_queued_messages, global.max_inflight_messages, global.max_packet_size),
        (Some(1000), Some(20), 2_000_000)
    );
    assert_eq!(
        (global.sys_interval_secs, global.set_tcp_nodelay, global.check_retain_source),
        (Some(10), true, true)
    );
    // As in mosquitto, where each of the three counts only above 0.
    let both = config("global_max_clients 0\nglobal_max_connections 0\nlistener 1883\nmax_connections 0\n");
    assert_eq!((both.global.global_max_clients, both.global.global_max_connections), (None, None));
    assert_eq!(both.listeners[0].max_connections, None);
}

#[test]
fn connection_rate_and_ban_after_say_off_by_nought_and_are_numbers_otherwise() {
    let global = config("").global;
    assert_eq!((global.connection_rate, global.ban_after), (ConnectionRate::Usual, None));
    let global = config("connection_rate 0\nban_after 0\n").global;
    assert_eq!((global.connection_rate, global.ban_after), (ConnectionRate::Off, None));
    let global = config("connection_rate 5 50 # a small fleet\nban_after 3 60 600\n").global;
    assert_eq!(global.connection_rate, ConnectionRate::Written { per_second: 5, burst: 50 });
    assert_eq!(global.ban_after, Some(BanAfter { failures: 3, within_secs: 60, lasts_secs: 600 }));
}

#[test]
fn what_the_ca_publishes_has_a_listener_of_its_own() {
    let of = |lines: &str| config(format!("data_dir d\n{lines}")).global.pki;
    assert_eq!(config("data_dir d\n").global.pki, None);
    for (line, address, port) in [
        ("pki_listener 8080", None, 8080),
        ("pki_listener 127.0.0.1:80 # for the proxy", Some("127.0.0.1"), 80),
        ("pki_listener [::1]:65535", Some("::1"), 65535),
        ("pki_listener localhost:8080", Some("localhost"), 8080),
    ] {
        let bind = Bind::Tcp {
            port,
            address: address.map(str::to_owned),
            family: SocketFamily::Any,
            interface: None,
        };
        assert_eq!(of(line).map(|pki| pki.bind), Some(bind), "{line}");
    }
    let pki = of("pki_listener 8080\npki_url http://pki.example:8080/\n").unwrap();
    assert_eq!(pki.url.unwrap().to_string(), "http://pki.example:8080");
    for word in ["0", "65536", "+80", ":80", "host:", "::1:80", "[::1]", "[host]:80", "[::1:80", "8080x"] {
        let text = format!("2: Error: Invalid 'pki_listener' value ({word}).");
        assert_eq!(errors(format!("data_dir d\npki_listener {word}\n")), [text]);
    }
    assert_eq!(errors("pki_listener 8080\n"), ["1: Error: 'pki_listener' needs 'data_dir'."]);
    assert_eq!(
        errors("data_dir d\npki_url http://pki.example\n"),
        ["2: Error: 'pki_url' needs 'pki_listener'."]
    );
    assert_eq!(
        errors("data_dir d\npki_listener 8080\npki_url https://pki.example\n"),
        ["3: Error: Invalid 'pki_url' value (https://pki.example): it does not begin with http://."]
    );
}

#[test]
fn browsers_are_served_where_the_protocol_says_so() {
    use sealmq_config::Protocol;
    let of = |word: &str| config(format!("listener 8080\nprotocol {word}\n")).listeners.remove(0);
    assert_eq!(of("mqtt").protocol, Protocol::Mqtt);
    assert_eq!(of("websockets").protocol, Protocol::WebSockets);
    assert_eq!(of("auto").protocol, Protocol::Auto);
    assert_eq!(errors("listener 8080\nprotocol mqttsn\n"), ["2: Error: Invalid 'protocol' value (mqttsn)."]);
    let web = config(
        "packet_buffer_size 8192\nlistener 8080\nprotocol websockets\nwebsockets_origin https://a.example\n\
         websockets_origin https://b.example\nhttp_dir www\n",
    );
    assert_eq!(web.global.packet_buffer_size, 8192);
    assert_eq!(web.listeners[0].websockets_origins, ["https://a.example", "https://b.example"]);
    assert!(web.listeners[0].http_dir.is_some());
    assert_eq!(config("packet_buffer_size 0\n").global.packet_buffer_size, 4096);
}

#[test]
fn what_is_about_browsers_where_none_are_served_is_a_finding() {
    for line in ["http_dir www", "websockets_origin https://a.example"] {
        let found = warnings(format!("listener 1883\npassword_file p\n{line}\n"));
        assert!(found[0].contains("serves no browsers"), "{found:?}");
    }
}

#[test]
fn certificates_that_any_web_page_can_use_are_a_finding() {
    let tls = "listener 8083\nprotocol websockets\ncertfile c\nkeyfile k\ncafile a\npassword_file p\n";
    let found = warnings(format!("{tls}require_certificate true\n"));
    assert!(found[0].contains("any web page"), "{found:?}");
    assert_eq!(warnings(tls), Vec::<String>::new());
    let named = format!("{tls}require_certificate true\nwebsockets_origin https://a.example\n");
    assert_eq!(warnings(named), Vec::<String>::new());
}

#[test]
fn what_is_no_version_lets_nobody_in_and_is_pointed_out() {
    let taken = |value: &str| {
        let ProtocolVersions { v31, v311, v5 } =
            config(format!("listener 1883\nallow_anonymous true\naccept_protocol_versions {value}\n"))
                .listeners[0]
                .accept_protocol_versions;
        (v31, v311, v5)
    };
    assert_eq!(taken("3,6,5"), (true, false, true));
    assert_eq!(taken("3.1.1"), (false, false, false));
    let said = warnings("listener 1883\nallow_anonymous true\naccept_protocol_versions 3.1.1\n");
    assert_eq!(
        said,
        [
            "Warning: '3.1.1' after the value of 'accept_protocol_versions' is not looked at.",
            "Warning: listener 1883 refuses every client: accept_protocol_versions names no version."
        ]
    );
    assert_eq!(
        warnings("listener 1883\nallow_anonymous true\naccept_protocol_versions \"  ,  3 ,  4 , 5 \"\n"),
        [""; 0]
    );
}

#[test]
fn a_star_for_an_address_is_every_one() {
    let bind = config("listener 1883 *\n").listeners.remove(0).bind;
    assert!(matches!(bind, Bind::Tcp { port: 1883, address: None, .. }), "{bind:?}");
}

#[test]
fn a_tab_between_the_blank_and_a_number_is_nothing() {
    let read = config("listener \t1883\nmax_packet_size \t2000\npersistent_client_expiration \t2d\n");
    assert!(matches!(read.listeners[0].bind, Bind::Tcp { port: 1883, .. }));
    assert_eq!(read.global.max_packet_size, 2_000);
    // Any other value has it in front, or is refused with it.
    assert_eq!(errors("allow_anonymous \ttrue\n"), ["1: Error: Invalid 'allow_anonymous' value (\ttrue)."]);
}
