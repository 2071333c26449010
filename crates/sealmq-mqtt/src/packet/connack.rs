//! CONNACK: the server's answer to CONNECT. MQTT §3.2, MQTT311 §3.2

use super::{check_properties, check_reason};
use crate::{
    ConnectReturnCode, EncodeError, Fault, PacketType, Place, Properties, ReasonCode, Sender, Version,
    property::put_len_prefixed, reader::Reader, sink::Sink,
};

/// CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// Whether the server has a session of this client. 3.1 has no such flag.
    pub session_present: bool,
    /// Accepted, or why not.
    pub code: ConnAckCode,
    /// Properties.
    pub properties: Properties<'a>,
}

/// The code of a CONNACK, in the words of its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnAckCode {
    /// 3.1 and 3.1.1.
    V3(ConnectReturnCode),
    /// 5.0.
    V5(ReasonCode),
}

impl ConnAckCode {
    /// Whether the connection stands.
    pub fn is_accepted(self) -> bool {
        self == ConnAckCode::V3(ConnectReturnCode::Accepted) || self == ConnAckCode::V5(ReasonCode::Success)
    }

    const fn as_u8(self) -> u8 {
        match self {
            ConnAckCode::V3(code) => code.as_u8(),
            ConnAckCode::V5(reason) => reason.as_u8(),
        }
    }
}

impl<'a> ConnAck<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, version: Version) -> Result<ConnAck<'a>, Fault> {
        let flags = reader.u8("connect acknowledge flags")?;
        // [MQTT-3.2.2-1]; MQTT311 §3.2.2.1; in 3.1 the byte is reserved and not used.
        if flags > 1 && version != Version::V31 {
            return Err(Fault::ConnAckFlags { flags });
        }
        let session_present = flags & 1 != 0 && version != Version::V31;
        let byte = reader.u8("reason code")?;
        let code = if version.is_v5() {
            ConnAckCode::V5(read_reason(byte)?)
        } else {
            ConnAckCode::V3(ConnectReturnCode::from_u8(byte).ok_or(Fault::ReturnCode { code: byte })?)
        };
        // [MQTT-3.2.2-6] [MQTT311-3.2.2-4]
        if session_present && !code.is_accepted() {
            return Err(Fault::SessionPresentBesideRefusal);
        }
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::ConnAck), Sender::Server)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        Ok(ConnAck { session_present, code, properties })
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        match self.code {
            ConnAckCode::V5(reason) => {
                if !version.is_v5() {
                    return Err(EncodeError::NotInVersion { what: "reason codes", version });
                }
                check_reason(reason, PacketType::ConnAck, version)?;
            }
            ConnAckCode::V3(_) if version.is_v5() => {
                return Err(EncodeError::NotInVersion { what: "return codes", version });
            }
            ConnAckCode::V3(_) => {}
        }
        if self.session_present && (version == Version::V31 || !self.code.is_accepted()) {
            return Err(EncodeError::SessionPresent);
        }
        check_properties(self.properties, Place::Packet(PacketType::ConnAck), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S, version: Version) {
        sink.u8(u8::from(self.session_present));
        sink.u8(self.code.as_u8());
        if version.is_v5() {
            put_len_prefixed(sink, self.properties);
        }
    }
}

/// [MQTT-3.2.2-8]
fn read_reason(code: u8) -> Result<ReasonCode, Fault> {
    ReasonCode::from_u8(code)
        .filter(|reason| reason.allowed_in(PacketType::ConnAck))
        .ok_or(Fault::ReasonCode { code })
}
