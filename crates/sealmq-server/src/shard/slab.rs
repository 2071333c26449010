//! The connections of one shard, found by their number without a map.
//!
//! A [`ConnId`] holds the slot in its low bits and a serial above it; the serial rises with each connection, so no
//! number is ever used twice and one of a closed connection finds nothing.

use sealmq_broker::{ConnId, ShardId};

use super::conn::Conn;

const SLOT_BITS: u32 = 24;
const SHARD_BITS: u32 = 7;

/// Connections that one shard can hold at one time.
pub(crate) const CONNECTIONS_MAX: usize = 1 << SLOT_BITS;

pub(crate) struct Slab {
    shard: ShardId,
    entries: Vec<Option<Box<Conn>>>,
    free: Vec<u32>,
    serial: u64,
    len: usize,
}

impl Slab {
    pub(crate) fn new(shard: ShardId) -> Slab {
        Slab { shard, entries: Vec::new(), free: Vec::new(), serial: 0, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes room for one more; `None` if the shard is full. The number is the caller's to fill with [`Slab::put`].
    pub(crate) fn reserve(&mut self) -> Option<ConnId> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.entries.len() < CONNECTIONS_MAX => {
                self.entries.push(None);
                u32::try_from(self.entries.len() - 1).expect("below 2^24")
            }
            None => return None,
        };
        self.serial += 1;
        let high = (self.serial << SHARD_BITS) | self.shard.index() as u64;
        Some(ConnId((high << SLOT_BITS) | u64::from(slot)))
    }

    /// Gives back a number that was reserved and not filled.
    pub(crate) fn give_back(&mut self, id: ConnId) {
        self.free.push(u32::try_from(slot_of(id)).expect("24 bits"));
    }

    pub(crate) fn put(&mut self, conn: Box<Conn>) {
        let slot = slot_of(conn.id);
        self.entries[slot] = Some(conn);
        self.len += 1;
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.entries.get_mut(slot_of(id))?.as_deref_mut().filter(|conn| conn.id == id)
    }

    /// The connection in a slot, whichever it is now: events carry slots.
    pub(crate) fn in_slot(&mut self, slot: usize) -> Option<&mut Conn> {
        self.entries.get_mut(slot)?.as_deref_mut()
    }

    pub(crate) fn take(&mut self, id: ConnId) -> Option<Box<Conn>> {
        let entry = self.entries.get_mut(slot_of(id))?;
        let conn = entry.take_if(|conn| conn.id == id)?;
        self.len -= 1;
        self.free.push(u32::try_from(slot_of(id)).expect("24 bits"));
        Some(conn)
    }
}

/// The slot of a connection number.
pub(crate) fn slot_of(id: ConnId) -> usize {
    (id.0 & ((1 << SLOT_BITS) - 1)) as usize
}
