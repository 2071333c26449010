//! The first packet: which version is it, and what is a peer told that speaks another?

use crate::{
    generators::spec,
    wire::{packet, text},
};
use proptest::prelude::*;
use sealmq_mqtt::{
    Answer, ConnectReturnCode, DecodedConnect, Fault, Limits, Packet, PropertyId, ReasonCode, Version,
    decode, decode_connect, encode,
};

fn connect(name: &str, level: u8, after: &[u8]) -> Vec<u8> {
    packet(0x10, &[&text(name), &[level, 2, 0, 60], after, &text("c")])
}

fn read(bytes: &[u8]) -> Result<(Version, bool), (Fault, Answer)> {
    match decode_connect(bytes, &Limits::of_broker()) {
        Ok(DecodedConnect::Connect { connect, .. }) => Ok((connect.version, connect.bridge)),
        Ok(incomplete) => panic!("{incomplete:?}"),
        Err(error) => Err((error.fault.clone(), error.answer())),
    }
}

#[test]
fn name_and_level_tell_the_version_and_the_bridge() {
    // [MQTT-3.1.2-1] [MQTT311-3.1.2-1]; MQTT 3.1 §3.1
    assert_eq!(read(&connect("MQIsdp", 3, &[])), Ok((Version::V31, false)));
    assert_eq!(read(&connect("MQIsdp", 0x83, &[])), Ok((Version::V31, true)));
    assert_eq!(read(&connect("MQTT", 4, &[])), Ok((Version::V311, false)));
    assert_eq!(read(&connect("MQTT", 0x84, &[])), Ok((Version::V311, true)));
    assert_eq!(read(&connect("MQTT", 5, &[0])), Ok((Version::V5, false)));
}

#[test]
fn another_level_is_told_apart_from_another_protocol() {
    // [MQTT-3.1.2-2] [MQTT311-3.1.2-2]
    let rc1 = Answer::ReturnCode(ConnectReturnCode::UnacceptableProtocolVersion);
    for (name, level) in [("MQTT", 3), ("MQTT", 0x83), ("MQIsdp", 4)] {
        assert_eq!(
            read(&connect(name, level, &[])),
            Err((Fault::ProtocolLevel { level }, rc1)),
            "{name} {level}"
        );
    }
    let v5 = Answer::ConnAck(ReasonCode::UnsupportedProtocolVersion);
    for (name, level) in [("MQTT", 6), ("MQTT", 0), ("MQIsdp", 0)] {
        assert_eq!(read(&connect(name, level, &[])), Err((Fault::ProtocolLevel { level }, v5)));
    }
    let bridge = Fault::ProtocolLevel { level: 0x85 };
    assert_eq!(read(&connect("MQTT", 0x85, &[])), Err((bridge, Answer::Close)));
    for name in ["", "mqtt", "HTTP", "MQTTX", "MQIsdq"] {
        assert_eq!(read(&connect(name, 4, &[])), Err((Fault::ProtocolName, Answer::Close)), "{name}");
    }
}

#[test]
fn anything_but_connect_is_refused_at_its_first_byte() {
    // [MQTT-3.1.0-1] [MQTT311-3.1.0-1]
    for first in (0..=255u8).filter(|first| first >> 4 != 1) {
        let error = decode_connect(&[first], &Limits::of_broker()).unwrap_err();
        assert_eq!((error.fault.clone(), error.answer()), (Fault::NotConnect, Answer::Close), "{first:02x}");
    }
    for flags in 1..16u8 {
        let with_flags = |mut bytes: Vec<u8>| {
            bytes[0] |= flags;
            bytes
        };
        for bytes in [connect("MQTT", 4, &[]), connect("MQTT", 5, &[0])] {
            let error = decode_connect(&with_flags(bytes), &Limits::of_broker()).unwrap_err();
            assert_eq!(error.fault, Fault::FixedHeaderFlags { flags });
        }
        // MQTT 3.1 §3.1: not used.
        assert_eq!(read(&with_flags(connect("MQIsdp", 3, &[]))), Ok((Version::V31, false)));
    }
    assert_eq!(decode_connect(&[], &Limits::of_broker()), Ok(DecodedConnect::Incomplete { need: 2 }));
}

#[test]
fn a_huge_first_packet_is_refused_at_its_length() {
    let limits = Limits::of_broker().with_packet_bytes_max(65_536);
    let error = decode_connect(b"\x10\xff\xff\xff\x7f", &limits).unwrap_err();
    assert_eq!(error.fault, Fault::RemainingLengthImpossible { bytes: 268_435_455, max: 100_000 });
    let error = decode_connect(b"\x10\xa0\x8d\x06", &limits).unwrap_err();
    assert_eq!(error.fault, Fault::PacketTooLarge { bytes: 100_004, max: 65_536 });
}

/// [MQTT-3.1.4-1] [MQTT311-3.1.4-1]
#[test]
fn a_broken_packet_is_answered_in_its_version() {
    // [MQTT-4.13.1-1] [MQTT311-4.8.0-1]
    let of = |name, level, after: &[u8]| packet(0x10, &[&text(name), &[level, 3, 0, 60], after, &text("c")]);
    assert_eq!(read(&of("MQTT", 4, &[])), Err((Fault::ConnectReservedFlag, Answer::Close)));
    assert_eq!(read(&of("MQTT", 5, &[0])), Err((Fault::ConnectReservedFlag, Answer::Close)));
    let malformed = ReasonCode::MalformedPacket;
    let twice = b"\x0a\x11\0\0\0\x01\x11\0\0\0\x01";
    let repeated = Fault::PropertyRepeated { property: PropertyId::SessionExpiryInterval };
    let protocol_error = Answer::ConnAck(ReasonCode::ProtocolError);
    assert_eq!(read(&connect("MQTT", 5, twice)), Err((repeated, protocol_error)));
    let later = |version| decode(b"\x36", version, &Limits::of_broker()).unwrap_err().answer();
    assert_eq!(later(Version::V5), Answer::Disconnect(malformed));
    assert_eq!((later(Version::V31), later(Version::V311)), (Answer::Close, Answer::Close));
}

#[test]
fn an_empty_client_id_is_judged_by_the_version() {
    let of = |version: Version, flags: u8, after: &[u8]| {
        let bytes = packet(
            0x10,
            &[&text(version.protocol_name()), &[version.level(), flags, 0, 0], after, &text("")],
        );
        match decode_connect(&bytes, &Limits::of_broker()) {
            Ok(DecodedConnect::Connect { connect, .. }) => connect.check_client_id(),
            other => panic!("{other:?}"),
        }
    };
    let refused = Err(ReasonCode::ClientIdentifierNotValid);
    // [MQTT311-3.1.3-7] [MQTT311-3.1.3-8]
    assert_eq!((of(Version::V311, 2, &[]), of(Version::V311, 0, &[])), (Ok(()), refused));
    // [MQTT-3.1.3-6]
    assert_eq!((of(Version::V5, 2, &[0]), of(Version::V5, 0, &[0])), (Ok(()), Ok(())));
    // MQTT 3.1 §3.1: 1 to 23 characters.
    assert_eq!((of(Version::V31, 2, &[]), of(Version::V31, 0, &[])), (refused, refused));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn it_reads_what_decode_reads_and_waits_at_every_cut(spec in spec()) {
        let packet = spec.packet();
        let mut out = Vec::new();
        encode(&packet, spec.version, &mut out).unwrap();
        let found = decode_connect(&out, &Limits::of_broker());
        let Packet::Connect(connect) = packet else {
            prop_assert!(found.is_err());
            return Ok(());
        };
        prop_assert_eq!(found, Ok(DecodedConnect::Connect { connect, len: out.len() }));
        for cut in 0..out.len() {
            let found = decode_connect(&out[..cut], &Limits::of_broker());
            let waits = matches!(found, Ok(DecodedConnect::Incomplete { need }) if need > cut && need <= out.len());
            prop_assert!(waits, "cut at {}: {:?}", cut, found);
        }
    }
}
