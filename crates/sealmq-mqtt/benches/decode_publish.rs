//! How long one packet takes. `decode_publish_100b` is the figure that is watched; beside it what is possible
//! (a minimal parser written by hand for this one packet) and what a published crate needs.

#![allow(clippy::unwrap_used, missing_docs)] // A benchmark has no peer to answer.

use divan::{Bencher, black_box};
use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
use sealmq_mqtt::{
    Decoded, Dup, Limits, Packet, PacketId, PublishParts, QoS, SharedPublish, TopicName, Version, decode,
};

fn main() {
    divan::main();
}

/// 100 bytes in all, QoS 1.
fn packet(version: Version) -> Vec<u8> {
    let mut payload = vec![b'x'; 100];
    loop {
        let parts = PublishParts {
            qos: QoS::AtLeastOnce,
            topic: Some(TopicName::parse("devices/sensor-17/temp").unwrap()),
            payload: &payload,
            ..PublishParts::default()
        };
        let shared = SharedPublish::new(&parts, version).unwrap();
        if shared.len() == 100 {
            let mut out = Vec::new();
            shared.write(PacketId::new(1234), Dup::First, &mut out).unwrap();
            return out;
        }
        payload.truncate(payload.len() - (shared.len() - 100));
    }
}

/// The least that a parser of this packet must do: lengths, UTF-8, no wildcard.
fn by_hand(bytes: &[u8], v5: bool) -> Option<(&str, u16, &[u8])> {
    let remaining = usize::from(*bytes.get(1)?);
    let body = bytes.get(2..2 + remaining)?;
    let topic_len = usize::from(u16::from_be_bytes(*body.first_chunk()?));
    let topic = std::str::from_utf8(body.get(2..2 + topic_len)?).ok()?;
    if topic.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0)) {
        return None;
    }
    let rest = body.get(2 + topic_len..)?;
    let id = u16::from_be_bytes(*rest.first_chunk()?);
    let payload = if v5 { rest.get(3 + usize::from(*rest.get(2)?)..)? } else { rest.get(2..)? };
    Some((topic, id, payload))
}

#[divan::bench(args = [Version::V311, Version::V5])]
fn decode_publish_100b(bencher: Bencher<'_, '_>, version: Version) {
    let (bytes, limits) = (packet(version), Limits::of_broker());
    assert_eq!(bytes.len(), 100);
    bencher.bench(|| match decode(black_box(&bytes), version, &limits) {
        Ok(Decoded::Packet { packet: Packet::Publish(publish), .. }) => {
            (publish.topic.map(|topic| topic.as_str().len()), publish.packet_id, publish.payload.len())
        }
        other => panic!("{other:?}"),
    });
}

#[divan::bench(args = [Version::V311, Version::V5])]
fn by_hand_100b(bencher: Bencher<'_, '_>, version: Version) {
    let bytes = packet(version);
    bencher.bench(|| {
        let (topic, id, payload) = by_hand(black_box(&bytes), version.is_v5()).unwrap();
        (topic.len(), id, payload.len())
    });
}

#[divan::bench(args = [Version::V311, Version::V5])]
fn mqtt_protocol_core_100b(bencher: Bencher<'_, '_>, version: Version) {
    let bytes = packet(version);
    bencher.bench(|| {
        let bytes = black_box(&bytes);
        let (flags, body) = (bytes[0] & 0x0f, &bytes[2..]);
        if version.is_v5() {
            v5_0::Publish::parse(flags, body.into()).unwrap().0.topic_name().len()
        } else {
            v3_1_1::Publish::parse(flags, body.into()).unwrap().0.topic_name().len()
        }
    });
}

#[divan::bench(args = [Version::V311, Version::V5])]
fn write_shared_publish_100b(bencher: Bencher<'_, '_>, version: Version) {
    let parts = PublishParts {
        qos: QoS::AtLeastOnce,
        topic: Some(TopicName::parse("devices/sensor-17/temp").unwrap()),
        payload: &[b'x'; 72],
        ..PublishParts::default()
    };
    let shared = SharedPublish::new(&parts, version).unwrap();
    let id = PacketId::new(77);
    let mut out = Vec::with_capacity(1 << 16);
    bencher.bench_local(|| {
        if out.len() > 60_000 {
            out.clear();
        }
        shared.write(black_box(id), Dup::First, &mut out).unwrap();
    });
}
