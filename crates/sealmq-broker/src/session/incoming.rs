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
}

impl Incoming {
    pub(crate) fn get(&self, id: PacketId) -> Option<&Arc<Message>> {
        self.waiting.get(&id).map(|waiting| &waiting.message)
    }

    pub(crate) fn insert(&mut self, id: PacketId, message: Arc<Message>, counted_on: ConnId) {
        self.bytes += message.size();
        if let Some(old) = self.waiting.insert(id, Waiting { message, counted_on }) {
            self.bytes -= old.message.size();
        }
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
