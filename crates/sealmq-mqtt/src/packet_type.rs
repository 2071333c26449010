//! The fifteen packet types and the flags that their fixed headers must carry.

use crate::{Sender, Version};
use std::fmt;

/// A control packet type; the number is the upper half of the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Client asks to connect.
    Connect = 1,
    /// Server's answer to CONNECT.
    ConnAck = 2,
    /// An application message.
    Publish = 3,
    /// Answer to PUBLISH at QoS 1.
    PubAck = 4,
    /// First answer to PUBLISH at QoS 2.
    PubRec = 5,
    /// Answer to PUBREC.
    PubRel = 6,
    /// Answer to PUBREL.
    PubComp = 7,
    /// Client subscribes.
    Subscribe = 8,
    /// Answer to SUBSCRIBE.
    SubAck = 9,
    /// Client unsubscribes.
    Unsubscribe = 10,
    /// Answer to UNSUBSCRIBE.
    UnsubAck = 11,
    /// Client asks for a sign of life.
    PingReq = 12,
    /// Answer to PINGREQ.
    PingResp = 13,
    /// The connection ends (5.0: from either side).
    Disconnect = 14,
    /// Extended authentication, 5.0 only.
    Auth = 15,
}

impl PacketType {
    /// From the upper half of the first byte. 0 is forbidden in every version, 15 before 5.0 (MQTT311 §2.2.1).
    pub const fn from_first_byte(byte: u8, version: Version) -> Option<PacketType> {
        Some(match byte >> 4 {
            1 => PacketType::Connect,
            2 => PacketType::ConnAck,
            3 => PacketType::Publish,
            4 => PacketType::PubAck,
            5 => PacketType::PubRec,
            6 => PacketType::PubRel,
            7 => PacketType::PubComp,
            8 => PacketType::Subscribe,
            9 => PacketType::SubAck,
            10 => PacketType::Unsubscribe,
            11 => PacketType::UnsubAck,
            12 => PacketType::PingReq,
            13 => PacketType::PingResp,
            14 => PacketType::Disconnect,
            15 if version.is_v5() => PacketType::Auth,
            _ => return None,
        })
    }

    /// The name as the standard writes it.
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::ConnAck => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::PubAck => "PUBACK",
            PacketType::PubRec => "PUBREC",
            PacketType::PubRel => "PUBREL",
            PacketType::PubComp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::SubAck => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::UnsubAck => "UNSUBACK",
            PacketType::PingReq => "PINGREQ",
            PacketType::PingResp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
            PacketType::Auth => "AUTH",
        }
    }

    /// Whether `sender` may send this type at all (MQTT §2.1.2, column "direction of flow").
    pub(crate) const fn may_come_from(self, sender: Sender, version: Version) -> bool {
        let by_client = match self {
            PacketType::Connect
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq
            | PacketType::Publish
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp
            | PacketType::Disconnect
            | PacketType::Auth => true,
            PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp => false,
        };
        let by_server = match self {
            PacketType::Connect | PacketType::Subscribe | PacketType::Unsubscribe | PacketType::PingReq => {
                false
            }
            PacketType::Disconnect => version.is_v5(),
            PacketType::ConnAck
            | PacketType::SubAck
            | PacketType::UnsubAck
            | PacketType::PingResp
            | PacketType::Publish
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp
            | PacketType::Auth => true,
        };
        match sender {
            Sender::Client => by_client,
            Sender::Server => by_server,
        }
    }

    /// The flags this type is sent with; PUBLISH has its own. [MQTT-2.1.3-1] [MQTT311-2.2.2-1]
    /// [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT311-3.6.1-1]
    /// [MQTT311-3.8.1-1] [MQTT311-3.10.1-1] [MQTT311-3.14.1-1]
    pub(crate) const fn fixed_flags(self) -> u8 {
        match self {
            PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
            PacketType::Connect
            | PacketType::ConnAck
            | PacketType::Publish
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubComp
            | PacketType::SubAck
            | PacketType::UnsubAck
            | PacketType::PingReq
            | PacketType::PingResp
            | PacketType::Disconnect
            | PacketType::Auth => 0,
        }
    }

    /// Whether a receiver takes these flags. [MQTT-2.1.3-1] [MQTT311-2.2.2-2]
    ///
    /// MQTT 3.1 sets DUP when it sends PUBREL, SUBSCRIBE or UNSUBSCRIBE again (MQTT 3.1 §3.6, §3.8, §3.10).
    pub(crate) const fn flags_ok(self, flags: u8, version: Version) -> bool {
        let fixed = self.fixed_flags();
        match self {
            PacketType::Publish => true,
            PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => {
                flags == fixed || (matches!(version, Version::V31) && flags == fixed | 0b1000)
            }
            // "The DUP, QoS, and RETAIN flags are not used in the CONNECT message." MQTT 3.1 §3.1
            PacketType::Connect => flags == fixed || matches!(version, Version::V31),
            PacketType::ConnAck
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubComp
            | PacketType::SubAck
            | PacketType::UnsubAck
            | PacketType::PingReq
            | PacketType::PingResp
            | PacketType::Disconnect
            | PacketType::Auth => flags == fixed,
        }
    }

    /// The highest remaining length this type can have, so that a hostile length is refused before its bytes are waited
    /// for: where the standard fixes it, and where mosquitto bounds what a client may send ([`CONNECT_BYTES_MAX`],
    /// [`SUBSCRIBE_BYTES_MAX`], [`ACK_BYTES_MAX`]). `None`: bounded by [`crate::Limits`] alone.
    pub(crate) const fn remaining_length_max(self, version: Version, sender: Sender) -> Option<u32> {
        match self {
            PacketType::PingReq | PacketType::PingResp => Some(0),
            PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp
            | PacketType::UnsubAck
                if !version.is_v5() =>
            {
                Some(2)
            }
            PacketType::ConnAck if !version.is_v5() => Some(2),
            PacketType::Disconnect if !version.is_v5() => Some(0),
            PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp
            | PacketType::UnsubAck
            | PacketType::Disconnect => bound_of(sender, ACK_BYTES_MAX),
            PacketType::Subscribe | PacketType::Unsubscribe if version.is_v5() => {
                bound_of(sender, SUBSCRIBE_BYTES_MAX)
            }
            PacketType::Connect | PacketType::Auth => bound_of(sender, CONNECT_BYTES_MAX),
            PacketType::ConnAck
            | PacketType::Publish
            | PacketType::Subscribe
            | PacketType::SubAck
            | PacketType::Unsubscribe => None,
        }
    }
}

const fn bound_of(sender: Sender, max: u32) -> Option<u32> {
    match sender {
        Sender::Client => Some(max),
        Sender::Server => None,
    }
}

/// CONNECT and AUTH of a client: mosquitto's `packet_max_connect` and `packet_max_auth`, which no key changes.
const CONNECT_BYTES_MAX: u32 = 100_000;
/// SUBSCRIBE and UNSUBSCRIBE of a 5.0 client: mosquitto's `packet_max_sub`.
const SUBSCRIBE_BYTES_MAX: u32 = 100_000;
/// Acknowledgements and DISCONNECT of a 5.0 client: mosquitto's `packet_max_simple`.
const ACK_BYTES_MAX: u32 = 10_000;

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
