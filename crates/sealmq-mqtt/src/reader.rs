//! Reads fields from the front of a body whose end is known. Nothing here copies or allocates.

use crate::{Fault, PacketId, TopicError, TopicFilter, TopicName, text, topic, varint::Varint};

/// The names of these fields in a [`Fault`].
pub(crate) const TOPIC_NAME: &str = "topic name";
pub(crate) const TOPIC_FILTER: &str = "topic filter";

/// What is left of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left, leaving nothing.
    #[inline]
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Nothing may be left.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::TrailingBytes { bytes: self.rest.len() }) }
    }

    #[inline]
    pub(crate) fn bytes(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Fault::EndsEarly { field })?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Fault> {
        let (&byte, rest) = self.rest.split_first().ok_or(Fault::EndsEarly { field })?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Fault> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Fault::EndsEarly { field })?;
        self.rest = rest;
        Ok(u16::from_be_bytes(bytes))
    }

    #[inline]
    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Fault> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Fault::EndsEarly { field })?;
        self.rest = rest;
        Ok(u32::from_be_bytes(bytes))
    }

    /// In its shortest form only. [MQTT-1.5.5-1]
    #[inline]
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u32, Fault> {
        match Varint::read(self.rest) {
            Varint::Value { value, len } if len == crate::varint::len(value) => {
                self.rest = &self.rest[len..];
                Ok(value)
            }
            Varint::Value { .. } | Varint::TooLong => Err(Fault::VariableByteInteger { field }),
            Varint::Incomplete => Err(Fault::EndsEarly { field }),
        }
    }

    /// Binary data: two bytes of length and the bytes. MQTT §1.5.6
    #[inline]
    pub(crate) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], Fault> {
        let len = self.u16(field)?;
        self.bytes(usize::from(len), field)
    }

    /// UTF-8 that has not yet been held against the rules for characters. [MQTT-1.5.4-1] [MQTT311-1.5.3-1]
    /// [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] [MQTT311-3.1.3-4] [MQTT311-3.1.3-10]
    /// [MQTT311-3.1.3-11] [MQTT311-1.5.3-3]
    #[inline]
    fn utf8(&mut self, field: &'static str) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.binary(field)?).map_err(|_| Fault::NotUtf8 { field })
    }

    /// A UTF-8 Encoded String. [MQTT-1.5.4-2] [MQTT311-1.5.3-2]
    #[inline]
    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, Fault> {
        let value = self.utf8(field)?;
        match text::forbidden_character(value) {
            Some(character) => Err(Fault::ForbiddenCharacter { field, character }),
            None => Ok(value),
        }
    }

    /// A packet identifier. [MQTT-2.2.1-3] [MQTT311-2.3.1-1]
    #[inline]
    pub(crate) fn packet_id(&mut self) -> Result<PacketId, Fault> {
        PacketId::new(self.u16("packet identifier")?).ok_or(Fault::PacketIdZero)
    }

    /// A topic name with at most `separators_max` separators.
    #[inline]
    pub(crate) fn topic_name(
        &mut self,
        field: &'static str,
        separators_max: u16,
    ) -> Result<TopicName<'a>, Fault> {
        match self.topic_name_or_empty(field, separators_max)? {
            Some(name) => Ok(name),
            None => Err(Fault::Topic { field, error: TopicError::Empty }),
        }
    }

    /// `None` where the name has no bytes, which PUBLISH allows beside a topic alias.
    #[inline]
    pub(crate) fn topic_name_or_empty(
        &mut self,
        field: &'static str,
        separators_max: u16,
    ) -> Result<Option<TopicName<'a>>, Fault> {
        let text = self.utf8(field)?;
        if text.is_empty() {
            return Ok(None);
        }
        check_depth(text, field, separators_max)?;
        TopicName::parse(text).map(Some).map_err(|error| Fault::Topic { field, error })
    }

    /// A topic filter with at most `separators_max` separators.
    /// [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT311-3.8.3-1] [MQTT311-3.10.3-1]
    #[inline]
    pub(crate) fn topic_filter(&mut self, separators_max: u16) -> Result<TopicFilter<'a>, Fault> {
        let field = TOPIC_FILTER;
        let text = self.utf8(field)?;
        check_depth(text, field, separators_max)?;
        TopicFilter::parse(text).map_err(|error| Fault::Topic { field, error })
    }
}

#[inline]
fn check_depth(text: &str, field: &'static str, max: u16) -> Result<(), Fault> {
    // A text cannot have more separators than bytes: most topics need no count.
    if text.len() <= usize::from(max) {
        return Ok(());
    }
    let separators = topic::separators(text);
    if separators > usize::from(max) {
        return Err(Fault::TopicTooDeep { field, separators, max });
    }
    Ok(())
}
