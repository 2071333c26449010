//! What a client is told of each kind of bad bytes: the codes that the standard leaves open are mosquitto's.

use crate::wire::{packet, text};
use sealmq_mqtt::{Answer, ConnectReturnCode, Decoded, Limits, ReasonCode, Version, decode, decode_connect};

fn answer(bytes: &[u8]) -> Answer {
    decode(bytes, Version::V5, &Limits::of_broker()).expect_err("bad bytes").answer()
}

fn first_answer(bytes: &[u8]) -> Answer {
    decode_connect(bytes, &Limits::of_broker()).expect_err("bad bytes").answer()
}

const MALFORMED: Answer = Answer::Disconnect(ReasonCode::MalformedPacket);
const PROTOCOL: Answer = Answer::Disconnect(ReasonCode::ProtocolError);

#[test]
fn a_packet_that_no_client_sends_is_told_by_its_flags_first() {
    for first in [0x90, 0xb0, 0xd0] {
        assert_eq!(answer(&[first, 0]), PROTOCOL, "{first:02x}");
        assert_eq!(answer(&[first | 1, 0]), MALFORMED, "{first:02x}");
    }
    assert_eq!(answer(&[0x20, 0]), PROTOCOL);
    assert_eq!(answer(&[0x21, 0]), PROTOCOL);
    assert_eq!(answer(&[0x00]), PROTOCOL);
    assert_eq!(answer(&[0xf1, 0]), PROTOCOL);
}

#[test]
fn a_length_that_cannot_be_is_answered_with_nothing() {
    for first in [0x30, 0x40, 0x82, 0x90, 0xc0, 0xe0] {
        assert_eq!(answer(&[first, 0xff, 0xff, 0xff, 0xff]), Answer::Close, "{first:02x}");
    }
    for first in [0xc0, 0xc1, 0xd0] {
        assert_eq!(answer(&[first, 1]), Answer::Close, "{first:02x}");
    }
    assert_eq!(answer(&[0xc1, 0]), MALFORMED);
}

#[test]
fn packets_other_than_publish_have_bounds_of_their_own() {
    // 100,001 and 10,001; PUBLISH waits for as much.
    for (first, length) in [(0x82, b"\xa1\x8d\x06"), (0xa2, b"\xa1\x8d\x06"), (0xf0, b"\xa1\x8d\x06")] {
        assert_eq!(answer(&[&[first][..], length].concat()), Answer::Close, "{first:02x}");
    }
    for first in [0x40, 0x50, 0x62, 0x70, 0xe0] {
        assert_eq!(answer(&[first, 0x91, 0x4e]), Answer::Close, "{first:02x}");
        let ten_thousand = [first, 0x90, 0x4e];
        let found = decode(&ten_thousand, Version::V5, &Limits::of_broker());
        assert_eq!(found, Ok(Decoded::Incomplete { need: 10_003 }), "{first:02x}");
    }
    let publish = decode(b"\x30\xa1\x8d\x06", Version::V5, &Limits::of_broker());
    assert_eq!(publish, Ok(Decoded::Incomplete { need: 100_005 }));
    assert_eq!(first_answer(b"\x10\xa1\x8d\x06\x00\x04MQTT\x05"), Answer::Close);
}

#[test]
fn text_that_is_none_is_answered_with_nothing_but_in_topics() {
    let bad_property = [0x26, 0, 1, 1, 0, 0];
    let bytes = packet(0x30, &[&text("t"), &[6], &bad_property, b"x"]);
    assert_eq!(answer(&bytes), Answer::Close);
    assert_eq!(answer(&packet(0x30, &[&[0, 1, 1], &[0], b"x"])), MALFORMED);
    assert_eq!(answer(&packet(0x30, &[&[0, 1, 0xff], &[0], b"x"])), MALFORMED);
}

#[test]
fn properties_that_cannot_be_read_weigh_more_than_rules_broken_before_them() {
    // Receive Maximum does not belong there; 0x79 is no property.
    assert_eq!(answer(&packet(0x30, &[&text("t"), &[4, 0x21, 0, 1, 0x79]])), MALFORMED);
    assert_eq!(answer(&packet(0x30, &[&text("t"), &[3, 0x21, 0, 1]])), PROTOCOL);
}

#[test]
fn subscribe_and_unsubscribe_are_malformed_where_others_are_in_error() {
    let id = [0, 7];
    assert_eq!(answer(&packet(0x82, &[&[0, 0], &[0], &text("t"), &[0]])), MALFORMED);
    assert_eq!(answer(&packet(0xa2, &[&[0, 0], &[0], &text("t")])), MALFORMED);
    assert_eq!(answer(&packet(0x82, &[&id, &[0]])), MALFORMED);
    assert_eq!(answer(&packet(0xa2, &[&id, &[0]])), MALFORMED);
    // Receive Maximum; Subscription Identifier 0.
    assert_eq!(answer(&packet(0x82, &[&id, &[3, 0x21, 0, 5], &text("t"), &[0]])), MALFORMED);
    assert_eq!(answer(&packet(0x82, &[&id, &[2, 0x0b, 0], &text("t"), &[0]])), MALFORMED);
    // Twice the same is an error of the protocol here too, and so is a shared subscription without its parts.
    assert_eq!(answer(&packet(0x82, &[&id, &[4, 0x0b, 1, 0x0b, 1], &text("t"), &[0]])), PROTOCOL);
    for filter in ["$share/g", "$share/g/", "$share/+/t"] {
        assert_eq!(answer(&packet(0x82, &[&id, &[0], &text(filter), &[0]])), PROTOCOL, "{filter}");
    }
    assert_eq!(answer(&packet(0x82, &[&id, &[0], &text("$share/#/t"), &[0]])), MALFORMED);
}

#[test]
fn acknowledgements_and_publish_have_codes_of_their_own() {
    for first in [0x40, 0x50, 0x62, 0x70] {
        assert_eq!(answer(&packet(first, &[&[0, 0]])), PROTOCOL, "{first:02x}");
        assert_eq!(answer(&packet(first, &[&[0, 7], &[0xff, 0]])), PROTOCOL, "{first:02x}");
        // PUBACK and PUBCOMP are read to their end before the reason is judged.
        let cut = if [0x40, 0x70].contains(&first) { MALFORMED } else { PROTOCOL };
        assert_eq!(answer(&packet(first, &[&[0, 7], &[0xff, 9]])), cut, "{first:02x}");
    }
    assert_eq!(answer(&packet(0x30, &[&text(""), &[0], b"x"])), MALFORMED);
    for topic in ["", "#"] {
        let property = [&[8][..], &text(topic)].concat();
        let bytes = packet(0x30, &[&text("t"), &[property.len() as u8], &property, b"x"]);
        assert_eq!(answer(&bytes), PROTOCOL, "{topic}");
    }
}

#[test]
fn a_disconnect_for_an_unknown_reason_is_one_all_the_same() {
    assert_eq!(answer(&packet(0xe0, &[&[0x01]])), Answer::Close);
    // What is behind the reason is judged first.
    assert_eq!(answer(&packet(0xe0, &[&[0x01, 3, 0x23, 0, 1]])), PROTOCOL);
    assert_eq!(answer(&packet(0xe0, &[&[0x01, 1]])), MALFORMED);
    assert_eq!(answer(&packet(0xe0, &[&[0x01, 0, 0]])), PROTOCOL);
}

/// A CONNECT of 5.0 with these flags and this behind the properties.
fn connect(flags: u8, rest: &[&[u8]]) -> Vec<u8> {
    packet(0x10, &[&text("MQTT"), &[5, flags, 0, 60, 0], &rest.concat()])
}

#[test]
fn fields_of_connect_are_answered_each_in_its_way() {
    let c = text("c");
    let bad = [&[0, 1][..], &[1]].concat();
    let code = |reason| Answer::ConnAck(reason);
    assert_eq!(first_answer(&connect(2, &[&bad])), code(ReasonCode::ClientIdentifierNotValid));
    // A user name, a password, a will topic: nothing is said.
    assert_eq!(first_answer(&connect(0x82, &[&c, &bad])), Answer::Close);
    assert_eq!(first_answer(&connect(0x82, &[&c])), Answer::Close);
    assert_eq!(first_answer(&connect(0xc2, &[&c, &text("u")])), Answer::Close);
    for topic in [&bad, &text("a/#")] {
        assert_eq!(first_answer(&connect(6, &[&c, &[0], topic, &text("")])), Answer::Close);
    }
    // One that ends before its properties, too; in them it is malformed.
    let cut = |bytes: &[u8]| packet(0x10, &[&text("MQTT"), &[5], bytes]);
    for bytes in [&[][..], &[2], &[2, 0]] {
        assert_eq!(first_answer(&cut(bytes)), Answer::Close);
    }
    assert_eq!(first_answer(&cut(&[2, 0, 60, 5])), code(ReasonCode::MalformedPacket));
    let empty = connect(6, &[&c, &[0], &text(""), &text("")]);
    assert_ne!(first_answer(&empty), Answer::Close);
}

#[test]
fn a_level_that_is_no_versions_is_told_in_the_form_of_5_0() {
    let level = |name: &str, level| packet(0x10, &[&text(name), &[level, 2, 0, 60], &text("c")]);
    for (name, number) in [("MQTT", 2), ("MQIsdp", 2), ("MQTT", 6), ("MQTT", 0)] {
        let answer = first_answer(&level(name, number));
        assert_eq!(answer, Answer::ConnAck(ReasonCode::UnsupportedProtocolVersion), "{name} {number}");
    }
    for (name, number) in [("MQTT", 3), ("MQIsdp", 4), ("MQIsdp", 5)] {
        let code = ConnectReturnCode::UnacceptableProtocolVersion;
        assert_eq!(first_answer(&level(name, number)), Answer::ReturnCode(code), "{name} {number}");
    }
}
