//! The packet identifier.

use std::{fmt, num::NonZeroU16};

/// A packet identifier: 1 to 65535, never 0. [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The lowest packet id.
    pub const MIN: PacketId = PacketId(NonZeroU16::MIN);
    /// The highest packet id.
    pub const MAX: PacketId = PacketId(NonZeroU16::MAX);

    /// `None` for 0.
    pub const fn new(value: u16) -> Option<PacketId> {
        match NonZeroU16::new(value) {
            Some(value) => Some(PacketId(value)),
            None => None,
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The one after this; after 65535 comes 1.
    #[must_use]
    pub const fn next(self) -> PacketId {
        match self.0.checked_add(1) {
            Some(value) => PacketId(value),
            None => PacketId::MIN,
        }
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
