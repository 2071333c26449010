//! Why bytes are no packet, and what the peer is to be told.

use crate::{Answer, PacketType, PropertyId, ReasonCode, TopicError, Version, packet::field};

/// Bytes that the standard, or a limit, forbids. The connection ends. [MQTT-4.13.1-1] [MQTT311-4.8.0-1]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", self.place())]
pub struct DecodeError {
    /// The packet at fault, where its type is known.
    pub packet: Option<PacketType>,
    /// The version it was read as; `None` in a CONNECT that has not told it yet.
    pub version: Option<Version>,
    /// What is wrong.
    pub fault: Fault,
}

impl DecodeError {
    /// The reason code of MQTT 5.0 for this: 0x81, 0x82, 0x84, 0x85, 0x94 or 0x95.
    pub fn reason_code(&self) -> ReasonCode {
        self.packet
            .and_then(|packet| self.fault.reason_code_within(packet))
            .unwrap_or_else(|| self.fault.reason_code())
    }

    /// What to send before the network connection is closed.
    pub fn answer(&self) -> Answer {
        Answer::to(self)
    }

    fn place(&self) -> String {
        self.packet.map_or_else(String::new, |packet| format!("{packet}: "))
    }
}

/// The rule that is broken, with the values that break it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Type 0, or 15 before 5.0. MQTT §2.1.2, MQTT311 §2.2.1
    #[error("packet type {value} is reserved")]
    ReservedPacketType {
        /// The upper half of the first byte.
        value: u8,
    },
    /// [MQTT-2.1.3-1] [MQTT311-2.2.2-2]
    #[error("fixed header flags are 0b{flags:04b}")]
    FixedHeaderFlags {
        /// The lower half of the first byte.
        flags: u8,
    },
    /// MQTT §1.5.5, MQTT311 §2.2.3
    #[error("remaining length takes more than four bytes")]
    RemainingLengthTooLong,
    /// [MQTT-1.5.5-1]
    #[error("remaining length is not in its shortest form")]
    RemainingLengthNotShortest,
    /// Larger than [`crate::Limits::packet_bytes_max`]. [MQTT-3.2.2-15]
    #[error("packet of {bytes} bytes, at most {max} are accepted")]
    PacketTooLarge {
        /// The whole packet.
        bytes: u32,
        /// The limit.
        max: u32,
    },
    /// The remaining length is more than this type can have.
    #[error("remaining length {bytes}, at most {max} is possible")]
    RemainingLengthImpossible {
        /// What the header says.
        bytes: u32,
        /// What the type allows.
        max: u32,
    },
    /// A packet that only the other side sends. MQTT §2.1.2
    #[error("is never sent in this direction")]
    WrongDirection,
    /// [MQTT-3.1.0-1] [MQTT311-3.1.0-1]
    #[error("the first packet is not CONNECT")]
    NotConnect,
    /// The remaining length ends inside a field.
    #[error("ends inside its {field}")]
    EndsEarly {
        /// The field.
        field: &'static str,
    },
    /// Bytes behind the last field.
    #[error("has {bytes} bytes after its last field")]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// [MQTT-1.5.5-1], or a fifth byte.
    #[error("{field} is no variable byte integer in its shortest form")]
    VariableByteInteger {
        /// The field.
        field: &'static str,
    },
    /// [MQTT-3.1.2-1] [MQTT311-3.1.2-1]: the server closes without an answer.
    #[error("protocol name is neither `MQTT` nor `MQIsdp`")]
    ProtocolName,
    /// [MQTT-3.1.2-2] [MQTT311-3.1.2-2]: the server says so before it closes.
    #[error("protocol level {level} is not supported")]
    ProtocolLevel {
        /// The level, with the bridge bit if that was set.
        level: u8,
    },
    /// [MQTT-3.1.2-3] [MQTT311-3.1.2-3]
    #[error("reserved connect flag is set")]
    ConnectReservedFlag,
    /// [MQTT-3.1.2-12] [MQTT311-3.1.2-14]
    #[error("will QoS is 3")]
    WillQoS3,
    /// [MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT311-3.1.2-13] [MQTT311-3.1.2-15]
    #[error("will QoS or will retain is set without a will")]
    WillFlagsWithoutWill,
    /// [MQTT311-3.1.2-22]
    #[error("has a password without a user name")]
    PasswordWithoutUserName,
    /// [MQTT-3.2.2-1] [MQTT311-3.2.2-1]
    #[error("connect acknowledge flags are 0x{flags:02x}")]
    ConnAckFlags {
        /// The byte.
        flags: u8,
    },
    /// [MQTT-3.2.2-6] [MQTT311-3.2.2-4]
    #[error("session present is set beside a refusal")]
    SessionPresentBesideRefusal,
    /// [MQTT311-3.2.2-6]
    #[error("return code {code} is reserved")]
    ReturnCode {
        /// The byte.
        code: u8,
    },
    /// [MQTT-1.5.4-1] [MQTT311-1.5.3-1]
    #[error("{field} is not well-formed UTF-8")]
    NotUtf8 {
        /// The field.
        field: &'static str,
    },
    /// [MQTT-1.5.4-2] [MQTT311-1.5.3-2] and MQTT §1.5.4
    #[error("{field} contains the character U+{:04X}", u32::from(*character))]
    ForbiddenCharacter {
        /// The field.
        field: &'static str,
        /// The first of them.
        character: char,
    },
    /// A topic name or filter that is none.
    #[error("{field} {error}")]
    Topic {
        /// The field.
        field: &'static str,
        /// The rule.
        error: TopicError,
    },
    /// More separators than [`crate::Limits::topic_separators_max`].
    #[error("{field} has {separators} separators, at most {max} are accepted")]
    TopicTooDeep {
        /// The field.
        field: &'static str,
        /// How many `/`.
        separators: usize,
        /// The limit.
        max: u16,
    },
    /// [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
    #[error("packet identifier is 0")]
    PacketIdZero,
    /// [MQTT-3.3.1-4] [MQTT311-3.3.1-4]
    #[error("QoS is 3")]
    QoS3,
    /// [MQTT-3.3.1-2] [MQTT311-3.3.1-2]
    #[error("DUP is set at QoS 0")]
    DupAtQoS0,
    /// MQTT §3.3.2.1: a zero-length topic name needs a topic alias.
    #[error("has neither a topic name nor a topic alias")]
    NoTopic,
    /// MQTT §2.2.2.2
    #[error("property 0x{id:02x} is not defined")]
    PropertyUnknown {
        /// The identifier.
        id: u8,
    },
    /// MQTT §2.2.2.2, and [MQTT-3.3.4-6]: a client sends no Subscription Identifier in PUBLISH; [MQTT-3.14.2-2]: a
    /// server no Session Expiry Interval in DISCONNECT.
    #[error("property {property} is not allowed here")]
    PropertyMisplaced {
        /// Which.
        property: PropertyId,
    },
    /// "It is a Protocol Error to include … more than once", in the section of each property.
    #[error("property {property} is included more than once")]
    PropertyRepeated {
        /// Which.
        property: PropertyId,
    },
    /// A value that the property's section forbids.
    #[error("property {property} has the value {value}")]
    PropertyValue {
        /// Which.
        property: PropertyId,
        /// What it was.
        value: u32,
    },
    /// A Response Topic that is no topic name. [MQTT-3.3.2-14] [MQTT-3.3.2-15]
    #[error("property {property} {error}")]
    PropertyTopic {
        /// Which.
        property: PropertyId,
        /// The rule.
        error: TopicError,
    },
    /// MQTT §3.1.2.11.10, §3.15.2.2.2
    #[error("has no Authentication Method")]
    AuthenticationMethodMissing,
    /// [MQTT-3.8.3-2] [MQTT311-3.8.3-3] [MQTT-3.10.3-2] [MQTT311-3.10.3-2]
    #[error("has no topic filter")]
    NoFilter,
    /// [MQTT-3.9.3-1]: one reason code for each filter, so at least one.
    #[error("has no reason code")]
    NoReasonCode,
    /// [MQTT-3.8.3-5] [MQTT311-3.8.3-4]
    #[error("subscription options are 0x{options:02x}")]
    SubscriptionOptions {
        /// The byte.
        options: u8,
    },
    /// [MQTT-3.8.3-4]
    #[error("no local is set on a shared subscription")]
    NoLocalOnShared,
    /// A code that the packet's section does not list.
    #[error("reason code 0x{code:02x} is not allowed here")]
    ReasonCode {
        /// The byte.
        code: u8,
    },
}

impl Fault {
    /// Where the standard leaves open whether a packet is malformed or an error of the protocol (most sections say only
    /// "MUST"), the code is mosquitto's, which differs from packet to packet: clients and test suites compare it.
    fn reason_code_within(&self, packet: PacketType) -> Option<ReasonCode> {
        match (packet, self) {
            (
                PacketType::Subscribe | PacketType::Unsubscribe,
                Fault::PacketIdZero
                | Fault::NoFilter
                | Fault::PropertyMisplaced { .. }
                | Fault::PropertyValue { .. },
            ) => Some(ReasonCode::MalformedPacket),
            (
                PacketType::Subscribe | PacketType::Unsubscribe,
                Fault::Topic { error: TopicError::Share, .. },
            )
            | (
                PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp,
                Fault::ReasonCode { .. },
            )
            | (PacketType::Auth, Fault::FixedHeaderFlags { .. })
            | (PacketType::Disconnect, Fault::TrailingBytes { .. }) => Some(ReasonCode::ProtocolError),
            (
                PacketType::Connect,
                Fault::NotUtf8 { field: name } | Fault::ForbiddenCharacter { field: name, .. },
            ) if *name == field::CLIENT_ID => Some(ReasonCode::ClientIdentifierNotValid),
            _ => None,
        }
    }

    /// Malformed (0x81) where bytes cannot be parsed or a bit is reserved, protocol error (0x82) where the standard
    /// calls it that, and the three that have a code of their own. MQTT §4.13
    pub fn reason_code(&self) -> ReasonCode {
        match self {
            Fault::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            Fault::ProtocolName | Fault::ProtocolLevel { .. } => ReasonCode::UnsupportedProtocolVersion,
            // The first byte 0x0_ is answered as mosquitto answers it.
            Fault::ReservedPacketType { value: 0 } => ReasonCode::ProtocolError,
            Fault::WrongDirection
            | Fault::NotConnect
            | Fault::PacketIdZero
            | Fault::PropertyTopic { .. }
            | Fault::PropertyMisplaced { .. }
            | Fault::PropertyRepeated { .. }
            | Fault::PropertyValue { .. }
            | Fault::AuthenticationMethodMissing
            | Fault::NoFilter
            | Fault::NoReasonCode
            | Fault::NoLocalOnShared => ReasonCode::ProtocolError,
            Fault::ReservedPacketType { .. }
            | Fault::FixedHeaderFlags { .. }
            | Fault::RemainingLengthTooLong
            | Fault::RemainingLengthNotShortest
            | Fault::RemainingLengthImpossible { .. }
            | Fault::EndsEarly { .. }
            | Fault::TrailingBytes { .. }
            | Fault::VariableByteInteger { .. }
            | Fault::ConnectReservedFlag
            | Fault::WillQoS3
            | Fault::WillFlagsWithoutWill
            | Fault::PasswordWithoutUserName
            | Fault::ConnAckFlags { .. }
            | Fault::SessionPresentBesideRefusal
            | Fault::ReturnCode { .. }
            | Fault::NotUtf8 { .. }
            | Fault::ForbiddenCharacter { .. }
            | Fault::Topic { .. }
            | Fault::TopicTooDeep { .. }
            | Fault::NoTopic
            | Fault::QoS3
            | Fault::DupAtQoS0
            | Fault::PropertyUnknown { .. }
            | Fault::SubscriptionOptions { .. }
            | Fault::ReasonCode { .. } => ReasonCode::MalformedPacket,
        }
    }
}
