//! CONNECT: who asks to connect, and how. MQTT §3.1, MQTT311 §3.1, MQTT 3.1 §3.1

use super::{check_len, check_properties, check_text};
use crate::{
    EncodeError, Fault, ForwardedProperties, Limits, PacketType, Place, Properties, QoS, ReasonCode, Secret,
    Sender, TopicName, Version, property::put_len_prefixed, reader::Reader, sink::Sink, version::BRIDGE_BIT,
};

/// The names of those fields in a [`Fault`] whose faults are answered in ways of their own.
pub(crate) mod field {
    pub(crate) const FLAGS: &str = "connect flags";
    pub(crate) const KEEP_ALIVE: &str = "keep alive";
    pub(crate) const CLIENT_ID: &str = "client identifier";
    pub(crate) const WILL_TOPIC: &str = "will topic";
    pub(crate) const USER_NAME: &str = "user name";
    pub(crate) const PASSWORD: &str = "password";
}

/// CONNECT. That the first packet is one, and no second follows, is the session's to check. [MQTT-3.1.0-2]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version that the rest of the connection speaks.
    pub version: Version,
    /// The bridge bit of the protocol level (0x83, 0x84): a mosquitto bridge, which wants no echo of what it sends.
    pub bridge: bool,
    /// Clean Start (5.0) or Clean Session (3.x).
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 turns it off.
    pub keep_alive_secs: u16,
    /// The client identifier; empty asks the server for one, where [`Connect::check_client_id`] lets it.
    pub client_id: &'a str,
    /// The will message.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub username: Option<&'a str>,
    /// The password.
    pub password: Option<Secret<'a>>,
    /// Properties of the connection.
    pub properties: Properties<'a>,
}

/// The message that the server publishes when the connection ends without DISCONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where to.
    pub topic: TopicName<'a>,
    /// What.
    pub payload: &'a [u8],
    /// At which QoS.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Its properties.
    pub properties: Properties<'a>,
}

impl Will<'_> {
    /// The properties that are published with it. [MQTT-3.1.3-10] (user properties, in order)
    pub fn forwarded_properties(&self) -> ForwardedProperties {
        ForwardedProperties::of(&self.properties)
    }
}

const USERNAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;
const WILL_RETAIN: u8 = 0x20;
const WILL_QOS: u8 = 0x18;
const WILL: u8 = 0x04;
const CLEAN_START: u8 = 0x02;
const RESERVED: u8 = 0x01;

impl<'a> Connect<'a> {
    /// Whether a server can take this client id, or give one where it is empty.
    ///
    /// # Errors
    /// 0x85 (3.x: return code 2) for an empty one under 3.1 (MQTT 3.1 §3.1), or under 3.1.1 without Clean Session
    /// ([MQTT311-3.1.3-8]). 5.0 always lets a server assign one ([MQTT-3.1.3-6]).
    pub const fn check_client_id(&self) -> Result<(), ReasonCode> {
        let refused = self.client_id.is_empty()
            && match self.version {
                Version::V31 => true,
                Version::V311 => !self.clean_start,
                Version::V5 => false,
            };
        if refused { Err(ReasonCode::ClientIdentifierNotValid) } else { Ok(()) }
    }

    /// Protocol name and level, which say how to read the rest.
    pub(crate) fn read_version(reader: &mut Reader<'a>) -> Result<(Version, u8), Fault> {
        // [MQTT-3.1.2-1] [MQTT311-3.1.2-1]: another name is not MQTT, and is not answered.
        let name = reader.binary("protocol name")?;
        let level = match name {
            b"MQTT" | b"MQIsdp" => reader.u8("protocol level")?,
            _ => return Err(Fault::ProtocolName),
        };
        let version = match (name, level) {
            (b"MQIsdp", 0x03 | 0x83) => Version::V31,
            (b"MQTT", 0x04 | 0x84) => Version::V311,
            (b"MQTT", 0x05) => Version::V5,
            _ => return Err(Fault::ProtocolLevel { level }),
        };
        Ok((version, level))
    }

    /// What follows protocol name and level.
    /// [MQTT311-3.1.2-11] [MQTT-3.1.3-3] [MQTT311-3.1.3-3] [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18]
    /// [MQTT-3.1.2-19] [MQTT311-3.1.2-18] [MQTT311-3.1.2-19] [MQTT311-3.1.2-20] [MQTT311-3.1.2-21]
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: Version,
        level: u8,
        limits: &Limits,
    ) -> Result<Connect<'a>, Fault> {
        let flags = reader.u8(field::FLAGS)?;
        check_flags(flags, version)?;
        let keep_alive_secs = reader.u16(field::KEEP_ALIVE)?;
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Connect), Sender::Client)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        // MQTT §3.1.2.11.10: data without a method is a protocol error.
        if properties.authentication_data().is_some() && properties.authentication_method().is_none() {
            return Err(Fault::AuthenticationMethodMissing);
        }
        // The order is the standard's. [MQTT-3.1.3-1] [MQTT311-3.1.3-1]
        let client_id = reader.text(field::CLIENT_ID)?;
        let will = if flags & WILL != 0 { Some(Will::read(reader, flags, version, limits)?) } else { None };
        let username =
            if has(flags, USERNAME, version, reader) { Some(reader.text(field::USER_NAME)?) } else { None };
        let password = if has(flags, PASSWORD, version, reader) {
            Some(Secret::new(reader.binary(field::PASSWORD)?))
        } else {
            None
        };
        let (bridge, clean_start) = (level & BRIDGE_BIT != 0, flags & CLEAN_START != 0);
        Ok(Connect {
            version,
            bridge,
            clean_start,
            keep_alive_secs,
            client_id,
            will,
            username,
            password,
            properties,
        })
    }

    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        let version = self.version;
        check_text(self.client_id, "client identifier")?;
        if let Some(will) = &self.will {
            check_len(will.payload, "will payload")?;
            check_properties(will.properties, Place::Will, version)?;
        }
        if let Some(username) = self.username {
            check_text(username, "user name")?;
        }
        if let Some(password) = self.password {
            check_len(password.expose(), "password")?;
            if self.username.is_none() && !version.is_v5() {
                // [MQTT311-3.1.2-22]
                return Err(EncodeError::PasswordWithoutUserName);
            }
        }
        if self.bridge && version.is_v5() {
            return Err(EncodeError::NotInVersion { what: "the bridge bit", version });
        }
        if self.properties.authentication_data().is_some()
            && self.properties.authentication_method().is_none()
        {
            return Err(EncodeError::AuthenticationMethodMissing);
        }
        check_properties(self.properties, Place::Packet(PacketType::Connect), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S) {
        sink.binary(self.version.protocol_name().as_bytes());
        sink.u8(self.version.level() | if self.bridge { BRIDGE_BIT } else { 0 });
        sink.u8(self.flags());
        sink.u16(self.keep_alive_secs);
        if self.version.is_v5() {
            put_len_prefixed(sink, self.properties);
        }
        sink.binary(self.client_id.as_bytes());
        if let Some(will) = &self.will {
            if self.version.is_v5() {
                put_len_prefixed(sink, will.properties);
            }
            sink.binary(will.topic.as_str().as_bytes());
            sink.binary(will.payload);
        }
        if let Some(username) = self.username {
            sink.binary(username.as_bytes());
        }
        if let Some(password) = self.password {
            sink.binary(password.expose());
        }
    }

    fn flags(&self) -> u8 {
        let mut flags = if self.clean_start { CLEAN_START } else { 0 };
        if let Some(will) = &self.will {
            flags |= WILL | will.qos.as_u8() << 3 | if will.retain { WILL_RETAIN } else { 0 };
        }
        if self.username.is_some() {
            flags |= USERNAME;
        }
        if self.password.is_some() {
            flags |= PASSWORD;
        }
        flags
    }
}

impl<'a> Will<'a> {
    fn read(
        reader: &mut Reader<'a>,
        flags: u8,
        version: Version,
        limits: &Limits,
    ) -> Result<Will<'a>, Fault> {
        // [MQTT-3.1.2-9] [MQTT311-3.1.2-9]
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Will, Sender::Client)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        Ok(Will {
            topic: reader.topic_name(field::WILL_TOPIC, limits.topic_separators_max)?,
            payload: reader.binary("will payload")?,
            qos: QoS::from_u8((flags & WILL_QOS) >> 3).ok_or(Fault::WillQoS3)?,
            retain: flags & WILL_RETAIN != 0,
            properties,
        })
    }
}

fn check_flags(flags: u8, version: Version) -> Result<(), Fault> {
    if version != Version::V31 {
        // 3.1 calls bit 0 unused and says nothing of will bits without a will (MQTT 3.1 §3.1).
        if flags & RESERVED != 0 {
            return Err(Fault::ConnectReservedFlag);
        }
        if flags & WILL == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
            return Err(Fault::WillFlagsWithoutWill);
        }
    }
    // [MQTT-3.1.2-12] [MQTT311-3.1.2-14]; 3.1 has no QoS 3 either.
    if flags & WILL_QOS == WILL_QOS {
        return Err(Fault::WillQoS3);
    }
    // [MQTT311-3.1.2-22], MQTT 3.1 §3.1; 5.0 lets a password stand alone (MQTT §3.1.2.9).
    if !version.is_v5() && flags & PASSWORD != 0 && flags & USERNAME == 0 {
        return Err(Fault::PasswordWithoutUserName);
    }
    Ok(())
}

/// Whether a field follows. Under 3.1 the remaining length has precedence over the flag: a server must allow a user
/// name or password flag without the string (MQTT 3.1 §3.1). Who comes without is then judged as anonymous.
fn has(flags: u8, flag: u8, version: Version, reader: &Reader<'_>) -> bool {
    flags & flag != 0 && !(version == Version::V31 && reader.is_empty())
}
