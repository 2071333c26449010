//! Messages from the remote broker to the local one, from the remote PUBLISH to its acknowledgement.

use std::collections::VecDeque;

use sealmq_mqtt::{PacketId, QoS};

use crate::message::Message;

/// Messages of the remote broker that wait for their turn at the local one; above it the remote one is not read.
pub const INWARD_WAITING_MAX: usize = 64;

/// One message.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Message,
    /// Whom to acknowledge to; `None`: QoS 0, the bridge's own, or the remote session that sent it is gone.
    pub(crate) remote: Option<PacketId>,
    /// Its packet id here, once it is sent at QoS 1 or 2.
    pub(crate) local: Option<PacketId>,
    pub(crate) stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Not sent yet.
    Waiting,
    /// Sent: PUBACK or PUBREC is awaited.
    Sent,
    /// QoS 2: the local broker has it, PUBREC has been passed on, PUBREL is awaited.
    Received,
    /// QoS 2: PUBREL has been passed on, PUBCOMP is awaited.
    Released,
}

#[derive(Debug, Default)]
pub(crate) struct Inward {
    entries: VecDeque<Entry>,
    waiting: usize,
}

impl Inward {
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.entries.len() - self.waiting
    }

    /// How many messages of QoS 1 and 2 the remote broker waits for.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.entries.iter().filter(|entry| entry.remote.is_some()).count()
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.waiting += 1;
        self.entries.push_back(entry);
    }

    pub(crate) fn uses_local(&self, local: PacketId) -> bool {
        self.entries.iter().any(|entry| entry.local == Some(local))
    }

    pub(crate) fn by_remote(&mut self, remote: PacketId) -> Option<(usize, &mut Entry)> {
        self.entries.iter_mut().enumerate().find(|(_, entry)| entry.remote == Some(remote))
    }

    pub(crate) fn by_local(&mut self, local: PacketId) -> Option<(usize, &mut Entry)> {
        self.entries.iter_mut().enumerate().find(|(_, entry)| entry.local == Some(local))
    }

    /// The next that is to be sent: they are sent in the order in which they came.
    pub(crate) fn next(&self) -> Option<(usize, QoS)> {
        if self.waiting == 0 {
            return None;
        }
        let index = self.entries.iter().position(|entry| entry.stage == Stage::Waiting)?;
        Some((index, self.entries[index].message.qos))
    }

    /// It is on its way with this packet id.
    pub(crate) fn sent(&mut self, index: usize, local: PacketId) -> Option<&Entry> {
        let entry = self.entries.get_mut(index)?;
        (entry.stage, entry.local) = (Stage::Sent, Some(local));
        self.waiting -= 1;
        Some(entry)
    }

    pub(crate) fn take(&mut self, index: usize) -> Option<Entry> {
        let entry = self.entries.remove(index)?;
        self.waiting -= usize::from(entry.stage == Stage::Waiting);
        Some(entry)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// The local session is gone: everything that it had not taken for good is sent to the next one.
    pub(crate) fn local_forgot(&mut self) {
        for entry in &mut self.entries {
            (entry.stage, entry.local) = (Stage::Waiting, None);
        }
        self.waiting = self.entries.len();
    }
}
