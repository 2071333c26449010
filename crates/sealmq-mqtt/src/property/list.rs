//! A checked list of properties, borrowed from the packet.

use super::table::{Place, Property, PropertyId};
use crate::{Fault, PacketType, Sender, SubscriptionId, UserProperty, reader::Reader};
use std::fmt;

/// Properties as they stand on the wire, without their length, all checked.
///
/// An accessor whose property is absent costs one comparison; one that is present is searched from the front.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Properties<'a> {
    raw: &'a [u8],
    /// Bit n: property n is there.
    present: u64,
}

impl<'a> Properties<'a> {
    /// No properties: what every 3.x packet has.
    pub const EMPTY: Properties<'static> = Properties { raw: &[], present: 0 };

    pub(super) const fn from_checked(raw: &'a [u8], present: u64) -> Properties<'a> {
        Properties { raw, present }
    }

    /// Reads the length and the properties behind it. [MQTT-2.2.2-1]
    #[inline]
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        place: Place,
        sender: Sender,
    ) -> Result<Properties<'a>, Fault> {
        let len = reader.varint("property length")?;
        let raw = reader.bytes(len as usize, "properties")?;
        if raw.is_empty() {
            return Ok(Properties::EMPTY);
        }
        let properties = Properties::check(raw, place)?;
        check_sender(properties, place, sender)?;
        Ok(properties)
    }

    /// Checks properties without their length, in one pass. MQTT §2.2.2.2
    pub(super) fn check(raw: &'a [u8], place: Place) -> Result<Properties<'a>, Fault> {
        let mut reader = Reader::new(raw);
        let (mut present, mut broken_rule) = (0, None);
        while !reader.is_empty() {
            let property = match Property::read(&mut reader) {
                Ok(property) => property.id(),
                // What cannot be read weighs more than a rule broken before it, as in mosquitto. The value is behind us.
                Err(fault @ (Fault::PropertyValue { .. } | Fault::PropertyTopic { .. })) => {
                    broken_rule.get_or_insert(fault);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            if !property.allowed_in(place) {
                broken_rule.get_or_insert(Fault::PropertyMisplaced { property });
            } else if present & property.bit() != 0 && !property.repeats_in(place) {
                broken_rule.get_or_insert(Fault::PropertyRepeated { property });
            }
            present |= property.bit();
        }
        broken_rule.map_or(Ok(Properties { raw, present }), Err)
    }

    /// All properties, in the order of the wire.
    pub fn iter(&self) -> PropertyIter<'a> {
        PropertyIter { reader: Reader::new(self.raw) }
    }

    /// Every User Property, in order. [MQTT-3.3.2-18]
    pub fn user_properties(&self) -> impl Iterator<Item = UserProperty<'a>> + use<'a> {
        self.of(PropertyId::UserProperty).filter_map(|property| {
            if let Property::UserProperty(pair) = property { Some(pair) } else { None }
        })
    }

    /// Every Subscription Identifier, in order. [MQTT-3.3.4-4]
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = SubscriptionId> + use<'a> {
        self.of(PropertyId::SubscriptionIdentifier).filter_map(|property| {
            if let Property::SubscriptionIdentifier(id) = property { Some(id) } else { None }
        })
    }

    /// Whether there is at least one such property.
    pub const fn contains(&self, id: PropertyId) -> bool {
        self.present & id.bit() != 0
    }

    /// Whether there is none at all.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The bytes on the wire, without their length.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// The first property that may not stand at `place`.
    pub(crate) fn misplaced(&self, place: Place) -> Option<PropertyId> {
        PropertyId::ALL.iter().copied().find(|id| self.contains(*id) && !id.allowed_in(place))
    }

    pub(super) fn first(&self, id: PropertyId) -> Option<Property<'a>> {
        self.of(id).next()
    }

    /// Runs of bytes that hold forwarded properties, in order; neighbours are one run.
    pub(super) fn forwarded_runs(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let raw = self.raw;
        let mut at = 0;
        std::iter::from_fn(move || {
            let mut run = at..at;
            while at < raw.len() {
                let mut reader = Reader::new(&raw[at..]);
                let property = Property::read(&mut reader).ok()?;
                let end = raw.len() - reader.rest().len();
                at = end;
                if property.id().is_forwarded() {
                    run.end = end;
                } else if run.is_empty() {
                    run = end..end;
                } else {
                    break;
                }
            }
            if run.is_empty() { None } else { Some(&raw[run]) }
        })
    }

    fn of(&self, id: PropertyId) -> impl Iterator<Item = Property<'a>> + use<'a> {
        let reader = if self.contains(id) { Reader::new(self.raw) } else { Reader::new(&[]) };
        PropertyIter { reader }.filter(move |property| property.id() == id)
    }
}

impl<'a> IntoIterator for &Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterates over [`Properties`].
#[derive(Debug, Clone)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        Property::read(&mut self.reader).ok()
    }
}

/// What only the other side may send.
fn check_sender(properties: Properties<'_>, place: Place, sender: Sender) -> Result<(), Fault> {
    let property = match (place, sender) {
        // [MQTT-3.3.4-6]
        (Place::Packet(PacketType::Publish), Sender::Client) => PropertyId::SubscriptionIdentifier,
        // [MQTT-3.14.2-2]
        (Place::Packet(PacketType::Disconnect), Sender::Server) => PropertyId::SessionExpiryInterval,
        (Place::Packet(_) | Place::Will, Sender::Client | Sender::Server) => return Ok(()),
    };
    if properties.contains(property) { Err(Fault::PropertyMisplaced { property }) } else { Ok(()) }
}
