//! The topic name: where an application message is published to.

use crate::text;
use std::fmt;

/// A valid topic name: 1 to 65,535 bytes, no wildcard, no forbidden character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a str);

/// Why a text is no topic name or topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// [MQTT-4.7.3-1] [MQTT311-4.7.3-1]
    #[error("is empty")]
    Empty,
    /// [MQTT-4.7.3-3] [MQTT311-4.7.3-3]
    #[error("has {bytes} bytes, more than 65535")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// [MQTT-4.7.3-2] [MQTT311-4.7.3-2] and the characters of MQTT §1.5.4.
    #[error("contains the character U+{:04X}", u32::from(*character))]
    ForbiddenCharacter {
        /// The first of them.
        character: char,
    },
    /// A topic name with `+` or `#`. [MQTT-3.3.2-2] [MQTT311-3.3.2-2] [MQTT-4.7.0-1]
    #[error("contains the wildcard `{wildcard}`")]
    WildcardInName {
        /// `+` or `#`.
        wildcard: char,
    },
    /// `#` that is not the last level alone. [MQTT-4.7.1-1] [MQTT311-4.7.1-2]
    #[error("has a `#` that is not alone in the last level")]
    MisplacedMultiLevel,
    /// `+` that does not fill its level. [MQTT-4.7.1-2] [MQTT311-4.7.1-3]
    #[error("has a `+` that does not fill its level")]
    MisplacedSingleLevel,
    /// `$share/` without a share name, with a wildcard in it, or without a filter after it.
    /// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    #[error("starts with `$share/` but is not `$share/NAME/FILTER`")]
    Share,
}

impl<'a> TopicName<'a> {
    /// Checks `text`. The number of levels is not limited here: see [`crate::Limits::topic_separators_max`].
    ///
    /// # Errors
    /// [`TopicError`] says which rule is broken.
    /// [MQTT311-4.7.1-1]
    #[inline]
    pub fn parse(text: &'a str) -> Result<TopicName<'a>, TopicError> {
        check_text(text)?;
        // Without branches per byte, for the same reason as in `text`.
        let wild = text.bytes().fold(false, |wild, byte| wild | (byte == b'+') | (byte == b'#'));
        if wild {
            let wildcard = if text.contains('+') { '+' } else { '#' };
            return Err(TopicError::WildcardInName { wildcard });
        }
        Ok(TopicName(text))
    }

    /// The text itself.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels between the separators; empty ones count. [MQTT-4.7.3-4]
    pub fn levels(self) -> std::str::Split<'a, char> {
        self.0.split('/')
    }

    /// How many `/` it has; one less than its levels.
    pub fn separators(self) -> usize {
        separators(self.0)
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How many `/` are in `text`.
#[inline]
pub(crate) fn separators(text: &str) -> usize {
    text.bytes().map(|byte| usize::from(byte == b'/')).sum()
}

/// The rules that names and filters share.
#[inline]
pub(crate) fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > usize::from(u16::MAX) {
        return Err(TopicError::TooLong { bytes: text.len() });
    }
    match text::forbidden_character(text) {
        Some(character) => Err(TopicError::ForbiddenCharacter { character }),
        None => Ok(()),
    }
}
