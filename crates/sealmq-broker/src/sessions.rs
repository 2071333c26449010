//! The sessions of a shard: by index, by client id, by connection. Iterated in the order of the indexes only.

use crate::{ClientId, ConnId, session::Session};
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// Names a session while it lives; used again afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionIndex(u32);

impl SessionIndex {
    pub(crate) const fn get(self) -> usize {
        self.0 as usize
    }
}

/// All sessions of a shard.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    slots: Vec<Option<Box<Session>>>,
    free: Vec<SessionIndex>,
    by_client: BTreeMap<ClientId, SessionIndex>,
    by_conn: HashMap<ConnId, SessionIndex>,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.by_client.len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.by_conn.len()
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// [MQTT-3.1.3-2] [MQTT311-3.1.3-2]
    pub(crate) fn of_client(&self, client: &str) -> Option<SessionIndex> {
        self.by_client.get(client).copied()
    }

    pub(crate) fn of_conn(&self, conn: ConnId) -> Option<SessionIndex> {
        self.by_conn.get(&conn).copied()
    }

    pub(crate) fn bind(&mut self, conn: ConnId, index: SessionIndex) {
        self.by_conn.insert(conn, index);
    }

    pub(crate) fn unbind(&mut self, conn: ConnId) {
        self.by_conn.remove(&conn);
    }

    pub(crate) fn insert(&mut self, session: Session) -> SessionIndex {
        let client = session.client_id.clone();
        let session = Some(Box::new(session));
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index.get()] = session;
                index
            }
            None => {
                self.slots.push(session);
                SessionIndex(
                    u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 sessions fit into memory"),
                )
            }
        };
        self.by_client.insert(client, index);
        index
    }

    pub(crate) fn remove(&mut self, index: SessionIndex) -> Option<Box<Session>> {
        let session = self.slots[index.get()].take()?;
        self.by_client.remove(&session.client_id);
        self.free.push(index);
        Some(session)
    }

    /// The session at `index`, which its holder knows to live.
    pub(crate) fn at(&self, index: SessionIndex) -> &Session {
        self.slots[index.get()].as_deref().expect("an index is dropped with its session")
    }

    /// The same, to change it.
    pub(crate) fn at_mut(&mut self, index: SessionIndex) -> &mut Session {
        self.slots[index.get()].as_deref_mut().expect("an index is dropped with its session")
    }

    /// The indexes of all sessions, rising.
    pub(crate) fn indexes(&self) -> Vec<SessionIndex> {
        let live = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some());
        live.filter_map(|(at, _)| u32::try_from(at).ok().map(SessionIndex)).collect()
    }
}
