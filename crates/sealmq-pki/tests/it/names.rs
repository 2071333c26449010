//! Names of devices and hosts.

use proptest::prelude::*;
use sealmq_pki::{HostName, Name, NameError, ReservedNames};

#[test]
fn a_name_of_the_alphabet_is_kept_as_it_is() {
    for text in ["client1", "A", "sensor.kitchen_2", "aa:bb:cc", "me@home", "x-1", &"n".repeat(64)] {
        assert_eq!(Name::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn everything_else_is_refused_with_a_name_that_would_do() {
    for text in
        ["", ".hidden", "-rf", "$SYS", "a/b", "a+b", "a#", "a b", "ä", "a\0", "a\n", "%u", "x\u{202e}y"]
    {
        let error = Name::parse(text).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("hint: "), "{shown}");
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
    assert!(matches!(Name::parse(&"n".repeat(65)), Err(NameError::TooLong { chars: 65, .. })));
    let Err(NameError::BadCharacter { position: 8, suggestion, .. }) = Name::parse("kitchen sensor") else {
        panic!()
    };
    assert_eq!(suggestion, "kitchen-sensor");
}

#[test]
fn the_operators_and_the_servers_names_are_reserved_regardless_of_case() {
    let reserved = ReservedNames::new(["Broker.example.com", "192.168.1.10"]);
    for text in ["operator", "OPERATOR", "broker.example.COM", "192.168.1.10"] {
        assert!(matches!(reserved.parse_new(text), Err(NameError::Reserved { .. })), "{text}");
    }
    assert_eq!(reserved.parse_new("broker2.example.com").unwrap().as_str(), "broker2.example.com");
}

#[test]
fn names_that_differ_in_case_only_have_the_same_key() {
    assert_eq!(Name::parse("Client1").unwrap().key(), Name::parse("cLIENT1").unwrap().key());
    assert_ne!(Name::parse("client1").unwrap().key(), Name::parse("client2").unwrap().key());
}

#[test]
fn hosts_are_dns_names_or_addresses() {
    for (text, want) in [
        ("LocalHost", "localhost"),
        ("my_box.local.", "my_box.local"),
        ("192.168.1.10", "192.168.1.10"),
        ("2001:DB8::1", "2001:db8::1"),
    ] {
        assert_eq!(HostName::parse(text).unwrap().to_string(), want);
    }
    for text in [
        "",
        "a..b",
        "-a.b",
        "*.example.com",
        "a b",
        "host:8883",
        "[::1]",
        "10.1",
        "256.1.1.1",
        "ex\u{e4}mple",
        ".",
    ] {
        let shown = HostName::parse(text).unwrap_err().to_string();
        assert!(shown.contains("hint: "), "{shown}");
    }
}

proptest! {
    #[test]
    fn a_suggested_name_is_always_a_name(text in "\\PC{0,80}") {
        if let Err(NameError::BadStart { suggestion, .. } | NameError::BadCharacter { suggestion, .. }) = Name::parse(&text) {
            prop_assert!(Name::parse(&suggestion).is_ok(), "{suggestion:?}");
        }
    }
}
