//! MQTT 5.0 properties as values of their own, and the table of their names (mosquitto's spelling) and places.
//!
//! The codec borrows properties from the packet; a client keeps them longer than the packet lives.

/// One property of MQTT 5.0 §2.2.2.2 that a client sends or receives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Property {
    /// Whether the payload is UTF-8 text (1) or bytes (0).
    PayloadFormatIndicator(u8),
    /// Seconds for which the message is worth delivering.
    MessageExpiryInterval(u32),
    /// The MIME type of the payload, or whatever the application agrees on.
    ContentType(String),
    /// The topic for an answer.
    ResponseTopic(String),
    /// What the answer is to carry, too.
    CorrelationData(Vec<u8>),
    /// The identifier that the subscription was made with: 1 to 268,435,455.
    SubscriptionIdentifier(u32),
    /// Seconds for which the session outlives its connection; 4,294,967,295 is for ever.
    SessionExpiryInterval(u32),
    /// The name of an extended authentication method.
    AuthenticationMethod(String),
    /// The data of an extended authentication method.
    AuthenticationData(Vec<u8>),
    /// Whether the server may send reason strings and user properties (1) or not (0).
    RequestProblemInformation(u8),
    /// Seconds between the end of the connection and the will.
    WillDelayInterval(u32),
    /// Whether the server is asked for response information.
    RequestResponseInformation(u8),
    /// How many QoS 1 and 2 messages may be on their way at once.
    ReceiveMaximum(u16),
    /// How many topic aliases the sender of this property accepts.
    TopicAliasMaximum(u16),
    /// The number that stands for the topic.
    TopicAlias(u16),
    /// A name and a value of the application's; may occur many times.
    User {
        /// The name.
        name: String,
        /// The value.
        value: String,
    },
    /// The largest packet that the sender of this property accepts, in bytes.
    MaximumPacketSize(u32),
}

/// The packets (and the will) that a client puts properties into.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Carrier {
    /// CONNECT.
    Connect,
    /// PUBLISH.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// DISCONNECT.
    Disconnect,
    /// The will, which travels in CONNECT.
    Will,
}

/// Why a property cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PropertyError {
    /// No property has this name.
    #[error("invalid property name '{name}'")]
    UnknownName {
        /// What was given.
        name: String,
    },
    /// No packet has this name.
    #[error("invalid command '{name}'")]
    UnknownCarrier {
        /// What was given.
        name: String,
    },
    /// MQTT 5.0 table 2-4 does not allow it there.
    #[error("{name} property not allowed for {carrier}")]
    NotAllowed {
        /// The property's name.
        name: &'static str,
        /// The packet's name.
        carrier: &'static str,
    },
    /// The value is no number, too large, or one that the standard forbids.
    #[error("{name} property: '{value}' is not {expected}")]
    InvalidValue {
        /// The property's name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What a value looks like.
        expected: &'static str,
    },
    /// A property that needs one value got two, or `user-property` got one.
    #[error("{name} property takes {expected}")]
    WrongValueCount {
        /// The property's name.
        name: &'static str,
        /// `one value` or `a name and a value`.
        expected: &'static str,
    },
    /// Only user properties and subscription identifiers may occur more than once.
    #[error("{name} property given more than once for {carrier}")]
    Repeated {
        /// The property's name.
        name: &'static str,
        /// The packet's name.
        carrier: &'static str,
    },
}

impl Carrier {
    /// The name as the commands take it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Disconnect => "disconnect",
            Self::Will => "will",
        }
    }

    /// The carrier of that name, in any case.
    ///
    /// # Errors
    /// [`PropertyError::UnknownCarrier`].
    pub fn parse(name: &str) -> Result<Self, PropertyError> {
        [Self::Connect, Self::Publish, Self::Subscribe, Self::Unsubscribe, Self::Disconnect, Self::Will]
            .into_iter()
            .find(|carrier| carrier.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| PropertyError::UnknownCarrier { name: name.to_owned() })
    }
}

/// One row of the table of MQTT 5.0 §2.2.2.2, as far as a client sends it.
struct Row {
    name: &'static str,
    carriers: &'static [Carrier],
    make: Make,
}

/// How the value is read from text.
#[derive(Clone, Copy)]
enum Make {
    Flag(fn(u8) -> Property),
    Short(fn(u16) -> Property),
    Long(fn(u32) -> Property),
    VariableByteInteger(fn(u32) -> Property),
    Text(fn(String) -> Property),
    Bytes(fn(Vec<u8>) -> Property),
    Pair,
}

const ROWS: &[Row] = {
    use Carrier::{Connect, Disconnect, Publish, Subscribe, Unsubscribe, Will};
    &[
        Row {
            name: "payload-format-indicator",
            carriers: &[Publish, Will],
            make: Make::Flag(Property::PayloadFormatIndicator),
        },
        Row {
            name: "message-expiry-interval",
            carriers: &[Publish, Will],
            make: Make::Long(Property::MessageExpiryInterval),
        },
        Row { name: "content-type", carriers: &[Publish, Will], make: Make::Text(Property::ContentType) },
        Row { name: "response-topic", carriers: &[Publish, Will], make: Make::Text(Property::ResponseTopic) },
        Row {
            name: "correlation-data",
            carriers: &[Publish, Will],
            make: Make::Bytes(Property::CorrelationData),
        },
        Row {
            name: "subscription-identifier",
            carriers: &[Subscribe],
            make: Make::VariableByteInteger(Property::SubscriptionIdentifier),
        },
        Row {
            name: "session-expiry-interval",
            carriers: &[Connect, Disconnect],
            make: Make::Long(Property::SessionExpiryInterval),
        },
        Row {
            name: "authentication-method",
            carriers: &[Connect],
            make: Make::Text(Property::AuthenticationMethod),
        },
        Row {
            name: "authentication-data",
            carriers: &[Connect],
            make: Make::Bytes(Property::AuthenticationData),
        },
        Row {
            name: "request-problem-information",
            carriers: &[Connect],
            make: Make::Flag(Property::RequestProblemInformation),
        },
        Row { name: "will-delay-interval", carriers: &[Will], make: Make::Long(Property::WillDelayInterval) },
        Row {
            name: "request-response-information",
            carriers: &[Connect],
            make: Make::Flag(Property::RequestResponseInformation),
        },
        Row { name: "receive-maximum", carriers: &[Connect], make: Make::Short(Property::ReceiveMaximum) },
        Row {
            name: "topic-alias-maximum",
            carriers: &[Connect],
            make: Make::Short(Property::TopicAliasMaximum),
        },
        Row { name: "topic-alias", carriers: &[Publish], make: Make::Short(Property::TopicAlias) },
        Row {
            name: "user-property",
            carriers: &[Connect, Publish, Subscribe, Unsubscribe, Disconnect, Will],
            make: Make::Pair,
        },
        Row {
            name: "maximum-packet-size",
            carriers: &[Connect],
            make: Make::Long(Property::MaximumPacketSize),
        },
    ]
};

/// The largest variable byte integer of MQTT 5.0 §1.5.5.
const VARIABLE_BYTE_INTEGER_MAX: u32 = 268_435_455;

impl Property {
    /// The name as mosquitto's clients and JSON output spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PayloadFormatIndicator(_) => "payload-format-indicator",
            Self::MessageExpiryInterval(_) => "message-expiry-interval",
            Self::ContentType(_) => "content-type",
            Self::ResponseTopic(_) => "response-topic",
            Self::CorrelationData(_) => "correlation-data",
            Self::SubscriptionIdentifier(_) => "subscription-identifier",
            Self::SessionExpiryInterval(_) => "session-expiry-interval",
            Self::AuthenticationMethod(_) => "authentication-method",
            Self::AuthenticationData(_) => "authentication-data",
            Self::RequestProblemInformation(_) => "request-problem-information",
            Self::WillDelayInterval(_) => "will-delay-interval",
            Self::RequestResponseInformation(_) => "request-response-information",
            Self::ReceiveMaximum(_) => "receive-maximum",
            Self::TopicAliasMaximum(_) => "topic-alias-maximum",
            Self::TopicAlias(_) => "topic-alias",
            Self::User { .. } => "user-property",
            Self::MaximumPacketSize(_) => "maximum-packet-size",
        }
    }

    /// Reads a property from the words of a command line: its name, and one value (two for `user-property`).
    ///
    /// # Errors
    /// A name or place that does not exist, a value that is none, or the wrong number of values.
    pub fn parse(carrier: Carrier, name: &str, values: &[String]) -> Result<Self, PropertyError> {
        let row = ROWS
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| PropertyError::UnknownName { name: name.to_owned() })?;
        if !row.carriers.contains(&carrier) {
            return Err(PropertyError::NotAllowed { name: row.name, carrier: carrier.name() });
        }
        match (row.make, values) {
            (Make::Pair, [name, value]) => Ok(Self::User { name: name.clone(), value: value.clone() }),
            (Make::Pair, _) => Err(row.wrong_count("a name and a value")),
            (_, [value]) => row.parse_value(value),
            (_, _) => Err(row.wrong_count("one value")),
        }
    }

    /// Adds `property` to `list` unless it stands there already and may not be repeated (MQTT §2.2.2.2).
    ///
    /// # Errors
    /// [`PropertyError::Repeated`].
    pub fn add(self, list: &mut Vec<Self>, carrier: Carrier) -> Result<(), PropertyError> {
        let repeatable = matches!(self, Self::User { .. });
        if !repeatable && list.iter().any(|other| other.name() == self.name()) {
            return Err(PropertyError::Repeated { name: self.name(), carrier: carrier.name() });
        }
        list.push(self);
        Ok(())
    }
}

impl Row {
    fn wrong_count(&self, expected: &'static str) -> PropertyError {
        PropertyError::WrongValueCount { name: self.name, expected }
    }

    fn parse_value(&self, value: &str) -> Result<Property, PropertyError> {
        let invalid =
            |expected| PropertyError::InvalidValue { name: self.name, value: value.to_owned(), expected };
        match self.make {
            Make::Flag(make) => match value {
                "0" => Ok(make(0)),
                "1" => Ok(make(1)),
                _ => Err(invalid("0 or 1")),
            },
            Make::Short(make) => match value.parse::<u16>() {
                // A receive maximum or a topic alias of 0 is a protocol error (MQTT §3.1.2.11.3) [MQTT-3.3.2-8].
                Ok(0) if self.name != "topic-alias-maximum" => Err(invalid("a number between 1 and 65535")),
                Ok(number) => Ok(make(number)),
                Err(_) => Err(invalid("a number between 0 and 65535")),
            },
            Make::Long(make) => match value.parse::<u32>() {
                // MQTT §3.1.2.11.4: a maximum packet size of 0 is a protocol error.
                Ok(0) if self.name == "maximum-packet-size" => {
                    Err(invalid("a number between 1 and 4294967295"))
                }
                Ok(number) => Ok(make(number)),
                Err(_) => Err(invalid("a number between 0 and 4294967295")),
            },
            Make::VariableByteInteger(make) => match value.parse::<u32>() {
                Ok(number @ 1..=VARIABLE_BYTE_INTEGER_MAX) => Ok(make(number)),
                Ok(_) | Err(_) => Err(invalid("a number between 1 and 268435455")),
            },
            Make::Text(make) => Ok(make(value.to_owned())),
            Make::Bytes(make) => Ok(make(value.as_bytes().to_vec())),
            Make::Pair => Err(self.wrong_count("a name and a value")),
        }
    }
}
