//! Whatever comes, nothing panics, nothing is asked for beyond the limit, and the cost is linear.

#![allow(clippy::disallowed_methods)] // The cost in time is what one test here measures.

use crate::{
    generators::spec,
    wire::{packet, text},
};
use proptest::{collection::vec, prelude::*};
use sealmq_mqtt::{DecodedConnect, Limits, Version, decode, decode_connect, encode, fuzzing};
use std::time::{Duration, Instant};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        for version in [Version::V31, Version::V311, Version::V5] {
            fuzzing::packets(&bytes, version);
        }
        fuzzing::connect(&bytes);
        fuzzing::topic(&bytes);
    }

    #[test]
    fn arbitrary_bodies_under_a_right_header_never_panic(kind in 1..=15u8, body in vec(any::<u8>(), 0..100)) {
        let first = kind << 4 | if matches!(kind, 6 | 8 | 10) { 2 } else { 0 };
        let bytes = packet(first, &[&body]);
        for version in [Version::V31, Version::V311, Version::V5] {
            fuzzing::packets(&bytes, version);
        }
        fuzzing::connect(&bytes);
    }

    #[test]
    fn mutated_packets_never_panic(
        spec in spec(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        encode(&spec.packet(), spec.version, &mut bytes).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for version in [Version::V31, Version::V311, Version::V5] {
            fuzzing::packets(&bytes, version);
            fuzzing::packets(&bytes[..cut.index(bytes.len())], version);
        }
        fuzzing::connect(&bytes);
    }
}

fn connect_with_user_properties(count: usize) -> Vec<u8> {
    let pair = [&b"\x26"[..], &text("name"), &text("value")].concat();
    let properties = pair.repeat(count);
    let len = packet(0, &[&properties]);
    let len = &len[1..len.len() - properties.len()];
    packet(0x10, &[&text("MQTT"), &[5, 2, 0, 60], len, &properties, &text("c")])
}

#[test]
fn user_properties_cost_what_their_bytes_cost() {
    // Ten times as many may not cost more than forty times the time: quadratic would be a hundred times.
    let time = |count: usize, rounds: u32| {
        let bytes = connect_with_user_properties(count);
        let one = || {
            let start = Instant::now();
            let Ok(DecodedConnect::Connect { connect, .. }) = decode_connect(&bytes, &Limits::of_broker())
            else {
                panic!("refused")
            };
            assert_eq!(connect.properties.user_properties().count(), count);
            assert!(connect.properties.receive_maximum().is_none());
            start.elapsed()
        };
        (0..rounds).map(|_| one()).min().unwrap_or(Duration::MAX)
    };
    let (few, many) = (time(500, 50), time(5_000, 20));
    assert!(many < few * 40, "500: {few:?}, 5000: {many:?}");
}

#[test]
fn no_header_asks_for_more_than_the_limit() {
    let limits = Limits::of_broker().with_packet_bytes_max(1_000);
    for version in [Version::V31, Version::V311, Version::V5] {
        for first in 0..=255u8 {
            for length in
                [&[][..], &[0x80], &[0xff, 0xff], &[0xff, 0xff, 0xff], &[0xff, 0xff, 0xff, 0x7f], &[0xe8, 7]]
            {
                let bytes = [&[first], length].concat();
                if let Ok(sealmq_mqtt::Decoded::Incomplete { need }) = decode(&bytes, version, &limits) {
                    assert!(need > bytes.len() && need <= 1_000, "{bytes:02x?}: {need}");
                }
            }
        }
        // Also where that is less than any packet has.
        let one = Limits::of_broker().with_packet_bytes_max(1);
        let decoded = decode(&[0xc0], version, &one);
        assert!(matches!(decoded, Ok(sealmq_mqtt::Decoded::Incomplete { need: 1 })), "{decoded:?}");
    }
}
