//! The first byte and the remaining length.

use super::{ALL, Rule, V3X, hold, in_versions};
use crate::wire::{packet, text};
use sealmq_mqtt::{Decoded, Fault, Limits, PacketType, ReasonCode, Sender, Version, decode};

/// [MQTT-3.15.1-1] [MQTT311-3.6.1-1] [MQTT311-3.8.1-1] [MQTT311-3.10.1-1] [MQTT311-3.14.1-1]
#[test]
fn reserved_flags_are_refused() {
    // [MQTT-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1]
    for version in ALL {
        for number in (1..=14u8).filter(|number| *number != PacketType::Publish as u8) {
            let packet = PacketType::from_first_byte(number << 4, version).unwrap();
            let right = if matches!(number, 6 | 8 | 10) { 2 } else { 0 };
            for flags in 0..16 {
                // Of PINGREQ the length is judged first.
                let bytes = [number << 4 | flags, 0];
                let wrong_ping = packet == PacketType::PingReq && flags != right;
                let found = decode(&bytes[..1 + usize::from(wrong_ping)], version, &limits_for(packet));
                let again = version == Version::V31 && right == 2 && flags == 0b1010;
                let unused = version == Version::V31 && packet == PacketType::Connect;
                if flags == right || again || unused {
                    assert_eq!(found, Ok(Decoded::Incomplete { need: 2 }), "{packet} {flags:04b} {version}");
                } else {
                    let error = found.expect_err("reserved flags");
                    assert_eq!(error.fault, Fault::FixedHeaderFlags { flags });
                    assert_eq!(error.reason_code(), ReasonCode::MalformedPacket);
                }
            }
        }
    }
}

fn limits_for(packet: PacketType) -> Limits {
    match packet {
        PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => {
            Limits::of_client()
        }
        _ => Limits::of_broker(),
    }
}

#[test]
fn reserved_packet_types_are_refused() {
    // MQTT §2.1.2, MQTT311 §2.2.1: 0 in every version, 15 before 5.0.
    for version in ALL {
        let error = decode(&[0x00, 0], version, &Limits::of_broker()).unwrap_err();
        assert_eq!(error.fault, Fault::ReservedPacketType { value: 0 });
    }
    for version in V3X {
        let error = decode(&[0xf0, 0], version, &Limits::of_broker()).unwrap_err();
        assert_eq!(error.fault, Fault::ReservedPacketType { value: 15 });
    }
    assert!(decode(&[0xf0, 0], Version::V5, &Limits::of_broker()).is_ok());
}

#[test]
fn packets_of_the_other_side_are_refused() {
    // MQTT §2.1.2, column "direction of flow"
    let pub_ack = packet(0x40, &[&[0, 1]]);
    for version in ALL {
        for (from_client, bytes) in [
            (true, packet(0xc0, &[])),
            (false, packet(0xd0, &[])),
            (true, packet(0x82, &[])),
            (false, packet(0x90, &[])),
            (true, packet(0xa2, &[])),
            (false, packet(0xb0, &[])),
            (true, packet(0x10, &[])),
            (false, packet(0x20, &[])),
        ] {
            let (right, wrong) = (Limits::of_broker(), Limits::of_client());
            let (right, wrong) = if from_client { (right, wrong) } else { (wrong, right) };
            let direction = |limits| {
                decode(&bytes, version, limits).is_err_and(|error| error.fault == Fault::WrongDirection)
            };
            assert!(!direction(&right) && direction(&wrong), "{bytes:02x?} {version}");
            assert!(decode(&pub_ack, version, &right).is_ok() && decode(&pub_ack, version, &wrong).is_ok());
        }
    }
    // DISCONNECT comes from a server in 5.0 only.
    assert!(decode(&[0xe0, 0], Version::V5, &Limits::of_client()).is_ok());
    assert!(decode(&[0xe0, 0], Version::V311, &Limits::of_client()).is_err());
}

#[test]
fn a_remaining_length_is_at_most_four_bytes_and_in_5_0_the_shortest() {
    for version in ALL {
        let refused = b"\x30\xff\xff\xff\xff".to_vec();
        let error = decode(&refused, version, &Limits::of_client()).unwrap_err();
        assert_eq!(error.fault, Fault::RemainingLengthTooLong);
    }
    // [MQTT-1.5.5-1]; 3.1.1 has no such rule.
    let long = b"\xc0\x80\x00".to_vec();
    assert!(decode(&long, Version::V311, &Limits::of_broker()).is_ok());
    hold(vec![Rule {
        cite: "[MQTT-1.5.5-1]",
        version: Version::V5,
        sender: Sender::Client,
        accepted: b"\xc0\x00".to_vec(),
        refused: long,
        fault: Fault::RemainingLengthNotShortest,
        code: ReasonCode::MalformedPacket,
    }]);
}

#[test]
fn a_length_above_the_limit_is_refused_before_its_bytes_are_waited_for() {
    // [MQTT-3.1.2-24]; the limit counts the whole packet.
    let limits = Limits::of_broker().with_packet_bytes_max(100);
    for version in ALL {
        assert_eq!(decode(&[0x30, 98], version, &limits), Ok(Decoded::Incomplete { need: 100 }));
        let error = decode(&[0x30, 99], version, &limits).unwrap_err();
        assert_eq!(error.fault, Fault::PacketTooLarge { bytes: 101, max: 100 });
        assert_eq!(error.reason_code(), ReasonCode::PacketTooLarge);
    }
}

#[test]
fn a_length_that_the_type_cannot_have_is_refused_before_its_bytes_are_waited_for() {
    for (version, first, right, sender) in [
        (Version::V5, 0xc0, 0, Limits::of_broker()),
        (Version::V311, 0xe0, 0, Limits::of_broker()),
        (Version::V311, 0x40, 2, Limits::of_broker()),
        (Version::V31, 0x62, 2, Limits::of_broker()),
        (Version::V311, 0x20, 2, Limits::of_client()),
        (Version::V311, 0xb0, 2, Limits::of_client()),
    ] {
        assert!(decode(&[first, right], version, &sender).is_ok());
        let error = decode(&[first, right + 1], version, &sender).unwrap_err();
        assert!(matches!(error.fault, Fault::RemainingLengthImpossible { .. }), "{error}");
    }
}

#[test]
fn bytes_behind_the_last_field_are_refused() {
    hold(in_versions(&V3X, |version| {
        let connect = |tail: &[u8]| {
            let level = if version == Version::V31 { 3 } else { 4 };
            packet(0x10, &[&text(version.protocol_name()), &[level, 2, 0, 0], &text("c"), tail])
        };
        Rule {
            cite: "MQTT311 §3.1.3",
            version,
            sender: Sender::Client,
            accepted: connect(b""),
            refused: connect(b"x"),
            fault: Fault::TrailingBytes { bytes: 1 },
            code: ReasonCode::MalformedPacket,
        }
    }));
    hold(vec![Rule {
        cite: "MQTT §3.4.2.2",
        version: Version::V5,
        sender: Sender::Client,
        accepted: packet(0x40, &[&[0, 1, 0, 0]]),
        refused: packet(0x40, &[&[0, 1, 0, 0, 9]]),
        fault: Fault::TrailingBytes { bytes: 1 },
        code: ReasonCode::MalformedPacket,
    }]);
}
