//! Where encoded bytes go: counted first, written then, by the same code.

use crate::{SubscriptionId, varint};

/// Takes bytes in order.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);

    fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    fn varint(&mut self, value: u32) {
        let (bytes, len) = varint::bytes(value);
        self.put(&bytes[..len]);
    }

    /// Two bytes of length and the bytes; the caller has seen that they fit.
    fn binary(&mut self, bytes: &[u8]) {
        let len = u16::try_from(bytes.len()).expect("fields are checked to have at most 65535 bytes");
        self.u16(len);
        self.put(bytes);
    }

    fn subscription_id(&mut self, id: SubscriptionId) {
        self.varint(id.get());
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts only.
#[derive(Debug, Default)]
pub(crate) struct Count(pub(crate) usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}
