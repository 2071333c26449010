//! The retained messages as data: topic → the last one. The shell puts a lock around it and implements
//! [`crate::Retained`].
//!
//! Kept in one ordered map, by topic with `/` as the lowest character, so that a topic comes before what is below it
//! (the contract: parents before children) and everything below one is a contiguous range.

use crate::{Message, RetainedFull, RetainedMessage, RetainedVersion};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Topic → its last retained message.
#[derive(Debug)]
pub struct RetainedTable {
    messages: BTreeMap<Key, RetainedMessage>,
    bytes: usize,
    payload_bytes: usize,
    version: RetainedVersion,
    messages_max: usize,
    bytes_max: usize,
}

/// A topic with U+0000, which no topic contains, in the place of `/`.
type Key = Box<str>;

const SEPARATOR: char = '\0';

impl RetainedTable {
    /// An empty table with the bounds [`crate::Limits::retained_max`] and [`crate::Limits::retained_bytes_max`].
    pub fn new(messages_max: usize, bytes_max: usize) -> RetainedTable {
        RetainedTable {
            messages: BTreeMap::new(),
            bytes: 0,
            payload_bytes: 0,
            version: RetainedVersion(0),
            messages_max,
            bytes_max,
        }
    }

    /// See [`crate::Retained::store`].
    ///
    /// # Errors
    /// [`RetainedFull`]; nothing has changed then.
    pub fn store(&mut self, message: &Arc<Message>) -> Result<RetainedVersion, RetainedFull> {
        let key = key(&message.topic);
        let old = self.messages.get(&key).map(|old| old.message.size());
        // A zero-byte payload removes what is there and is itself not kept. [MQTT-3.3.1-6] [MQTT-3.3.1-7]
        if message.payload.is_empty() {
            if let Some(old) = self.messages.remove(&key) {
                self.payload_bytes -= old.message.payload.len();
            }
            self.bytes -= old.unwrap_or(0);
        } else {
            let bytes = self.bytes - old.unwrap_or(0) + message.size();
            if old.is_none() && self.messages.len() >= self.messages_max {
                return Err(RetainedFull { what: "retained_max", limit: self.messages_max });
            }
            if bytes > self.bytes_max {
                return Err(RetainedFull { what: "retained_bytes_max", limit: self.bytes_max });
            }
            self.bytes = bytes;
            let version = RetainedVersion(self.version.0 + 1);
            self.payload_bytes += message.payload.len();
            let replaced =
                self.messages.insert(key, RetainedMessage { version, message: Arc::clone(message) });
            self.payload_bytes -= replaced.map_or(0, |old| old.message.payload.len());
        }
        self.version.0 += 1;
        Ok(self.version)
    }

    /// See [`crate::Retained::read`].
    pub fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion {
        let levels: Vec<&str> = filter.split('/').collect();
        self.collect(&mut String::new(), Place::Front, &levels, found);
        self.version
    }

    /// See [`crate::Retained::forget`].
    pub fn forget(&mut self, topic: &str, version: RetainedVersion) {
        let key = key(topic);
        if self.messages.get(&key).is_some_and(|kept| kept.version == version)
            && let Some(kept) = self.messages.remove(&key)
        {
            self.bytes -= kept.message.size();
            self.payload_bytes -= kept.message.payload.len();
        }
    }

    /// How many messages are kept.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many bytes they have: topics, payloads, properties.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes their payloads have.
    pub const fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Collects what is at or below `path` and matches `levels` there. As deep as the filter has levels.
    fn collect(&self, path: &mut String, place: Place, levels: &[&str], found: &mut Vec<RetainedMessage>) {
        match levels {
            [] => found.extend(self.messages.get(path.as_str()).cloned()),
            ["#", ..] => self.collect_below(path, place, found),
            ["+", behind @ ..] => self.collect_each(path, place, behind, found),
            [level, behind @ ..] => {
                let length = path.len();
                enter(path, place, level);
                self.collect(path, Place::Below, behind, found);
                path.truncate(length);
            }
        }
    }

    /// `#`: the parent, and all below it.
    fn collect_below(&self, path: &mut String, place: Place, found: &mut Vec<RetainedMessage>) {
        match place {
            Place::Front => found.extend(
                self.messages.iter().filter(|(key, _)| !is_dollar(key)).map(|(_, kept)| kept.clone()),
            ),
            Place::Below => {
                found.extend(self.messages.get(path.as_str()).cloned());
                path.push(SEPARATOR);
                found.extend(self.from(path).map(|(_, kept)| kept.clone()));
                path.pop();
            }
        }
    }

    /// `+`: each level that exists here, found by skipping from one to the next.
    fn collect_each(
        &self,
        path: &mut String,
        place: Place,
        behind: &[&str],
        found: &mut Vec<RetainedMessage>,
    ) {
        let length = path.len();
        if place == Place::Below {
            path.push(SEPARATOR);
        }
        let prefix = path.len();
        let mut next = self.from(path).next().map(|(key, _)| key);
        while let Some(key) = next {
            let level_end = key[prefix..].find(SEPARATOR).map_or(key.len(), |at| prefix + at);
            path.push_str(&key[prefix..level_end]);
            if place == Place::Below || !is_dollar(key) {
                self.collect(path, Place::Below, behind, found);
            }
            // The first key behind everything that starts with this level and a separator.
            path.push(char::from(SEPARATOR as u8 + 1));
            next = self.at_least(path).next().map(|(key, _)| key);
            path.truncate(prefix);
            next = next.filter(|key| key.starts_with(path.as_str()));
        }
        path.truncate(length);
    }

    fn at_least<'a>(&'a self, bound: &str) -> impl Iterator<Item = (&'a Key, &'a RetainedMessage)> + use<'a> {
        self.messages.range::<str, _>((Bound::Included(bound), Bound::Unbounded))
    }

    fn from<'a, 'b>(
        &'a self,
        prefix: &'b str,
    ) -> impl Iterator<Item = (&'a Key, &'a RetainedMessage)> + use<'a, 'b> {
        self.at_least(prefix).take_while(move |(key, _)| key.starts_with(prefix))
    }
}

/// Whether a path is the front of all topics or a level below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Front,
    Below,
}

fn key(topic: &str) -> Key {
    topic.replace('/', "\0").into_boxed_str()
}

fn enter(path: &mut String, place: Place, level: &str) {
    if place == Place::Below {
        path.push(SEPARATOR);
    }
    path.push_str(level);
}

/// [MQTT-4.7.2-1]
fn is_dollar(key: &str) -> bool {
    key.starts_with('$')
}
