//! Listeners behind a proxy: whose headers are believed, and what goes together.

use crate::reading::{config, errors, warnings};
use sealmq_config::{
    ClientCertificates, ClientTls, IdentityRule, Network, Proxy, ProxySources, ProxyVersion,
};
use std::net::IpAddr;

const V2: &str = "listener 8883\nenable_proxy_protocol 2\n";

fn proxy(text: impl AsRef<[u8]>) -> Proxy {
    config(text).listeners.remove(0).proxy.unwrap()
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn version_1_or_2() {
    assert_eq!(proxy("listener 1883\nenable_proxy_protocol 1\n").version, ProxyVersion::V1);
    assert_eq!(proxy(V2).version, ProxyVersion::V2);
    for version in ["0", "3"] {
        assert_eq!(
            errors(format!("listener 1883\nenable_proxy_protocol {version}\n")),
            ["2: Error: enable_proxy_protocol must be 1 or 2."]
        );
    }
    assert!(config("listener 1883\n").listeners[0].proxy.is_none());
}

#[test]
fn tls_is_done_by_the_proxy_or_behind_a_header_of_version_1() {
    assert_eq!(
        errors(format!("{V2}certfile c\nkeyfile k\n")),
        ["3: Error: certfile and keyfile cannot be used with `enable_proxy_protocol 2`."]
    );
    let behind =
        config("listener 8883\nenable_proxy_protocol 1\ncertfile c\nkeyfile k\n").listeners.remove(0);
    assert!(behind.tls.is_some() && behind.proxy.is_some());
}

#[test]
fn the_proxys_certificates_admit_only_with_version_2() {
    assert_eq!(
        errors(format!("{V2}use_subject_as_username true\n")),
        ["3: Error: use_subject_as_username cannot be used with `enable_proxy_protocol 2`."]
    );
    assert_eq!(
        errors(format!("{V2}identity_source cn\n")),
        ["3: Error: identity_source cannot be used with `enable_proxy_protocol 2`."]
    );
    let refused = errors("listener 1883\nenable_proxy_protocol 1\nrequire_certificate true\n");
    assert!(refused[0].contains("require_certificate specified without certfile"), "{refused:?}");
    let taken = proxy(format!("{V2}require_certificate true\nuse_identity_as_username true\n"));
    assert_eq!(taken.client_certificates, ClientCertificates::Required);
    assert_eq!(taken.identity, IdentityRule::CommonName);
}

#[test]
fn tls_of_the_client_can_be_demanded_with_version_2_only() {
    assert_eq!(proxy(format!("{V2}proxy_protocol_v2_require_tls true\n")).client_tls, ClientTls::Required);
    assert_eq!(proxy(V2).client_tls, ClientTls::Optional);
    let refused = errors("listener 1883\nenable_proxy_protocol 1\nproxy_protocol_v2_require_tls true\n");
    assert!(refused[0].starts_with("3: Error: proxy_protocol_v2_require_tls cannot"), "{refused:?}");
}

#[test]
fn a_key_about_proxies_without_a_proxy_stops_the_start() {
    for line in [
        "proxy_protocol_from 10.0.0.0/8",
        "proxy_protocol_v2_require_tls true",
        "insecure_proxy_from_anyone true",
    ] {
        let refused = errors(format!("listener 1883\n{line}\n"));
        assert!(refused[0].contains("specified without enable_proxy_protocol"), "{refused:?}");
    }
    config("listener 1883\nproxy_protocol_v2_require_tls false\ninsecure_proxy_from_anyone false\n");
}

#[test]
fn headers_that_let_clients_in_are_believed_from_this_machine_unless_the_file_says_from_where() {
    for admits in
        ["require_certificate true\n", "require_certificate optional\n", "use_identity_as_username true\n"]
    {
        let sources = proxy(format!("{V2}{admits}")).from;
        assert_eq!(sources, ProxySources::ThisMachine, "{admits}");
        let found = warnings(format!("{V2}{admits}password_file p\n"));
        assert!(found[0].contains("only headers from this machine are believed"), "{found:?}");
    }
    let admits = "require_certificate true\nuse_identity_as_username true\n";
    let named = proxy(format!("{V2}{admits}proxy_protocol_from 10.0.0.0/8\n")).from;
    assert!(named.believes(ip("10.1.2.3")) && !named.believes(ip("127.0.0.1")));
    assert_eq!(proxy(format!("{V2}{admits}insecure_proxy_from_anyone true\n")).from, ProxySources::Anyone);
    let loopback = "listener 8883 127.0.0.1\nenable_proxy_protocol 2\n";
    assert_eq!(warnings(format!("{loopback}{admits}")), Vec::<String>::new());
}

#[test]
fn headers_that_only_say_an_address_are_believed_from_anyone_with_a_finding() {
    assert_eq!(proxy(V2).from, ProxySources::Anyone);
    let found = warnings(format!("{V2}password_file p\n"));
    assert!(found[0].contains("any client can say any address"), "{found:?}");
    assert_eq!(
        warnings(format!("{V2}password_file p\nproxy_protocol_from 192.0.2.7\n")),
        Vec::<String>::new()
    );
}

#[test]
fn who_is_named_and_who_is_anyone_contradict_each_other() {
    let refused = errors(format!("{V2}proxy_protocol_from 10.0.0.1\ninsecure_proxy_from_anyone true\n"));
    assert!(refused[0].contains("contradict"), "{refused:?}");
}

#[test]
fn sources_are_addresses_and_networks_of_both_families_and_add_up() {
    let from = proxy(format!(
        "{V2}proxy_protocol_from 192.0.2.7, 10.0.0.0/8 # haproxy\nproxy_protocol_from fd00::/8\n"
    ))
    .from;
    for believed in ["192.0.2.7", "10.255.0.1", "::ffff:10.0.0.1", "fd12::1"] {
        assert!(from.believes(ip(believed)), "{believed}");
    }
    for stranger in ["192.0.2.8", "11.0.0.1", "fe80::1", "127.0.0.1", "::1"] {
        assert!(!from.believes(ip(stranger)), "{stranger}");
    }
    assert!(from.believes(None), "a unix socket");
}

#[test]
fn this_machine_is_loopback() {
    assert!(ProxySources::ThisMachine.believes(ip("127.0.0.1")));
    assert!(ProxySources::ThisMachine.believes(ip("::1")));
    assert!(ProxySources::ThisMachine.believes(ip("::ffff:127.0.0.9")));
    assert!(!ProxySources::ThisMachine.believes(ip("192.0.2.1")));
}

#[test]
fn what_is_no_network_is_refused_with_what_was_meant() {
    for (text, says) in [
        ("proxy.example", "no IP address"),
        ("10.0.0.0/33", "prefix length from 0 to 32"),
        ("10.0.0.0/+8", "prefix length"),
        ("::/129", "prefix length from 0 to 128"),
        ("10.1.2.3/8", "the network is 10.0.0.0/8"),
    ] {
        let refused = errors(format!("{V2}proxy_protocol_from {text}\n"));
        assert!(refused[0].contains(says), "{refused:?}");
    }
    assert!(Network::parse("0.0.0.0/0").unwrap().contains("203.0.113.9".parse().unwrap()));
    // Every address of the one family is none of the other.
    assert!(!Network::parse("0.0.0.0/0").unwrap().contains("2001:db8::1".parse().unwrap()));
    assert!(!Network::parse("2001:db8::/64").unwrap().contains("203.0.113.9".parse().unwrap()));
    assert!(Network::parse("203.0.113.0/24").unwrap().contains("::ffff:203.0.113.9".parse().unwrap()));
    assert!(Network::parse("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
}

#[test]
fn a_proxys_word_for_certificates_of_our_own_ca_is_pointed_out() {
    let text = format!("data_dir data\n{V2}require_certificate true\nproxy_protocol_from 10.0.0.1\n");
    let found = warnings(text);
    assert!(found[0].contains("revoked here"), "{found:?}");
    let found = warnings(format!("data_dir data\n{V2}proxy_protocol_from 10.0.0.1\n"));
    assert!(!found.iter().any(|text| text.contains("revoked here")), "{found:?}");
}
