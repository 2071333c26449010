//! What a peer is told about bytes that cannot be decoded.

use crate::{
    ConnectReturnCode, DecodeError, Fault, PacketType, ReasonCode, TopicError, Version,
    packet::field,
    reader::{TOPIC_FILTER, TOPIC_NAME},
    version::BRIDGE_BIT,
};

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
        if is_silent(error) {
            return Answer::Close;
        }
        if let Fault::ProtocolLevel { level } = error.fault {
            // A level of ours beside another's name is told in the form of 3.x; one that is no version's in the form of
            // the newest we speak, also below ours. (mosquitto)
            let ours = Version::V31.level()..=Version::V5.level();
            return if ours.contains(&(level & !BRIDGE_BIT)) {
                Answer::ReturnCode(ConnectReturnCode::UnacceptableProtocolVersion)
            } else {
                Answer::ConnAck(code)
            };
        }
        match (error.version, error.packet) {
            (Some(Version::V5), Some(PacketType::Connect)) => Answer::ConnAck(code),
            (Some(Version::V5), _) => Answer::Disconnect(code),
            (Some(Version::V31 | Version::V311) | None, _) => Answer::Close,
        }
    }
}

/// Where a server of 5.0 closes without a word, as mosquitto does ([MQTT-4.13.1-1] leaves it open): a length that no
/// packet of this type can have, a will for a topic that cannot be, connect flags that contradict each other, a user
/// name or password that is none, a DISCONNECT whose reason nobody knows.
fn is_silent(error: &DecodeError) -> bool {
    match (&error.fault, error.packet) {
        (Fault::RemainingLengthTooLong | Fault::RemainingLengthImpossible { .. }, _)
        | (Fault::ReasonCode { .. }, Some(PacketType::Disconnect))
        | (Fault::ConnectReservedFlag | Fault::WillQoS3 | Fault::WillFlagsWithoutWill, _) => true,
        // 5.0 has no bridge bit.
        (Fault::ProtocolLevel { level }, _) => *level == BRIDGE_BIT | Version::V5.level(),
        (Fault::NotUtf8 { field: name }, _) => ![TOPIC_NAME, TOPIC_FILTER, field::CLIENT_ID].contains(name),
        (Fault::ForbiddenCharacter { field: name, .. }, _) => *name != field::CLIENT_ID,
        (Fault::Topic { error: TopicError::Empty, .. }, _) => false,
        (Fault::Topic { field: name, .. } | Fault::TopicTooDeep { field: name, .. }, _) => {
            *name == field::WILL_TOPIC
        }
        (Fault::EndsEarly { field: name }, Some(PacketType::Connect)) => {
            [field::FLAGS, field::KEEP_ALIVE, field::CLIENT_ID, field::USER_NAME, field::PASSWORD]
                .contains(name)
        }
        _ => false,
    }
}
