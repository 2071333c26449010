//! What a peer is told about bytes that cannot be decoded.

use crate::{ConnectReturnCode, DecodeError, Fault, PacketType, ReasonCode, Version};

/// What to send before the network connection is closed after a [`DecodeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: MQTT 3.x has no way to say it, or the peer does not speak MQTT.
    Close,
    /// A CONNACK in the form of 3.x. [MQTT311-3.1.2-2]
    ReturnCode(ConnectReturnCode),
    /// A CONNACK in the form of 5.0. [MQTT-3.1.2-2] [MQTT-4.13.1-1]
    ConnAck(ReasonCode),
    /// A DISCONNECT of 5.0. [MQTT-4.13.1-1] MQTT §3.14.2.1
    Disconnect(ReasonCode),
}

impl Answer {
    /// The rule: CONNECT is answered with CONNACK where the version is 5.0 or the level is the fault, every later
    /// 5.0 packet with DISCONNECT, everything else with a closed connection.
    pub(crate) fn to(error: &DecodeError) -> Answer {
        let code = error.reason_code();
        if let Fault::ProtocolLevel { level } = error.fault {
            // A level above ours can only be read in the form of the newest version we speak.
            return if level & !crate::version::BRIDGE_BIT > Version::V5.level() {
                Answer::ConnAck(code)
            } else {
                Answer::ReturnCode(ConnectReturnCode::UnacceptableProtocolVersion)
            };
        }
        match (error.version, error.packet) {
            (Some(Version::V5), Some(PacketType::Connect)) => Answer::ConnAck(code),
            (Some(Version::V5), _) => Answer::Disconnect(code),
            (Some(Version::V31 | Version::V311) | None, _) => Answer::Close,
        }
    }
}
