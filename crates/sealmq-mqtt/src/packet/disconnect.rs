//! DISCONNECT: the connection ends on purpose. MQTT §3.14, MQTT311 §3.14

use super::{
    ack::{read_tail, write_tail},
    check_properties, check_reason,
};
use crate::{
    EncodeError, Fault, Limits, PacketType, Place, Properties, ReasonCode, Version, reader::Reader,
    sink::Sink,
};

/// DISCONNECT. Which reasons a client or a server has cause to send is not judged here: the connection ends anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why.
    pub reason: ReasonCode,
    /// Properties.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// Without properties.
    pub const fn new(reason: ReasonCode) -> Disconnect<'static> {
        Disconnect { reason, properties: Properties::EMPTY }
    }

    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: Version,
        limits: &Limits,
    ) -> Result<Disconnect<'a>, Fault> {
        if !version.is_v5() {
            return Ok(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION));
        }
        let (reason, properties) = read_tail(reader, PacketType::Disconnect, limits)?;
        Ok(Disconnect { reason, properties })
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        check_reason(self.reason, PacketType::Disconnect, version)?;
        check_properties(self.properties, Place::Packet(PacketType::Disconnect), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S) {
        write_tail(sink, self.reason, self.properties);
    }
}
