//! What a property holds, as types that cannot hold what the standard forbids.

use crate::{Fault, PropertyId, QoS, Secret, TopicName, reader::Reader, sink::Sink, text, varint};
use std::num::{NonZeroU16, NonZeroU32};

/// Payload Format Indicator. MQTT §3.3.2.3.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// 0: bytes that say nothing about themselves.
    Unspecified,
    /// 1: UTF-8 text.
    Utf8,
}

/// Maximum QoS; absent means 2. MQTT §3.2.2.3.4
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaximumQoS {
    /// 0.
    AtMostOnce,
    /// 1.
    AtLeastOnce,
}

impl MaximumQoS {
    /// The same as a [`QoS`].
    pub const fn qos(self) -> QoS {
        match self {
            MaximumQoS::AtMostOnce => QoS::AtMostOnce,
            MaximumQoS::AtLeastOnce => QoS::AtLeastOnce,
        }
    }
}

/// A subscription identifier: 1 to 268,435,455. MQTT §3.8.2.1.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(NonZeroU32);

impl SubscriptionId {
    /// `None` for 0 and for what does not fit a variable byte integer.
    pub const fn new(value: u32) -> Option<SubscriptionId> {
        match NonZeroU32::new(value) {
            Some(id) if value <= varint::VALUE_MAX => Some(SubscriptionId(id)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// A name and a value whose meaning MQTT does not define. MQTT §3.1.2.11.8
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserProperty<'a> {
    /// The name; may stand more than once.
    pub name: &'a str,
    /// The value.
    pub value: &'a str,
}

/// How a type stands on the wire.
pub(super) trait Value<'a>: Sized {
    fn read(reader: &mut Reader<'a>, id: PropertyId) -> Result<Self, Fault>;

    fn write<S: Sink>(self, sink: &mut S);

    /// Whether it may be written: what the type alone does not guarantee.
    fn check(self) -> Result<(), ValueError>;
}

/// Why a value cannot be written.
pub(super) enum ValueError {
    TooLong,
    ForbiddenCharacter(char),
}

/// [MQTT-1.5.7-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19]
fn check_text(value: &str) -> Result<(), ValueError> {
    if value.len() > usize::from(u16::MAX) {
        return Err(ValueError::TooLong);
    }
    text::forbidden_character(value)
        .map_or(Ok(()), |character| Err(ValueError::ForbiddenCharacter(character)))
}

fn check_len(value: &[u8]) -> Result<(), ValueError> {
    if value.len() > usize::from(u16::MAX) { Err(ValueError::TooLong) } else { Ok(()) }
}

/// Types whose every value may be written.
macro_rules! number {
    ($type:ty, $read:expr, $write:expr) => {
        impl<'a> Value<'a> for $type {
            fn read(reader: &mut Reader<'a>, id: PropertyId) -> Result<Self, Fault> {
                let read: fn(&mut Reader<'a>, PropertyId) -> Result<$type, Fault> = $read;
                read(reader, id)
            }

            fn write<S: Sink>(self, sink: &mut S) {
                let write: fn($type, &mut S) = $write;
                write(self, sink);
            }

            fn check(self) -> Result<(), ValueError> {
                Ok(())
            }
        }
    };
}

number!(u16, |reader, id| reader.u16(id.name()), |value, sink| sink.u16(value));
number!(u32, |reader, id| reader.u32(id.name()), |value, sink| sink.u32(value));
// Receive Maximum, Topic Alias: 0 is a protocol error. MQTT §3.1.2.11.3, [MQTT-3.3.2-8]
number!(
    NonZeroU16,
    |reader, id| NonZeroU16::new(reader.u16(id.name())?)
        .ok_or(Fault::PropertyValue { property: id, value: 0 }),
    |value, sink| sink.u16(value.get())
);
// Maximum Packet Size: 0 is a protocol error. MQTT §3.1.2.11.4
number!(
    NonZeroU32,
    |reader, id| NonZeroU32::new(reader.u32(id.name())?)
        .ok_or(Fault::PropertyValue { property: id, value: 0 }),
    |value, sink| sink.u32(value.get())
);
// Subscription Identifier: 0 is a protocol error. MQTT §3.8.2.1.2
number!(
    SubscriptionId,
    |reader, id| SubscriptionId::new(reader.varint(id.name())?)
        .ok_or(Fault::PropertyValue { property: id, value: 0 }),
    |value, sink| sink.subscription_id(value)
);
// Everything of one byte is 0 or 1; another value is a protocol error in each section.
number!(bool, |reader, id| Ok(bit(reader, id)? == 1), |value, sink| sink.u8(u8::from(value)));
number!(
    PayloadFormat,
    |reader, id| Ok(if bit(reader, id)? == 1 { PayloadFormat::Utf8 } else { PayloadFormat::Unspecified }),
    |value, sink| sink.u8(match value {
        PayloadFormat::Unspecified => 0,
        PayloadFormat::Utf8 => 1,
    })
);
number!(
    MaximumQoS,
    |reader, id| Ok(if bit(reader, id)? == 1 { MaximumQoS::AtLeastOnce } else { MaximumQoS::AtMostOnce }),
    |value, sink| sink.u8(value.qos().as_u8())
);

fn bit(reader: &mut Reader<'_>, id: PropertyId) -> Result<u8, Fault> {
    match reader.u8(id.name())? {
        value @ 0..=1 => Ok(value),
        value => Err(Fault::PropertyValue { property: id, value: u32::from(value) }),
    }
}

impl<'a> Value<'a> for &'a str {
    fn read(reader: &mut Reader<'a>, id: PropertyId) -> Result<Self, Fault> {
        reader.text(id.name())
    }

    fn write<S: Sink>(self, sink: &mut S) {
        sink.binary(self.as_bytes());
    }

    fn check(self) -> Result<(), ValueError> {
        check_text(self)
    }
}

impl<'a> Value<'a> for TopicName<'a> {
    // The depth limit is for topics that are routed; a response topic is, when it comes back as a topic name.
    fn read(reader: &mut Reader<'a>, id: PropertyId) -> Result<Self, Fault> {
        match reader.topic_name(id.name(), u16::MAX) {
            Err(Fault::Topic { error, .. }) => Err(Fault::PropertyTopic { property: id, error }),
            other => other,
        }
    }

    fn write<S: Sink>(self, sink: &mut S) {
        sink.binary(self.as_str().as_bytes());
    }

    fn check(self) -> Result<(), ValueError> {
        Ok(())
    }
}

impl<'a> Value<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>, id: PropertyId) -> Result<Self, Fault> {
        reader.binary(id.name())
    }

    fn write<S: Sink>(self, sink: &mut S) {
        sink.binary(self);
    }

    fn check(self) -> Result<(), ValueError> {
        check_len(self)
    }
}

impl<'a> Value<'a> for Secret<'a> {
    fn read(reader: &mut Reader<'a>, id: PropertyId) -> Result<Self, Fault> {
        reader.binary(id.name()).map(Secret::new)
    }

    fn write<S: Sink>(self, sink: &mut S) {
        sink.binary(self.expose());
    }

    fn check(self) -> Result<(), ValueError> {
        check_len(self.expose())
    }
}

impl<'a> Value<'a> for UserProperty<'a> {
    fn read(reader: &mut Reader<'a>, id: PropertyId) -> Result<Self, Fault> {
        Ok(UserProperty { name: reader.text(id.name())?, value: reader.text(id.name())? })
    }

    fn write<S: Sink>(self, sink: &mut S) {
        sink.binary(self.name.as_bytes());
        sink.binary(self.value.as_bytes());
    }

    fn check(self) -> Result<(), ValueError> {
        check_text(self.name)?;
        check_text(self.value)
    }
}
