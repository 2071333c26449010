//! Bytes by hand, for tests that need exactly these.

use sealmq_mqtt::{Decoded, Fault, Limits, Packet, Sender, Version, decode};

/// A packet of a first byte and the parts of its body.
pub(crate) fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![first];
    let mut rest = body.len();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend(body);
    out
}

/// Two bytes of length and the bytes.
pub(crate) fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// What a reader of `sender`'s bytes accepts.
pub(crate) fn limits(sender: Sender) -> Limits {
    match sender {
        Sender::Client => Limits::of_broker(),
        Sender::Server => Limits::of_client(),
    }
}

/// The one packet that `bytes` are.
pub(crate) fn whole(bytes: &[u8], version: Version, sender: Sender) -> Result<Packet<'_>, Fault> {
    match decode(bytes, version, &limits(sender)) {
        Ok(Decoded::Packet { packet, len }) => {
            assert_eq!(len, bytes.len());
            Ok(packet)
        }
        Ok(Decoded::Incomplete { need }) => {
            panic!("incomplete: {need} bytes of {} in {bytes:02x?}", bytes.len())
        }
        Err(error) => Err(error.fault),
    }
}
