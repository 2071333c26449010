//! The variable byte integer. [MQTT-1.5.5-1]; MQTT311 §2.2.3

/// The largest value four bytes hold.
pub(crate) const VALUE_MAX: u32 = 268_435_455;

/// The largest packet MQTT can express: first byte, four bytes of length, the body.
pub(crate) const PACKET_BYTES_MAX: u32 = VALUE_MAX + 5;

/// What stands at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Varint {
    /// A whole integer.
    Value {
        /// Its value, at most [`VALUE_MAX`].
        value: u32,
        /// Bytes it took, 1 to 4.
        len: usize,
    },
    /// The bytes end before the integer does.
    Incomplete,
    /// A fourth byte with the continuation bit.
    TooLong,
}

impl Varint {
    /// Reads one from the front of `bytes`.
    #[inline]
    pub(crate) fn read(bytes: &[u8]) -> Varint {
        let mut value = 0u32;
        for (i, byte) in bytes.iter().take(4).enumerate() {
            value |= u32::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                return Varint::Value { value, len: i + 1 };
            }
        }
        if bytes.len() < 4 { Varint::Incomplete } else { Varint::TooLong }
    }
}

/// Bytes that `value` takes in its shortest form, 1 to 4. Values above [`VALUE_MAX`] are the caller's error.
#[inline]
pub(crate) const fn len(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

/// The shortest form of `value`, and how many of the four bytes it takes.
#[inline]
pub(crate) fn bytes(mut value: u32) -> ([u8; 4], usize) {
    let mut out = [0; 4];
    let len = len(value);
    for (i, byte) in out.iter_mut().take(len).enumerate() {
        *byte = (value & 0x7f) as u8 | if i + 1 < len { 0x80 } else { 0 };
        value >>= 7;
    }
    (out, len)
}
