//! The topic filter: what a subscription asks for.

use crate::{TopicError, topic};
use std::fmt;

/// A valid topic filter: wildcards in their places, `$share/NAME/FILTER` whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a str);

/// The two parts of a shared subscription's filter. MQTT §4.8.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share<'a> {
    /// The share name: at least one character, none of `/`, `+`, `#`.
    pub group: &'a str,
    /// The filter behind it, never itself a shared one.
    pub filter: TopicFilter<'a>,
}

const SHARE_PREFIX: &str = "$share/";

impl<'a> TopicFilter<'a> {
    /// Checks `text`. `$share/` has its meaning in every version, as in mosquitto.
    ///
    /// # Errors
    /// [`TopicError`] says which rule is broken.
    pub fn parse(text: &'a str) -> Result<TopicFilter<'a>, TopicError> {
        topic::check_text(text)?;
        check_wildcards(text)?;
        if let Some(shared) = text.strip_prefix(SHARE_PREFIX) {
            check_share(shared)?;
        } else if text == SHARE_PREFIX.trim_end_matches('/') {
            return Err(TopicError::Share);
        }
        Ok(TopicFilter(text))
    }

    /// The text itself, with `$share/NAME/` where it has that.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Share name and filter of a shared subscription, `None` for an ordinary one.
    pub fn share(self) -> Option<Share<'a>> {
        let (group, filter) = self.0.strip_prefix(SHARE_PREFIX)?.split_once('/')?;
        Some(Share { group, filter: TopicFilter(filter) })
    }

    /// What is matched against topic names: the filter without `$share/NAME/`.
    #[must_use]
    pub fn unshared(self) -> TopicFilter<'a> {
        self.share().map_or(self, |share| share.filter)
    }

    /// The levels of the whole text between the separators.
    pub fn levels(self) -> std::str::Split<'a, char> {
        self.0.split('/')
    }

    /// How many `/` the whole text has.
    pub fn separators(self) -> usize {
        topic::separators(self.0)
    }

    /// Whether it has a `+` or `#`.
    pub fn has_wildcard(self) -> bool {
        self.0.bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `NAME/FILTER`. [MQTT-4.8.2-1] [MQTT-4.8.2-2]
fn check_share(shared: &str) -> Result<(), TopicError> {
    let (name, filter) = shared.split_once('/').ok_or(TopicError::Share)?;
    if name.is_empty() || name.contains(['+', '#']) || filter.is_empty() || filter.starts_with(SHARE_PREFIX) {
        return Err(TopicError::Share);
    }
    Ok(())
}

fn check_wildcards(filter: &str) -> Result<(), TopicError> {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Err(TopicError::MisplacedMultiLevel);
        }
        if level.contains('+') && level != "+" {
            return Err(TopicError::MisplacedSingleLevel);
        }
    }
    Ok(())
}
