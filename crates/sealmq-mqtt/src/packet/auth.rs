//! AUTH: one step of extended authentication. MQTT §3.15

use super::{
    ack::{read_tail, write_tail},
    check_properties, check_reason,
};
use crate::{
    EncodeError, Fault, Limits, PacketType, Place, Properties, ReasonCode, Version, reader::Reader,
    sink::Sink,
};

/// AUTH, 5.0 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, continue, or re-authenticate.
    pub reason: ReasonCode,
    /// Properties. The method is there unless the reason is success and nothing else is said.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, limits: &Limits) -> Result<Auth<'a>, Fault> {
        let (reason, properties) = read_tail(reader, PacketType::Auth, limits)?;
        let auth = Auth { reason, properties };
        if auth.method_missing() { Err(Fault::AuthenticationMethodMissing) } else { Ok(auth) }
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        if !version.is_v5() {
            return Err(EncodeError::NotInVersion { what: "AUTH", version });
        }
        if self.method_missing() {
            return Err(EncodeError::AuthenticationMethodMissing);
        }
        check_reason(self.reason, PacketType::Auth, version)?;
        check_properties(self.properties, Place::Packet(PacketType::Auth), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S) {
        write_tail(sink, self.reason, self.properties);
    }

    /// MQTT §3.15.2.2.2: omitting the method is a protocol error; §3.15.2.1 lets the whole be left out on success.
    fn method_missing(&self) -> bool {
        let empty = self.reason == ReasonCode::Success && self.properties.is_empty();
        !empty && self.properties.authentication_method().is_none()
    }
}
