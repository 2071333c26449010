//! QoS 2 messages from the client that wait for PUBREL: routed then, once. [MQTT-4.3.3-10] [MQTT311-4.3.3-2]

use crate::{ConnId, Message};
use sealmq_mqtt::PacketId;
use std::{collections::BTreeMap, sync::Arc};

/// The messages that wait, by packet id.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    waiting: BTreeMap<PacketId, Waiting>,
    bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) message: Arc<Message>,
    /// The connection whose Receive Maximum it counts against.
    pub(crate) counted_on: ConnId,
    /// How often it has come again, and on which connection.
    repeats: (u8, ConnId),
}

impl Incoming {
    pub(crate) fn get(&self, id: PacketId) -> Option<&Arc<Message>> {
        self.waiting.get(&id).map(|waiting| &waiting.message)
    }

    pub(crate) fn insert(&mut self, id: PacketId, message: Arc<Message>, counted_on: ConnId) {
        self.bytes += message.size();
        let waiting = Waiting { message, counted_on, repeats: (0, counted_on) };
        if let Some(old) = self.waiting.insert(id, waiting) {
            self.bytes -= old.message.size();
        }
    }

    /// Counts that it has come again on `conn`, and says how often it has.
    pub(crate) fn repeated(&mut self, id: PacketId, conn: ConnId) -> u8 {
        self.waiting.get_mut(&id).map_or(0, |waiting| {
            let before = if waiting.repeats.1 == conn { waiting.repeats.0 } else { 0 };
            waiting.repeats = (before.saturating_add(1), conn);
            waiting.repeats.0
        })
    }

    pub(crate) fn remove(&mut self, id: PacketId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.bytes -= waiting.message.size();
        Some(waiting)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}
