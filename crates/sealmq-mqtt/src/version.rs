//! The protocol versions, and how CONNECT names them.

use std::fmt;

/// A version of MQTT that this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1 (2010): protocol name `MQIsdp`, level 3.
    V31,
    /// MQTT 3.1.1 (OASIS 2014, ISO 20922): protocol name `MQTT`, level 4.
    V311,
    /// MQTT 5.0 (OASIS 2019): protocol name `MQTT`, level 5.
    V5,
}

/// The bit in the protocol level by which a mosquitto bridge says what it is (`try_private`).
pub(crate) const BRIDGE_BIT: u8 = 0x80;

impl Version {
    /// The protocol level in CONNECT, without the bridge bit.
    pub const fn level(self) -> u8 {
        match self {
            Version::V31 => 3,
            Version::V311 => 4,
            Version::V5 => 5,
        }
    }

    /// The protocol name in CONNECT. [MQTT-3.1.2-1] [MQTT311-3.1.2-1]
    pub const fn protocol_name(self) -> &'static str {
        match self {
            Version::V31 => "MQIsdp",
            Version::V311 | Version::V5 => "MQTT",
        }
    }

    /// Whether packets of this version carry properties and reason codes.
    pub const fn is_v5(self) -> bool {
        matches!(self, Version::V5)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V31 => "3.1",
            Version::V311 => "3.1.1",
            Version::V5 => "5.0",
        })
    }
}
