//! SUBSCRIBE, UNSUBSCRIBE.

use super::{ALL, Rule, V3X, hold, in_versions, no_properties};
use crate::wire::{packet, text, whole};
use sealmq_mqtt::{Fault, PropertyId, ReasonCode, Sender, TopicError, Version};

fn subscribe(version: Version, id: u16, entries: &[u8]) -> Vec<u8> {
    packet(0x82, &[&id.to_be_bytes(), no_properties(version), entries])
}

fn unsubscribe(version: Version, id: u16, filters: &[u8]) -> Vec<u8> {
    packet(0xa2, &[&id.to_be_bytes(), no_properties(version), filters])
}

fn entry(filter: &str, options: u8) -> Vec<u8> {
    [text(filter), vec![options]].concat()
}

fn rule(cite: &'static str, version: Version, accepted: Vec<u8>, refused: Vec<u8>, fault: Fault) -> Rule {
    let code = fault.reason_code();
    Rule { cite, version, sender: Sender::Client, accepted, refused, fault, code }
}

#[test]
fn both_need_a_packet_id_and_a_filter() {
    for version in ALL {
        let (sub, unsub) = (subscribe(version, 1, &entry("a/#", 1)), unsubscribe(version, 1, &text("a/#")));
        hold(vec![
            rule(
                "[MQTT-2.2.1-3]",
                version,
                sub.clone(),
                subscribe(version, 0, &entry("a/#", 1)),
                Fault::PacketIdZero,
            ),
            rule(
                "[MQTT-2.2.1-3]",
                version,
                unsub.clone(),
                unsubscribe(version, 0, &text("a/#")),
                Fault::PacketIdZero,
            ),
            rule(
                "[MQTT-3.8.3-2] [MQTT311-3.8.3-3]",
                version,
                sub.clone(),
                subscribe(version, 1, b""),
                Fault::NoFilter,
            ),
            rule(
                "[MQTT-3.10.3-2] [MQTT311-3.10.3-2]",
                version,
                unsub,
                unsubscribe(version, 1, b""),
                Fault::NoFilter,
            ),
            rule(
                "[MQTT-3.8.3-1]",
                version,
                sub,
                subscribe(version, 1, &text("a/#")),
                Fault::EndsEarly { field: "subscription options" },
            ),
        ]);
    }
    assert_eq!(Fault::NoFilter.reason_code(), ReasonCode::ProtocolError);
}

/// [MQTT311-3.8.3-4]
#[test]
fn options_have_no_reserved_bits() {
    let options = |options| Fault::SubscriptionOptions { options };
    hold(in_versions(&V3X, |version| {
        let (accepted, refused) =
            (subscribe(version, 1, &entry("a", 2)), subscribe(version, 1, &entry("a", 4)));
        rule("[MQTT311-3.8.3-4]", version, accepted, refused, options(4))
    }));
    for version in ALL {
        let of = |byte| subscribe(version, 1, &entry("a", byte));
        hold(vec![rule("[MQTT-3.8.3-5] [MQTT311-3.8.3-4]", version, of(2), of(3), options(3))]);
    }
    let v5 = |byte| subscribe(Version::V5, 1, &entry("a", byte));
    hold(vec![
        rule("[MQTT-3.8.3-5]", Version::V5, v5(0x2e), v5(0x40), options(0x40)),
        rule("[MQTT-3.8.3-5]", Version::V5, v5(0x2e), v5(0x80), options(0x80)),
        rule("MQTT §3.8.3.1", Version::V5, v5(0x20), v5(0x30), options(0x30)),
    ]);
}

#[test]
fn no_local_never_stands_on_a_shared_subscription() {
    // [MQTT-3.8.3-4]
    let of = |filter, options| subscribe(Version::V5, 1, &entry(filter, options));
    hold(vec![
        rule("[MQTT-3.8.3-4]", Version::V5, of("$share/g/t", 1), of("$share/g/t", 5), Fault::NoLocalOnShared),
        rule("[MQTT-3.8.3-4]", Version::V5, of("share/g/t", 5), of("$share/g/t", 5), Fault::NoLocalOnShared),
    ]);
    assert_eq!(Fault::NoLocalOnShared.reason_code(), ReasonCode::ProtocolError);
}

/// [MQTT-3.10.3-1] [MQTT311-3.8.3-1] [MQTT311-3.10.3-1]
#[test]
fn filters_are_filters_in_every_entry() {
    let fault = |error| Fault::Topic { field: "topic filter", error };
    for version in ALL {
        let second = |filter| subscribe(version, 1, &[entry("a", 0), entry(filter, 0)].concat());
        let out = |filter: &str| unsubscribe(version, 1, &[text("a"), text(filter)].concat());
        let misplaced = fault(TopicError::MisplacedMultiLevel);
        hold(vec![
            rule("[MQTT-4.7.1-1] [MQTT311-4.7.1-2]", version, second("b/#"), second("b#"), misplaced.clone()),
            rule("[MQTT-4.7.1-1] [MQTT311-4.7.1-2]", version, out("b/#"), out("#/b"), misplaced),
            rule(
                "[MQTT-4.8.2-1]",
                version,
                second("$share/g/b"),
                second("$share//b"),
                fault(TopicError::Share),
            ),
            rule("[MQTT-4.7.3-1]", version, out("b"), out(""), fault(TopicError::Empty)),
        ]);
        let deep = "/".repeat(201);
        let refused = whole(&second(&deep), version, Sender::Client).map(|_| ());
        assert_eq!(refused, Err(Fault::TopicTooDeep { field: "topic filter", separators: 201, max: 200 }));
        assert!(whole(&second(&deep[1..]), version, Sender::Client).is_ok());
    }
}

#[test]
fn a_subscription_identifier_is_one_and_not_zero() {
    let of = |properties: &[u8]| packet(0x82, &[&[0, 1, properties.len() as u8], properties, &entry("a", 0)]);
    let property = PropertyId::SubscriptionIdentifier;
    let v5 = |cite, refused: &[u8], fault| rule(cite, Version::V5, of(b"\x0b\x01"), of(refused), fault);
    hold(vec![
        v5("MQTT §3.8.2.1.2", b"\x0b\x00", Fault::PropertyValue { property, value: 0 }),
        v5("MQTT §3.8.2.1.2", b"\x0b\x01\x0b\x02", Fault::PropertyRepeated { property }),
        v5("MQTT §2.2.2.2", b"\x1f\x00\x00", Fault::PropertyMisplaced { property: PropertyId::ReasonString }),
        v5(
            "[MQTT-1.5.5-1]",
            b"\x0b\x80\x00",
            Fault::VariableByteInteger { field: "Subscription Identifier" },
        ),
    ]);
}
