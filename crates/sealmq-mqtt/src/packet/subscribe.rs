//! SUBSCRIBE. MQTT §3.8, MQTT311 §3.8

use super::check_properties;
use crate::{
    EncodeError, Fault, Limits, PacketId, PacketType, Place, Properties, QoS, TopicFilter, Version,
    property::put_len_prefixed, reader::Reader, sink::Sink,
};

/// SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// Its packet identifier.
    pub packet_id: PacketId,
    /// Properties.
    pub properties: Properties<'a>,
    /// What is subscribed to: at least one. [MQTT-3.8.3-2] [MQTT311-3.8.3-3]
    pub subscriptions: SubscriptionList<'a>,
}

/// One entry of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subscription<'a> {
    /// The topic filter.
    pub filter: TopicFilter<'a>,
    /// Its options.
    pub options: SubscriptionOptions,
}

/// Subscription options; in 3.x only the QoS. MQTT §3.8.3.1
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SubscriptionOptions {
    /// The highest QoS wanted.
    pub qos: QoS,
    /// Whether the subscriber's own messages are left out. Never on a shared subscription. [MQTT-3.8.3-4]
    pub no_local: bool,
    /// Whether the retain flag is left as the publisher set it.
    pub retain_as_published: bool,
    /// Which retained messages are sent at once.
    pub retain_handling: RetainHandling,
}

/// When retained messages are sent. MQTT §3.8.3.1
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RetainHandling {
    /// 0: at every subscribe.
    #[default]
    SendAtSubscribe,
    /// 1: where the subscription is new.
    SendAtNewSubscribe,
    /// 2: never.
    DoNotSend,
}

/// The entries of a SUBSCRIBE as they stand on the wire, all checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriptionList<'a>(&'a [u8]);

/// Entries to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionListBuf(Vec<u8>);

impl SubscriptionOptions {
    /// A QoS and nothing else, as in 3.x.
    pub const fn new(qos: QoS) -> SubscriptionOptions {
        SubscriptionOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }

    /// `None` where a reserved bit is set, the QoS is 3, or retain handling is 3. [MQTT-3.8.3-5] [MQTT311-3.8.3-4]
    pub(crate) const fn from_u8(byte: u8, version: Version) -> Option<SubscriptionOptions> {
        let reserved = if version.is_v5() { 0xc0 } else { 0xfc };
        if byte & reserved != 0 {
            return None;
        }
        let Some(qos) = QoS::from_u8(byte & 0b11) else {
            return None;
        };
        let retain_handling = match byte >> 4 & 0b11 {
            0 => RetainHandling::SendAtSubscribe,
            1 => RetainHandling::SendAtNewSubscribe,
            2 => RetainHandling::DoNotSend,
            _ => return None,
        };
        let (no_local, retain_as_published) = (byte & 0x04 != 0, byte & 0x08 != 0);
        Some(SubscriptionOptions { qos, no_local, retain_as_published, retain_handling })
    }

    const fn as_u8(self) -> u8 {
        let handling = match self.retain_handling {
            RetainHandling::SendAtSubscribe => 0,
            RetainHandling::SendAtNewSubscribe => 1,
            RetainHandling::DoNotSend => 2,
        };
        self.qos.as_u8() | (self.no_local as u8) << 2 | (self.retain_as_published as u8) << 3 | handling << 4
    }
}

impl<'a> SubscriptionList<'a> {
    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = Subscription<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        // 5.0's reading of the options holds for 3.x too: its upper bits were 0.
        std::iter::from_fn(move || read_entry(&mut reader, Version::V5, u16::MAX).ok())
    }

    fn read(
        reader: &mut Reader<'a>,
        version: Version,
        limits: &Limits,
    ) -> Result<SubscriptionList<'a>, Fault> {
        let raw = reader.rest();
        let mut entries = Reader::new(raw);
        if entries.is_empty() {
            return Err(Fault::NoFilter);
        }
        while !entries.is_empty() {
            read_entry(&mut entries, version, limits.topic_separators_max)?;
        }
        Ok(SubscriptionList(raw))
    }
}

impl SubscriptionListBuf {
    /// An empty list, which no packet may carry.
    pub const fn new() -> SubscriptionListBuf {
        SubscriptionListBuf(Vec::new())
    }

    /// Adds one behind the others.
    ///
    /// # Errors
    /// [`EncodeError::NoLocalOnShared`]. [MQTT-3.8.3-4]
    pub fn push(&mut self, filter: TopicFilter<'_>, options: SubscriptionOptions) -> Result<(), EncodeError> {
        if options.no_local && filter.share().is_some() {
            return Err(EncodeError::NoLocalOnShared);
        }
        self.0.binary(filter.as_str().as_bytes());
        self.0.u8(options.as_u8());
        Ok(())
    }

    /// The list, borrowed as the packet wants it.
    pub fn as_list(&self) -> SubscriptionList<'_> {
        SubscriptionList(&self.0)
    }
}

impl<'a> Subscribe<'a> {
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: Version,
        limits: &Limits,
    ) -> Result<Subscribe<'a>, Fault> {
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Subscribe), limits.sender)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        let subscriptions = SubscriptionList::read(reader, version, limits)?;
        Ok(Subscribe { packet_id, properties, subscriptions })
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        if self.subscriptions.0.is_empty() {
            return Err(EncodeError::Empty { what: "SUBSCRIBE" });
        }
        let plain = |entry: Subscription<'_>| entry.options == SubscriptionOptions::new(entry.options.qos);
        if !version.is_v5() && !self.subscriptions.iter().all(plain) {
            return Err(EncodeError::NotInVersion { what: "subscription options other than QoS", version });
        }
        check_properties(self.properties, Place::Packet(PacketType::Subscribe), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S, version: Version) {
        sink.u16(self.packet_id.get());
        if version.is_v5() {
            put_len_prefixed(sink, self.properties);
        }
        sink.put(self.subscriptions.0);
    }
}

/// [MQTT311-3.8.3-4]
fn read_entry<'a>(
    reader: &mut Reader<'a>,
    version: Version,
    separators_max: u16,
) -> Result<Subscription<'a>, Fault> {
    let filter = reader.topic_filter(separators_max)?;
    let byte = reader.u8("subscription options")?;
    let options =
        SubscriptionOptions::from_u8(byte, version).ok_or(Fault::SubscriptionOptions { options: byte })?;
    // [MQTT-3.8.3-4]
    if options.no_local && filter.share().is_some() {
        return Err(Fault::NoLocalOnShared);
    }
    Ok(Subscription { filter, options })
}
