//! Against `mqtt-protocol-core`, an independent codec: what both accept they read alike, and where one refuses what
//! the other accepts, the reason is one of those listed here.
//!
//! We refuse and it accepts, on purpose:
//! * forbidden characters in strings: it checks UTF-8 only ([MQTT-1.5.4-2] is a MUST, control characters mosquitto's);
//! * topic names with wildcards, empty filters, wildcards out of place, `$share` out of shape ([MQTT-3.3.2-2],
//!   [MQTT-4.7.3-1], [MQTT-4.7.1-1], [MQTT-4.8.2-1]): its caller has to see to them;
//! * PUBLISH with neither topic nor alias, DUP at QoS 0, packet id 0, reserved flags in CONNECT and in CONNACK, a will
//!   QoS without a will, bytes behind the last field: MUSTs that it leaves to its caller or does not look at;
//! * no local on a shared subscription, and subscription options of 5.0 in 3.1.1;
//! * SUBACK or UNSUBACK without a code, reason codes that the packet's table does not list, authentication data
//!   without a method, values out of range, and lengths in a longer form than needed.
//!
//! It refuses and we accept, on purpose: a password without a user name in 5.0 (MQTT §3.1.2.9 allows it), the bridge bit
//! in 3.1.1's protocol level, PUBACK and PUBREC with 0x95, which mosquitto sends, and
//! DISCONNECT with 0x8C, which MQTT §2.4 lists and §3.14.2.1 does not.

use crate::{
    generators::spec,
    wire::{limits, whole},
};
use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
use proptest::prelude::*;
use sealmq_mqtt::{Decoded, Fault, Packet, PacketType, ReasonCode, Sender, Version, decode, encode};

/// Its reading of one packet, written again by it.
fn oracle(bytes: &[u8], version: Version) -> Option<Vec<u8>> {
    let header = 1 + bytes[1..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let (flags, body) = (bytes[0] & 0x0f, &bytes[header..]);
    macro_rules! read {
        ($module:ident, $kind:ident) => {
            $module::$kind::parse(body)
                .ok()
                .filter(|(_, used)| *used == body.len())
                .map(|(p, _)| p.to_continuous_buffer())
        };
    }
    macro_rules! of {
        ($module:ident) => {
            match PacketType::from_first_byte(bytes[0], version)? {
                PacketType::Connect => read!($module, Connect),
                PacketType::ConnAck => read!($module, Connack),
                PacketType::Publish => {
                    $module::Publish::parse(flags, body.into()).ok().map(|(p, _)| p.to_continuous_buffer())
                }
                PacketType::PubAck => read!($module, Puback),
                PacketType::PubRec => read!($module, Pubrec),
                PacketType::PubRel => read!($module, Pubrel),
                PacketType::PubComp => read!($module, Pubcomp),
                PacketType::Subscribe => read!($module, Subscribe),
                PacketType::SubAck => read!($module, Suback),
                PacketType::Unsubscribe => read!($module, Unsubscribe),
                PacketType::UnsubAck => read!($module, Unsuback),
                PacketType::PingReq => read!($module, Pingreq),
                PacketType::PingResp => read!($module, Pingresp),
                PacketType::Disconnect => read!($module, Disconnect),
                PacketType::Auth => v5_0::Auth::parse(body).ok().map(|(p, _)| p.to_continuous_buffer()),
            }
        };
    }
    if version.is_v5() { of!(v5_0) } else { of!(v3_1_1) }
}

/// What it cannot read although the standard allows it.
fn only_we_accept(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) => ack.reason == ReasonCode::PacketTooLarge,
        Packet::Disconnect(disconnect) => disconnect.reason == ReasonCode::BadAuthenticationMethod,
        Packet::Connect(connect) => {
            connect.bridge || (connect.password.is_some() && connect.username.is_none())
        }
        _ => false,
    }
}

/// Rules that it leaves to its caller, as listed above.
fn only_we_refuse(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::ForbiddenCharacter { .. }
            | Fault::Topic { .. }
            | Fault::PropertyTopic { .. }
            | Fault::NoTopic
            | Fault::DupAtQoS0
            | Fault::PacketIdZero
            | Fault::ConnectReservedFlag
            | Fault::WillFlagsWithoutWill
            | Fault::ConnAckFlags { .. }
            | Fault::SessionPresentBesideRefusal
            | Fault::TrailingBytes { .. }
            | Fault::SubscriptionOptions { .. }
            | Fault::NoLocalOnShared
            | Fault::NoReasonCode
            | Fault::ReasonCode { .. }
            | Fault::AuthenticationMethodMissing
            | Fault::PropertyValue { .. }
            | Fault::VariableByteInteger { .. }
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn it_reads_what_we_write_and_writes_the_same(spec in spec().prop_filter("speaks no 3.1", |spec| spec.version != Version::V31)) {
        let packet = spec.packet();
        let mut bytes = Vec::new();
        encode(&packet, spec.version, &mut bytes).unwrap();
        match oracle(&bytes, spec.version) {
            Some(theirs) => {
                // It may write a longer form: what counts is that we read the same from it.
                let again = whole(&theirs, spec.version, spec.sender());
                prop_assert_eq!(again, Ok(packet));
            }
            None => prop_assert!(only_we_accept(&packet), "it refuses {:?}: {:02x?}", packet, bytes),
        }
    }

    #[test]
    fn on_mutated_packets_we_differ_only_as_listed(
        spec in spec().prop_filter("speaks no 3.1", |spec| spec.version != Version::V31),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = Vec::new();
        encode(&spec.packet(), spec.version, &mut bytes).unwrap();
        // The body only: it is given the body without its header.
        let header = if bytes.len() > 129 { 3 } else { 2 };
        prop_assume!(bytes.len() > header);
        let at = header + at.index(bytes.len() - header);
        bytes[at] = value;
        let ours = decode(&bytes, spec.version, &limits(spec.sender()));
        match (ours, oracle(&bytes, spec.version)) {
            (Ok(Decoded::Packet { packet, .. }), Some(theirs)) => {
                let again = whole(&theirs, spec.version, spec.sender());
                prop_assert_eq!(again, Ok(packet));
            }
            (Ok(Decoded::Packet { packet, .. }), None) => {
                prop_assert!(only_we_accept(&packet), "it refuses {:?}: {:02x?}", packet, bytes);
            }
            (Ok(Decoded::Incomplete { .. }), _) => prop_assert!(false, "a body cannot make a packet longer"),
            (Err(error), Some(_)) => prop_assert!(only_we_refuse(&error.fault), "it accepts: {} {:02x?}", error, bytes),
            (Err(_), None) => {}
        }
    }
}

#[test]
fn the_oracle_is_awake() {
    let publish = b"\x30\x05\x00\x01a\x00x";
    assert_eq!(oracle(publish, Version::V5).as_deref(), Some(&publish[..]));
    assert_eq!(oracle(b"\x30\x05\x00\x09a\x00x", Version::V5), None);
    assert!(whole(publish, Version::V5, Sender::Client).is_ok());
}
