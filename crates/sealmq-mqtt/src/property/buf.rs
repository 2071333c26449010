//! An owned list of properties, to be sent.

use super::{
    list::Properties,
    table::{Property, PropertyId},
    value::ValueError,
};
use crate::sink::Sink;

/// Properties in the order in which they were added, each checked when it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PropertiesBuf {
    raw: Vec<u8>,
    present: u64,
}

/// Why a property cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// It is there already, and no packet may have it twice.
    #[error("property {property} is there already")]
    Repeated {
        /// Which.
        property: PropertyId,
    },
    /// More than 65,535 bytes.
    #[error("property {property} is longer than 65535 bytes")]
    TooLong {
        /// Which.
        property: PropertyId,
    },
    /// [MQTT-1.5.4-2] and MQTT §1.5.4
    #[error("property {property} contains the character U+{:04X}", u32::from(*character))]
    ForbiddenCharacter {
        /// Which.
        property: PropertyId,
        /// The first of them.
        character: char,
    },
}

impl PropertiesBuf {
    /// An empty list.
    pub const fn new() -> PropertiesBuf {
        PropertiesBuf { raw: Vec::new(), present: 0 }
    }

    /// Adds one behind the others. Whether the packet may have it is checked when that is encoded.
    ///
    /// # Errors
    /// [`PropertyError`]; the list is as it was.
    pub fn push(&mut self, property: Property<'_>) -> Result<(), PropertyError> {
        let id = property.id();
        let repeats = matches!(id, PropertyId::UserProperty | PropertyId::SubscriptionIdentifier);
        if self.present & id.bit() != 0 && !repeats {
            return Err(PropertyError::Repeated { property: id });
        }
        property.check().map_err(|error| match error {
            ValueError::TooLong => PropertyError::TooLong { property: id },
            ValueError::ForbiddenCharacter(character) => {
                PropertyError::ForbiddenCharacter { property: id, character }
            }
        })?;
        property.write(&mut self.raw);
        self.present |= id.bit();
        Ok(())
    }

    /// All of `properties`, in order.
    ///
    /// # Errors
    /// The first [`PropertyError`].
    pub fn of<'a>(
        properties: impl IntoIterator<Item = Property<'a>>,
    ) -> Result<PropertiesBuf, PropertyError> {
        let mut list = PropertiesBuf::new();
        for property in properties {
            list.push(property)?;
        }
        Ok(list)
    }

    /// The list, borrowed as a packet wants it.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties::from_checked(&self.raw, self.present)
    }
}

/// Counted, so that lists built from parts are measured before they are written.
pub(crate) fn put_len_prefixed<S: Sink>(sink: &mut S, properties: Properties<'_>) {
    let raw = properties.as_bytes();
    sink.varint(u32::try_from(raw.len()).unwrap_or(u32::MAX));
    sink.put(raw);
}
