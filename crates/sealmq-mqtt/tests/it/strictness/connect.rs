//! CONNECT and CONNACK.

use super::{Rule, V3X, hold, in_versions};
use crate::wire::{packet, text, whole};
use sealmq_mqtt::{Fault, Packet, PropertyId, ReasonCode, Sender, TopicError, Version};

/// A CONNECT with these flags, properties (5.0) and payload.
fn connect(version: Version, flags: u8, properties: &[u8], payload: &[&[u8]]) -> Vec<u8> {
    let len = [properties.len() as u8];
    let properties: &[u8] = if version.is_v5() { &[&len, properties].concat() } else { &[] };
    let header = [version.level(), flags, 0, 60];
    packet(0x10, &[&text(version.protocol_name()), &header, properties, &payload.concat()])
}

fn rule(cite: &'static str, version: Version, accepted: Vec<u8>, refused: Vec<u8>, fault: Fault) -> Rule {
    let code = fault.reason_code();
    Rule { cite, version, sender: Sender::Client, accepted, refused, fault, code }
}

#[test]
fn connect_flags_follow_the_rules() {
    let c = text("c");
    for version in [Version::V311, Version::V5] {
        let plain = connect(version, 0x02, b"", &[&c]);
        let of = |flags| connect(version, flags, b"", &[&c]);
        let will =
            |flags| connect(version, flags, b"", &[&c, no_will_properties(version), &text("w"), &text("")]);
        hold(vec![
            rule(
                "[MQTT-3.1.2-3] [MQTT311-3.1.2-3]",
                version,
                plain.clone(),
                of(0x03),
                Fault::ConnectReservedFlag,
            ),
            rule("[MQTT-3.1.2-12] [MQTT311-3.1.2-14]", version, will(0x14), will(0x1c), Fault::WillQoS3),
            rule(
                "[MQTT-3.1.2-11] [MQTT311-3.1.2-13]",
                version,
                plain.clone(),
                of(0x0a),
                Fault::WillFlagsWithoutWill,
            ),
            rule(
                "[MQTT-3.1.2-11] [MQTT311-3.1.2-13]",
                version,
                plain.clone(),
                of(0x1a),
                Fault::WillFlagsWithoutWill,
            ),
            rule("[MQTT-3.1.2-13] [MQTT311-3.1.2-15]", version, plain, of(0x22), Fault::WillFlagsWithoutWill),
        ]);
    }
}

fn no_will_properties(version: Version) -> &'static [u8] {
    super::no_properties(version)
}

#[test]
fn a_password_needs_a_user_name_before_5_0() {
    // [MQTT311-3.1.2-22]; MQTT §3.1.2.9 lets it stand alone.
    hold(in_versions(&V3X, |version| {
        let accepted = connect(version, 0xc2, b"", &[&text("c"), &text("u"), &text("p")]);
        let refused = connect(version, 0x42, b"", &[&text("c"), &text("p")]);
        rule("[MQTT311-3.1.2-22]", version, accepted, refused, Fault::PasswordWithoutUserName)
    }));
    let alone = connect(Version::V5, 0x42, b"", &[&text("c"), &text("p")]);
    let Ok(Packet::Connect(connect)) = whole(&alone, Version::V5, Sender::Client) else { panic!("refused") };
    assert_eq!((connect.username, connect.password.unwrap().expose()), (None, &b"p"[..]));
}

/// [MQTT-3.1.2-9] [MQTT-3.1.3-1] [MQTT311-3.1.2-9] [MQTT311-3.1.3-1] [MQTT311-3.1.2-11] [MQTT-3.1.3-3]
/// [MQTT311-3.1.3-3] [MQTT-3.1.2-16] [MQTT-3.1.2-18] [MQTT311-3.1.2-18] [MQTT311-3.1.2-20]
#[test]
fn every_field_that_a_flag_promises_must_be_there_except_in_3_1() {
    // [MQTT-3.1.2-17] [MQTT-3.1.2-19] [MQTT311-3.1.2-19] [MQTT311-3.1.2-21]
    for version in [Version::V311, Version::V5] {
        let full = connect(version, 0xc2, b"", &[&text("c"), &text("u"), &text("p")]);
        hold(vec![
            rule(
                "[MQTT-3.1.2-19] [MQTT311-3.1.2-21]",
                version,
                full.clone(),
                connect(version, 0xc2, b"", &[&text("c"), &text("u")]),
                Fault::EndsEarly { field: "password" },
            ),
            rule(
                "[MQTT-3.1.2-17] [MQTT311-3.1.2-19]",
                version,
                full,
                connect(version, 0x82, b"", &[&text("c")]),
                Fault::EndsEarly { field: "user name" },
            ),
        ]);
    }
    // MQTT 3.1 §3.1: the remaining length has precedence over the flag.
    let old = connect(Version::V31, 0xc2, b"", &[&text("c")]);
    let Ok(Packet::Connect(connect)) = whole(&old, Version::V31, Sender::Client) else { panic!("refused") };
    assert_eq!((connect.username, connect.password), (None, None));
}

#[test]
fn the_will_topic_is_a_topic_name() {
    for version in super::ALL {
        let will = |topic: &str| {
            connect(
                version,
                0x06,
                b"",
                &[&text("c"), no_will_properties(version), &text(topic), &text("gone")],
            )
        };
        let fault = |error| Fault::Topic { field: "will topic", error };
        let wildcard = TopicError::WildcardInName { wildcard: '+' };
        hold(vec![
            rule("[MQTT-4.7.3-1] [MQTT311-4.7.3-1]", version, will("w"), will(""), fault(TopicError::Empty)),
            rule("[MQTT-4.7.0-1] [MQTT311-4.7.1-1]", version, will("w/x"), will("w/+"), fault(wildcard)),
        ]);
    }
}

/// [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT311-3.1.3-4] [MQTT311-3.1.3-10] [MQTT311-3.1.3-11]
#[test]
fn strings_are_utf_8_without_null() {
    for version in super::ALL {
        let id = |bytes: &[u8]| connect(version, 0x02, b"", &[&text(bytes)]);
        let user = |bytes: &[u8]| connect(version, 0x82, b"", &[&text("c"), &text(bytes)]);
        let (field, name) = ("client identifier", "user name");
        let null = Fault::ForbiddenCharacter { field, character: '\0' };
        hold(vec![
            rule(
                "[MQTT-1.5.4-1] [MQTT311-1.5.3-1]",
                version,
                id("é".as_bytes()),
                id(b"\xe9"),
                Fault::NotUtf8 { field },
            ),
            // A surrogate.
            rule(
                "[MQTT-1.5.4-1]",
                version,
                id(b"\xed\x9f\xbf"),
                id(b"\xed\xa0\x80"),
                Fault::NotUtf8 { field },
            ),
            // An overlong form of `/`.
            rule("[MQTT-1.5.4-1]", version, id(b"/"), id(b"\xc0\xaf"), Fault::NotUtf8 { field }),
            rule("[MQTT-1.5.4-2] [MQTT311-1.5.3-2]", version, id(b"a"), id(b"a\0"), null),
            rule("[MQTT-3.1.3-12]", version, user(b"u"), user(b"\xff"), Fault::NotUtf8 { field: name }),
        ]);
    }
}

#[test]
fn properties_stand_where_and_as_often_as_they_may() {
    let of = |properties: &[u8]| connect(Version::V5, 0x02, properties, &[&text("c")]);
    let expiry = b"\x11\x00\x00\x00\x01";
    let twice = [*expiry, *expiry].concat();
    let v5 = |cite, accepted: &[u8], refused: &[u8], fault| {
        rule(cite, Version::V5, of(accepted), of(refused), fault)
    };
    let value = |property, value| Fault::PropertyValue { property, value };
    let repeated = Fault::PropertyRepeated { property: PropertyId::SessionExpiryInterval };
    let misplaced = Fault::PropertyMisplaced { property: PropertyId::TopicAlias };
    hold(vec![
        v5("MQTT §3.1.2.11.2", expiry, &twice, repeated),
        v5("MQTT §2.2.2.2", b"\x21\x00\x01", b"\x23\x00\x01", misplaced),
        v5("MQTT §2.2.2.2", b"\x22\x00\x01", b"\x20\x00\x01", Fault::PropertyUnknown { id: 0x20 }),
        v5("MQTT §3.1.2.11.3", b"\x21\x00\x01", b"\x21\x00\x00", value(PropertyId::ReceiveMaximum, 0)),
        v5(
            "MQTT §3.1.2.11.4",
            b"\x27\x00\x00\x00\x01",
            b"\x27\x00\x00\x00\x00",
            value(PropertyId::MaximumPacketSize, 0),
        ),
        v5("MQTT §3.1.2.11.6", b"\x19\x01", b"\x19\x02", value(PropertyId::RequestResponseInformation, 2)),
        v5("MQTT §3.1.2.11.7", b"\x17\x00", b"\x17\x02", value(PropertyId::RequestProblemInformation, 2)),
        v5(
            "MQTT §3.1.2.11.10",
            b"\x15\x00\x01m\x16\x00\x01d",
            b"\x16\x00\x01d",
            Fault::AuthenticationMethodMissing,
        ),
        v5(
            "MQTT §2.2.2.2",
            b"\x11\x00\x00\x00\x01",
            b"\x11\x00\x00\x01",
            Fault::EndsEarly { field: "Session Expiry Interval" },
        ),
        v5(
            "[MQTT-1.5.4-2]",
            b"\x26\x00\x01a\x00\x01b",
            b"\x26\x00\x01a\x00\x01\0",
            Fault::ForbiddenCharacter { field: "User Property", character: '\0' },
        ),
    ]);
    // Only user properties repeat.
    assert!(whole(&of(b"\x26\x00\x01a\x00\x01b\x26\x00\x01a\x00\x01b"), Version::V5, Sender::Client).is_ok());
}

#[test]
fn will_properties_are_those_of_a_will() {
    let of = |properties: &[u8]| {
        let len = [properties.len() as u8];
        connect(Version::V5, 0x06, b"", &[&text("c"), &len, properties, &text("w"), &text("x")])
    };
    let fault = Fault::PropertyMisplaced { property: PropertyId::TopicAlias };
    hold(vec![rule("MQTT §2.2.2.2", Version::V5, of(b"\x18\x00\x00\x00\x09"), of(b"\x23\x00\x01"), fault)]);
}

#[test]
fn connack_says_what_it_may() {
    let server = |cite, version, accepted: &[u8], refused: &[u8], fault: Fault| Rule {
        cite,
        version,
        sender: Sender::Server,
        accepted: packet(0x20, &[accepted]),
        refused: packet(0x20, &[refused]),
        code: fault.reason_code(),
        fault,
    };
    let beside = Fault::SessionPresentBesideRefusal;
    let (v311, v5) = (Version::V311, Version::V5);
    hold(vec![
        server("[MQTT-3.2.2-1]", v5, &[1, 0, 0], &[2, 0, 0], Fault::ConnAckFlags { flags: 2 }),
        server("MQTT311 §3.2.2.1", v311, &[1, 0], &[3, 0], Fault::ConnAckFlags { flags: 3 }),
        server("[MQTT-3.2.2-6]", v5, &[0, 0x87, 0], &[1, 0x87, 0], beside.clone()),
        server("[MQTT311-3.2.2-4]", v311, &[0, 5], &[1, 5], beside),
        server("[MQTT311-3.2.2-6]", v311, &[0, 5], &[0, 6], Fault::ReturnCode { code: 6 }),
        server("[MQTT-3.2.2-8]", v5, &[0, 0x9f, 0], &[0, 0x8e, 0], Fault::ReasonCode { code: 0x8e }),
        server("[MQTT-3.2.2-8]", v5, &[0, 0x80, 0], &[0, 0x01, 0], Fault::ReasonCode { code: 0x01 }),
        server(
            "MQTT §3.2.2.3.4",
            v5,
            &[0, 0, 2, 0x24, 1],
            &[0, 0, 2, 0x24, 2],
            Fault::PropertyValue { property: PropertyId::MaximumQoS, value: 2 },
        ),
    ]);
    assert_eq!(Fault::ConnAckFlags { flags: 2 }.reason_code(), ReasonCode::MalformedPacket);
}
