//! Quality of service and the DUP flag.

use std::fmt;

/// Quality of service of an application message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0.
    #[default]
    AtMostOnce = 0,
    /// QoS 1.
    AtLeastOnce = 1,
    /// QoS 2.
    ExactlyOnce = 2,
}

impl QoS {
    /// From the two bits on the wire; 3 is none of them. [MQTT-3.3.1-4] [MQTT311-3.3.1-4]
    pub const fn from_u8(value: u8) -> Option<QoS> {
        match value {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }

    /// The number on the wire: 0, 1 or 2.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_u8())
    }
}

/// Whether a PUBLISH may be a copy of one sent before (the DUP flag).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dup {
    /// DUP 0: the first attempt.
    #[default]
    First,
    /// DUP 1: perhaps sent before. Never at QoS 0. [MQTT-3.3.1-2] [MQTT311-3.3.1-2]
    Again,
}
