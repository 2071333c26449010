//! The table of properties (MQTT §2.2.2.2): identifier, name, accessor, type, the places it may stand in.

use super::value::{MaximumQoS, PayloadFormat, SubscriptionId, UserProperty, Value, ValueError};
use crate::{Fault, PacketType, Properties, Secret, TopicName, reader::Reader, sink::Sink};
use std::{
    fmt,
    num::{NonZeroU16, NonZeroU32},
};

/// Where a list of properties stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In a packet's variable header.
    Packet(PacketType),
    /// Before the will topic, in the payload of CONNECT.
    Will,
}

impl Place {
    const fn bit(self) -> u16 {
        match self {
            Place::Packet(packet) => 1 << packet as u16,
            Place::Will => 1,
        }
    }
}

const fn places(list: &[Place]) -> u16 {
    let mut mask = 0;
    let mut i = 0;
    while i < list.len() {
        mask |= list[i].bit();
        i += 1;
    }
    mask
}

macro_rules! place {
    (Will) => {
        Place::Will
    };
    ($packet:ident) => {
        Place::Packet(PacketType::$packet)
    };
}

macro_rules! properties {
    ($($id:literal $name:ident $accessor:ident $text:literal $type:ty, in $($place:ident)+;)+) => {
        /// The identifier of a property.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum PropertyId {
            $(#[doc = $text] $name = $id,)+
        }

        impl PropertyId {
            /// All of them, by number.
            pub const ALL: &'static [PropertyId] = &[$(PropertyId::$name),+];

            /// `None` for a number that MQTT 5.0 does not define.
            pub const fn from_u8(id: u8) -> Option<PropertyId> {
                match id { $($id => Some(PropertyId::$name),)+ _ => None }
            }

            /// The name as the standard writes it.
            pub const fn name(self) -> &'static str {
                match self { $(PropertyId::$name => $text,)+ }
            }

            const fn places(self) -> u16 {
                match self { $(PropertyId::$name => places(&[$(place!($place)),+]),)+ }
            }
        }

        /// A property and its value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Property<'a> {
            $(#[doc = $text] $name($type),)+
        }

        impl<'a> Property<'a> {
            /// Which property it is.
            pub const fn id(&self) -> PropertyId {
                match self { $(Property::$name(_) => PropertyId::$name,)+ }
            }

            /// Reads identifier and value, and checks both.
            pub(super) fn read(reader: &mut Reader<'a>) -> Result<Property<'a>, Fault> {
                // The identifier is a variable byte integer; all that are defined take one byte.
                let id = reader.u8("property identifier")?;
                let id = PropertyId::from_u8(id).ok_or(Fault::PropertyUnknown { id })?;
                Ok(match id {
                    $(PropertyId::$name => Property::$name(<$type as Value<'a>>::read(reader, id)?),)+
                })
            }

            /// Writes identifier and value, which [`Property::check`] has let through.
            pub(crate) fn write<S: Sink>(self, sink: &mut S) {
                sink.u8(self.id() as u8);
                match self { $(Property::$name(value) => value.write(sink),)+ }
            }

            pub(super) fn check(self) -> Result<(), ValueError> {
                match self { $(Property::$name(value) => value.check(),)+ }
            }
        }

        impl<'a> Properties<'a> {
            $(
                #[doc = concat!($text, ": the first one in the list.")]
                pub fn $accessor(&self) -> Option<$type> {
                    if let Some(Property::$name(value)) = self.first(PropertyId::$name) { Some(value) } else { None }
                }
            )+
        }
    };
}

properties! {
    0x01 PayloadFormatIndicator payload_format_indicator "Payload Format Indicator" PayloadFormat, in Publish Will;
    0x02 MessageExpiryInterval message_expiry_interval "Message Expiry Interval" u32, in Publish Will;
    0x03 ContentType content_type "Content Type" &'a str, in Publish Will;
    0x08 ResponseTopic response_topic "Response Topic" TopicName<'a>, in Publish Will;
    0x09 CorrelationData correlation_data "Correlation Data" &'a [u8], in Publish Will;
    0x0b SubscriptionIdentifier subscription_identifier "Subscription Identifier" SubscriptionId, in Publish Subscribe;
    0x11 SessionExpiryInterval session_expiry_interval "Session Expiry Interval" u32, in Connect ConnAck Disconnect;
    0x12 AssignedClientIdentifier assigned_client_identifier "Assigned Client Identifier" &'a str, in ConnAck;
    0x13 ServerKeepAlive server_keep_alive "Server Keep Alive" u16, in ConnAck;
    0x15 AuthenticationMethod authentication_method "Authentication Method" &'a str, in Connect ConnAck Auth;
    0x16 AuthenticationData authentication_data "Authentication Data" Secret<'a>, in Connect ConnAck Auth;
    0x17 RequestProblemInformation request_problem_information "Request Problem Information" bool, in Connect;
    0x18 WillDelayInterval will_delay_interval "Will Delay Interval" u32, in Will;
    0x19 RequestResponseInformation request_response_information "Request Response Information" bool, in Connect;
    0x1a ResponseInformation response_information "Response Information" &'a str, in ConnAck;
    0x1c ServerReference server_reference "Server Reference" &'a str, in ConnAck Disconnect;
    0x1f ReasonString reason_string "Reason String" &'a str,
        in ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth;
    0x21 ReceiveMaximum receive_maximum "Receive Maximum" NonZeroU16, in Connect ConnAck;
    0x22 TopicAliasMaximum topic_alias_maximum "Topic Alias Maximum" u16, in Connect ConnAck;
    0x23 TopicAlias topic_alias "Topic Alias" NonZeroU16, in Publish;
    0x24 MaximumQoS maximum_qos "Maximum QoS" MaximumQoS, in ConnAck;
    0x25 RetainAvailable retain_available "Retain Available" bool, in ConnAck;
    0x26 UserProperty user_property "User Property" UserProperty<'a>,
        in Connect ConnAck Publish Will PubAck PubRec PubRel PubComp Subscribe SubAck Unsubscribe UnsubAck Disconnect Auth;
    0x27 MaximumPacketSize maximum_packet_size "Maximum Packet Size" NonZeroU32, in Connect ConnAck;
    0x28 WildcardSubscriptionAvailable wildcard_subscription_available "Wildcard Subscription Available" bool, in ConnAck;
    0x29 SubscriptionIdentifierAvailable subscription_identifier_available "Subscription Identifier Available" bool,
        in ConnAck;
    0x2a SharedSubscriptionAvailable shared_subscription_available "Shared Subscription Available" bool, in ConnAck;
}

impl PropertyId {
    /// Whether the standard lets it stand there. MQTT §2.2.2.2
    pub const fn allowed_in(self, place: Place) -> bool {
        self.places() & place.bit() != 0
    }

    /// Whether it may stand more than once: User Property anywhere, Subscription Identifier in PUBLISH
    /// ([MQTT-3.3.4-4]; in SUBSCRIBE only once, MQTT §3.8.2.1.2).
    pub const fn repeats_in(self, place: Place) -> bool {
        matches!(self, PropertyId::UserProperty)
            || (matches!(self, PropertyId::SubscriptionIdentifier)
                && matches!(place, Place::Packet(PacketType::Publish)))
    }

    /// Whether a server passes it on with the message, unchanged. [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16]
    /// [MQTT-3.3.2-17] [MQTT-3.3.2-20]; Message Expiry Interval is passed on too, but counted down.
    pub const fn is_forwarded(self) -> bool {
        matches!(
            self,
            PropertyId::PayloadFormatIndicator
                | PropertyId::ContentType
                | PropertyId::ResponseTopic
                | PropertyId::CorrelationData
                | PropertyId::UserProperty
        )
    }

    pub(super) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
