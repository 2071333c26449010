//! UNSUBSCRIBE. MQTT §3.10, MQTT311 §3.10

use super::check_properties;
use crate::{
    EncodeError, Fault, Limits, PacketId, PacketType, Place, Properties, TopicFilter, Version,
    property::put_len_prefixed, reader::Reader, sink::Sink,
};

/// UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// Its packet identifier.
    pub packet_id: PacketId,
    /// Properties.
    pub properties: Properties<'a>,
    /// What is unsubscribed from: at least one. [MQTT-3.10.3-2] [MQTT311-3.10.3-2]
    pub filters: FilterList<'a>,
}

/// The filters of an UNSUBSCRIBE as they stand on the wire, all checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilterList<'a>(&'a [u8]);

/// Filters to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterListBuf(Vec<u8>);

impl<'a> FilterList<'a> {
    /// The filters, in order.
    pub fn iter(&self) -> impl Iterator<Item = TopicFilter<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || reader.topic_filter(u16::MAX).ok())
    }

    fn read(reader: &mut Reader<'a>, limits: &Limits) -> Result<FilterList<'a>, Fault> {
        let raw = reader.rest();
        let mut filters = Reader::new(raw);
        if filters.is_empty() {
            return Err(Fault::NoFilter);
        }
        while !filters.is_empty() {
            filters.topic_filter(limits.topic_separators_max)?;
        }
        Ok(FilterList(raw))
    }
}

impl FilterListBuf {
    /// An empty list, which no packet may carry.
    pub const fn new() -> FilterListBuf {
        FilterListBuf(Vec::new())
    }

    /// Adds one behind the others.
    pub fn push(&mut self, filter: TopicFilter<'_>) {
        self.0.binary(filter.as_str().as_bytes());
    }

    /// The list, borrowed as the packet wants it.
    pub fn as_list(&self) -> FilterList<'_> {
        FilterList(&self.0)
    }
}

impl<'a> Unsubscribe<'a> {
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: Version,
        limits: &Limits,
    ) -> Result<Unsubscribe<'a>, Fault> {
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Unsubscribe), limits.sender)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        Ok(Unsubscribe { packet_id, properties, filters: FilterList::read(reader, limits)? })
    }

    pub(crate) fn check(&self, version: Version) -> Result<(), EncodeError> {
        if self.filters.0.is_empty() {
            return Err(EncodeError::Empty { what: "UNSUBSCRIBE" });
        }
        check_properties(self.properties, Place::Packet(PacketType::Unsubscribe), version)
    }

    pub(crate) fn write<S: Sink>(&self, sink: &mut S, version: Version) {
        sink.u16(self.packet_id.get());
        if version.is_v5() {
            put_len_prefixed(sink, self.properties);
        }
        sink.put(self.filters.0);
    }
}
