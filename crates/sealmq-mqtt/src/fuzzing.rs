//! What the fuzz targets run: plain functions, which a test on stable also runs over the corpus.
//!
//! Each panics where an invariant of the crate is broken, and only then.

use crate::websocket::{FrameReader, Heard, Side};
use crate::{
    Decoded, DecodedConnect, Limits, Packet, TopicFilter, TopicName, Version, decode, decode_connect, encode,
    matches,
};

/// Reads packets from the front until there are no more, in both directions; each must survive a second round.
pub fn packets(bytes: &[u8], version: Version) {
    for limits in [Limits::of_broker(), Limits::of_client()] {
        let mut rest = bytes;
        while let Ok(decoded) = decode(rest, version, &limits) {
            match decoded {
                Decoded::Incomplete { need } => {
                    assert!(need > rest.len() && need <= limits.packet_bytes_max as usize);
                    break;
                }
                Decoded::Packet { packet, len } => {
                    round_trip(&packet, version, &limits);
                    rest = &rest[len..];
                }
            }
        }
    }
}

/// Reads the first packet of a connection.
pub fn connect(bytes: &[u8]) {
    let limits = Limits::of_broker();
    match decode_connect(bytes, &limits) {
        Ok(DecodedConnect::Incomplete { need }) => {
            assert!(need > bytes.len() && need <= limits.packet_bytes_max as usize);
        }
        Ok(DecodedConnect::Connect { connect, len }) => {
            assert!(len <= bytes.len());
            round_trip(&Packet::Connect(connect), connect.version, &limits);
        }
        Err(error) => assert!(error.reason_code().is_error()),
    }
}

/// Reads a filter and a topic, separated by a line feed, and matches them.
pub fn topic(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (filter, name) = text.split_once('\n').unwrap_or((text, text));
    let (filter, name) = (TopicFilter::parse(filter), TopicName::parse(name));
    if let Ok(filter) = filter {
        assert!(!filter.unshared().as_str().is_empty());
        if let Ok(name) = name {
            let matched = matches(&filter, &name);
            assert!(!matched || filter.has_wildcard() || filter.unshared().as_str() == name.as_str());
        }
    }
}

fn round_trip(packet: &Packet<'_>, version: Version, limits: &Limits) {
    let mut out = Vec::new();
    encode(packet, version, &mut out).expect("what was decoded can be encoded");
    let again = decode(&out, version, limits).expect("what was encoded can be decoded");
    assert_eq!(again, Decoded::Packet { packet: *packet, len: out.len() });
}

/// Any bytes as WebSocket frames of either side: read at once, or byte by byte, the same comes out, and no more MQTT bytes
/// than came in.
pub fn websocket_frames(bytes: &[u8]) {
    for side in [Side::Server, Side::Client] {
        let (mut whole, mut at_once) = (FrameReader::new(side), Vec::new());
        let first = whole.read(bytes, &mut at_once);
        assert!(at_once.len() <= bytes.len());
        let (mut single, mut one_by_one) = (FrameReader::new(side), Vec::new());
        let mut last = Heard::default();
        let second = bytes.iter().try_for_each(|byte| {
            let heard = single.read(&[*byte], &mut one_by_one)?;
            last.ping = heard.ping.or(last.ping);
            last.close = heard.close.or(last.close);
            Ok(())
        });
        assert_eq!(at_once, one_by_one);
        assert_eq!(first, second.map(|()| last));
    }
}
