//! The properties of a message that a server hands on as they came.

use super::{Properties, table::Place};
use crate::{Fault, PacketType};
use bytes::Bytes;

/// Payload format indicator, content type, response topic, correlation data and user properties of one message, as
/// wire bytes in their original order, to be appended verbatim. [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16]
/// [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
///
/// Cheap to clone; an empty one allocates nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForwardedProperties(Bytes);

impl ForwardedProperties {
    /// Takes those of `properties` that are forwarded.
    pub fn of(properties: &Properties<'_>) -> ForwardedProperties {
        let mut runs = properties.forwarded_runs();
        let Some(first) = runs.next() else {
            return ForwardedProperties::default();
        };
        let Some(second) = runs.next() else {
            return ForwardedProperties(Bytes::copy_from_slice(first));
        };
        let mut raw = Vec::with_capacity(properties.as_bytes().len());
        raw.extend_from_slice(first);
        raw.extend_from_slice(second);
        runs.for_each(|run| raw.extend_from_slice(run));
        ForwardedProperties(raw.into())
    }

    /// Checks bytes that were stored before.
    ///
    /// # Errors
    /// [`Fault`] where they are not what [`ForwardedProperties::as_bytes`] gives.
    pub fn parse(bytes: Bytes) -> Result<ForwardedProperties, Fault> {
        let properties = Properties::check(&bytes, Place::Packet(PacketType::Publish))?;
        match properties.iter().find(|property| !property.id().is_forwarded()) {
            Some(property) => Err(Fault::PropertyMisplaced { property: property.id() }),
            None => Ok(ForwardedProperties(bytes)),
        }
    }

    /// The bytes on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same with accessors.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties::check(&self.0, Place::Packet(PacketType::Publish)).unwrap_or(Properties::EMPTY)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
