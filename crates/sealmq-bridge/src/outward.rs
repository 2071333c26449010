//! Messages from the local broker to the remote one, from the local PUBLISH to its acknowledgement.
//!
//! The local broker keeps a message until we acknowledge it, so this is a list of what is under way and no queue of its
//! own: at QoS 1 and 2 it is as long as the window that we have announced there. Only QoS 0 can wait here without being
//! kept there.

use std::collections::{BTreeSet, VecDeque};

use sealmq_mqtt::{PacketId, QoS};

use crate::message::Message;

/// One message.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Message,
    /// Whom to acknowledge to; `None`: QoS 0, or the local session that sent it is gone.
    pub(crate) local: Option<PacketId>,
    /// Its packet id there, at QoS 1 and 2: given when it comes, as mosquitto does, and kept for all connections.
    pub(crate) remote: Option<PacketId>,
    pub(crate) stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Not sent yet.
    Fresh,
    /// Sent on an earlier connection.
    Again,
    /// Sent on this connection: an acknowledgement is awaited.
    Sent(QoS),
    /// The remote broker has it (PUBREC), PUBREL is to be sent on the next connection.
    ToRelease,
    /// PUBREL is out, PUBCOMP is awaited.
    Released,
}

impl Stage {
    fn is_in_flight(self) -> bool {
        matches!(self, Stage::Sent(_) | Stage::Released)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Outward {
    entries: VecDeque<Entry>,
    /// QoS 2 towards us: PUBREC is out, PUBREL is awaited.
    answered: BTreeSet<PacketId>,
}

impl Outward {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn waiting_qos0(&self) -> usize {
        self.entries.iter().filter(|entry| entry.remote.is_none()).count()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.entries.iter().filter(|entry| entry.stage.is_in_flight()).count()
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Whether the local broker sends again what is under way here already.
    pub(crate) fn knows_local(&self, local: PacketId) -> bool {
        self.entries.iter().any(|entry| entry.local == Some(local))
    }

    pub(crate) fn uses_remote(&self, remote: PacketId) -> bool {
        self.entries.iter().any(|entry| entry.remote == Some(remote))
    }

    /// The next message to be sent, in the order in which they came; where the window is full, the next of QoS 0.
    pub(crate) fn next(&self, window: usize, qos_max: QoS) -> Option<usize> {
        let has_room = self.in_flight() < window;
        let may_go = |entry: &Entry| has_room || entry.message.qos.min(qos_max) == QoS::AtMostOnce;
        self.entries.iter().position(|entry| !entry.stage.is_in_flight() && may_go(entry))
    }

    /// Nothing of QoS 0 waits for another connection.
    pub(crate) fn forget_qos0(&mut self) {
        self.entries.retain(|entry| entry.remote.is_some());
    }

    pub(crate) fn at(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }

    pub(crate) fn find(&mut self, remote: PacketId) -> Option<usize> {
        self.entries.iter().position(|entry| entry.remote == Some(remote))
    }

    pub(crate) fn take(&mut self, index: usize) -> Option<Entry> {
        self.entries.remove(index)
    }

    /// The connection to the remote broker is gone.
    pub(crate) fn remote_lost(&mut self) {
        for entry in &mut self.entries {
            entry.stage = match entry.stage {
                Stage::Sent(_) => Stage::Again,
                Stage::Released => Stage::ToRelease,
                Stage::Fresh | Stage::Again | Stage::ToRelease => entry.stage,
            };
        }
    }

    /// The local session that sent them is gone: nobody waits for acknowledgements.
    pub(crate) fn local_forgot(&mut self) {
        self.answered.clear();
        for entry in &mut self.entries {
            entry.local = None;
        }
    }

    pub(crate) fn clear(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries).into()
    }

    pub(crate) fn answered(&mut self, local: PacketId) {
        self.answered.insert(local);
    }

    pub(crate) fn is_answered(&self, local: PacketId) -> bool {
        self.answered.contains(&local)
    }

    pub(crate) fn released(&mut self, local: PacketId) {
        self.answered.remove(&local);
    }
}
