//! PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH.

use super::{ALL, Rule, hold};
use crate::wire::{packet, whole};
use sealmq_mqtt::{Fault, Packet, PacketType, PropertyId, ReasonCode, Sender, Version};

fn rule(cite: &'static str, sender: Sender, accepted: Vec<u8>, refused: Vec<u8>, fault: Fault) -> Rule {
    Rule { cite, version: Version::V5, sender, accepted, refused, code: fault.reason_code(), fault }
}

#[test]
fn packet_ids_are_never_zero() {
    // [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
    for version in ALL {
        for first in [0x40, 0x50, 0x62, 0x70] {
            hold(vec![Rule {
                version,
                ..rule(
                    "[MQTT-2.2.1-3]",
                    Sender::Client,
                    packet(first, &[&[0, 1]]),
                    packet(first, &[&[0, 0]]),
                    Fault::PacketIdZero,
                )
            }]);
        }
    }
}

#[test]
fn every_packet_carries_its_own_reason_codes_only() {
    // [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.14.2-1]
    // [MQTT-3.15.2-1]
    let codes = |list: &[u8]| list.to_vec();
    let publish = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x95, 0x97, 0x99];
    let rows = [
        (PacketType::PubAck, codes(&publish)),
        (PacketType::PubRec, codes(&publish)),
        (PacketType::PubRel, codes(&[0, 0x92])),
        (PacketType::PubComp, codes(&[0, 0x92])),
        (PacketType::SubAck, codes(&[0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2])),
        (PacketType::UnsubAck, codes(&[0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91])),
        (
            PacketType::Disconnect,
            codes(&[
                0, 4, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94,
                0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
            ]),
        ),
        (PacketType::Auth, codes(&[0, 0x18, 0x19])),
    ];
    for (kind, allowed) in rows {
        for code in 0..=255u8 {
            let (bytes, sender) = carrying(kind, code);
            let found = whole(&bytes, Version::V5, sender).map(|_| ());
            let expected = if allowed.contains(&code) { Ok(()) } else { Err(Fault::ReasonCode { code }) };
            assert_eq!(found, expected, "{kind} with 0x{code:02x}");
        }
    }
}

fn carrying(kind: PacketType, code: u8) -> (Vec<u8>, Sender) {
    let first = (kind as u8) << 4;
    match kind {
        PacketType::SubAck | PacketType::UnsubAck => (packet(first, &[&[0, 1, 0, code]]), Sender::Server),
        PacketType::PubRel => (packet(first | 2, &[&[0, 1, code]]), Sender::Client),
        PacketType::Disconnect => (packet(first, &[&[code]]), Sender::Client),
        PacketType::Auth => (packet(first, &[&[code, 4, 0x15, 0, 1, b'm']]), Sender::Client),
        _ => (packet(first, &[&[0, 1, code]]), Sender::Client),
    }
}

#[test]
fn suback_of_3_1_1_knows_four_codes() {
    // [MQTT311-3.9.3-2]
    for code in 0..=255u8 {
        let bytes = packet(0x90, &[&[0, 1, code]]);
        let known = matches!(code, 0 | 1 | 2 | 0x80);
        assert_eq!(whole(&bytes, Version::V311, Sender::Server).is_ok(), known, "0x{code:02x}");
    }
}

#[test]
fn an_acknowledgement_of_nothing_is_refused() {
    // [MQTT-3.9.3-1] [MQTT-3.11.3-1]
    for first in [0x90, 0xb0] {
        let of = |codes: &[u8]| packet(first, &[&[0, 1, 0], codes]);
        hold(vec![rule(
            "[MQTT-3.9.3-1] [MQTT-3.11.3-1]",
            Sender::Server,
            of(&[0]),
            of(&[]),
            Fault::NoReasonCode,
        )]);
    }
}

#[test]
fn the_short_forms_of_5_0_mean_success_without_properties() {
    // MQTT §3.4.2.1, §3.14.2.1, §3.15.2.1
    for bytes in [packet(0x40, &[&[0, 9]]), packet(0x40, &[&[0, 9, 0]]), packet(0x40, &[&[0, 9, 0, 0]])] {
        let Ok(Packet::PubAck(ack)) = whole(&bytes, Version::V5, Sender::Client) else {
            panic!("{bytes:02x?}")
        };
        assert_eq!(
            (ack.packet_id.get(), ack.reason, ack.properties.is_empty()),
            (9, ReasonCode::Success, true)
        );
    }
    for bytes in [packet(0xe0, &[]), packet(0xe0, &[&[0]]), packet(0xe0, &[&[0, 0]])] {
        let Ok(Packet::Disconnect(disconnect)) = whole(&bytes, Version::V5, Sender::Client) else { panic!() };
        assert_eq!(disconnect.reason, ReasonCode::NORMAL_DISCONNECTION);
    }
    assert!(whole(&packet(0xf0, &[]), Version::V5, Sender::Client).is_ok());
}

#[test]
fn auth_names_its_method() {
    // MQTT §3.15.2.2.2
    let of = |properties: &[u8]| packet(0xf0, &[&[0x18, properties.len() as u8], properties]);
    let missing = Fault::AuthenticationMethodMissing;
    assert_eq!(missing.reason_code(), ReasonCode::ProtocolError);
    hold(vec![
        rule("MQTT §3.15.2.2.2", Sender::Client, of(b"\x15\x00\x01m"), of(b""), missing.clone()),
        rule(
            "MQTT §3.15.2.2.2",
            Sender::Client,
            of(b"\x15\x00\x01m\x16\x00\x01d"),
            of(b"\x16\x00\x01d"),
            missing,
        ),
    ]);
}

#[test]
fn only_a_client_says_when_its_session_expires() {
    // [MQTT-3.14.2-2]
    let bytes = packet(0xe0, &[&[0, 5, 0x11, 0, 0, 0, 9]]);
    assert!(whole(&bytes, Version::V5, Sender::Client).is_ok());
    let property = PropertyId::SessionExpiryInterval;
    assert_eq!(whole(&bytes, Version::V5, Sender::Server), Err(Fault::PropertyMisplaced { property }));
}
