//! The retained messages as data: topic → the last one. The shell puts a lock around it and implements
//! [`crate::Retained`].
//!
//! Kept as a tree of levels, so that what matches a filter is found without looking at the rest, in mosquitto's order:
//! topics beside each other in the order in which they came, each before what is below it; only the parent of a `#`
//! comes behind its children. Messages that end have their ends in order, so that none is kept past its own.

mod levels;

use crate::{Message, Millis, Mono, RetainedFull, RetainedMessage, RetainedVersion};
use levels::{LevelTree, NodeIndex, ROOT};
use std::{collections::BTreeMap, sync::Arc};

/// Topic → its last retained message.
#[derive(Debug)]
pub struct RetainedTable {
    tree: LevelTree<RetainedMessage>,
    /// Which messages end, and when.
    ends: BTreeMap<(Mono, RetainedVersion), NodeIndex>,
    /// The life of messages that came without one.
    life: Option<Millis>,
    count: usize,
    bytes: usize,
    payload_bytes: usize,
    version: RetainedVersion,
    messages_max: usize,
    bytes_max: usize,
}

impl RetainedTable {
    /// An empty table with the bounds [`crate::Limits::retained_max`] and [`crate::Limits::retained_bytes_max`].
    pub fn new(messages_max: usize, bytes_max: usize) -> RetainedTable {
        RetainedTable {
            tree: LevelTree::new(),
            ends: BTreeMap::new(),
            life: None,
            count: 0,
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
        let at = self.tree.find(&message.topic).filter(|node| self.tree.value(*node).is_some());
        // A zero-byte payload removes what is there and is itself not kept. [MQTT-3.3.1-6] [MQTT-3.3.1-7]
        if message.payload.is_empty() {
            if let Some(node) = at {
                self.remove(node);
            }
        } else {
            self.check_bounds(at, message)?;
            let node = self.tree.make(&message.topic);
            let kept = RetainedMessage {
                version: RetainedVersion(self.version.0 + 1),
                message: Arc::clone(message),
            };
            if let Some(end) = end(message, self.life) {
                self.ends.insert((end, kept.version), node);
            }
            self.count += 1;
            self.bytes += message.size();
            self.payload_bytes += message.payload.len();
            if let Some(old) = self.tree.put(node, kept) {
                self.forget_counts(&old);
            }
        }
        self.version.0 += 1;
        Ok(self.version)
    }

    /// See [`crate::Retained::read`].
    pub fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion {
        let levels: Vec<&str> = filter.split('/').collect();
        self.collect(ROOT, &levels, found);
        self.version
    }

    /// See [`crate::Retained::forget`].
    pub fn forget(&mut self, topic: &str, version: RetainedVersion) {
        if let Some(node) = self.tree.find(topic)
            && self.tree.value(node).is_some_and(|kept| kept.version == version)
        {
            self.remove(node);
        }
    }

    /// See [`crate::Retained::set_life`].
    pub fn set_life(&mut self, life: Option<Millis>) {
        if self.life == life {
            return;
        }
        self.life = life;
        let kept = self.tree.below(ROOT).filter_map(|node| Some((node, self.tree.value(node)?)));
        self.ends =
            kept.filter_map(|(node, kept)| Some(((end(&kept.message, life)?, kept.version), node))).collect();
    }

    /// See [`crate::Retained::sweep`].
    pub fn sweep(&mut self, now: Mono) -> Option<Mono> {
        loop {
            let (&(end, _), &node) = self.ends.first_key_value()?;
            if end > now {
                return Some(end);
            }
            self.remove(node);
        }
    }

    /// How many messages are kept.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes they have: topics, payloads, properties.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes their payloads have.
    pub const fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    fn check_bounds(&self, at: Option<NodeIndex>, message: &Message) -> Result<(), RetainedFull> {
        if at.is_none() && self.count >= self.messages_max {
            return Err(RetainedFull { what: "retained_max", limit: self.messages_max });
        }
        let old = at.and_then(|node| self.tree.value(node)).map_or(0, |old| old.message.size());
        let tree = self.tree.bytes() + self.tree.bytes_missing(&message.topic);
        if self.bytes - old + message.size() + tree > self.bytes_max {
            return Err(RetainedFull { what: "retained_bytes_max", limit: self.bytes_max });
        }
        Ok(())
    }

    fn remove(&mut self, node: NodeIndex) {
        if let Some(old) = self.tree.take(node) {
            self.forget_counts(&old);
        }
    }

    fn forget_counts(&mut self, old: &RetainedMessage) {
        self.count -= 1;
        self.bytes -= old.message.size();
        self.payload_bytes -= old.message.payload.len();
        if let Some(end) = end(&old.message, self.life) {
            self.ends.remove(&(end, old.version));
        }
    }

    /// Collects what is at or below `node` and matches `levels` there. As deep as the filter has levels.
    fn collect(&self, node: NodeIndex, levels: &[&str], found: &mut Vec<RetainedMessage>) {
        // A wildcard at the front does not match what starts with `$`. [MQTT-4.7.2-1]
        let hidden = |child: NodeIndex| node == ROOT && self.tree.level(child).starts_with('$');
        match levels {
            [] => self.give(node, found),
            ["#", ..] => {
                for child in self.tree.children(node).filter(|child| !hidden(*child)) {
                    self.give(child, found);
                    self.tree.below(child).for_each(|below| self.give(below, found));
                }
                self.give(node, found);
            }
            ["+", behind @ ..] => {
                for child in self.tree.children(node).filter(|child| !hidden(*child)) {
                    self.collect(child, behind, found);
                }
            }
            [level, behind @ ..] => {
                if let Some(child) = self.tree.child(node, level) {
                    self.collect(child, behind, found);
                }
            }
        }
    }

    fn give(&self, node: NodeIndex, found: &mut Vec<RetainedMessage>) {
        found.extend(self.tree.value(node).cloned());
    }
}

/// When a message ends, with this life for those that came without one.
fn end(message: &Message, life: Option<Millis>) -> Option<Mono> {
    message.expires_at().or_else(|| life.map(|life| message.received.mono + life))
}
