//! The names by which the core, the shell and the tables call things.

use std::fmt;
use std::sync::Arc;

/// A connection. The shell hands the numbers out and never uses one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A shard: at most [`ShardId::COUNT_MAX`] of them, numbered from 0, fixed while the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u8);

impl ShardId {
    /// How many shards there can be.
    pub const COUNT_MAX: usize = 128;

    /// `None` from [`ShardId::COUNT_MAX`] on.
    pub fn new(number: usize) -> Option<ShardId> {
        (number < ShardId::COUNT_MAX).then(|| ShardId(u8::try_from(number).expect("below 128")))
    }

    /// The number, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The shard a client id lives on, of `count` shards (1 to [`ShardId::COUNT_MAX`]): the same for every connection
    /// of a client, so that its session and a take-over are always local. FNV-1a; never written to disk.
    ///
    /// # Panics
    /// If `count` is 0 or above [`ShardId::COUNT_MAX`]: the shell fixes it at its start.
    pub fn of_client(client_id: &str, count: usize) -> ShardId {
        assert!((1..=ShardId::COUNT_MAX).contains(&count), "1 to 128 shards");
        let hash = client_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let folded = (hash ^ (hash >> 32)) % (count as u64);
        ShardId(u8::try_from(folded).expect("below count, which is at most 128"))
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardSet(u128);

impl ShardSet {
    /// No shard.
    pub const EMPTY: ShardSet = ShardSet(0);

    /// Adds one.
    pub fn insert(&mut self, shard: ShardId) {
        self.0 |= 1 << shard.0;
    }

    /// Takes one out.
    pub fn remove(&mut self, shard: ShardId) {
        self.0 &= !(1 << shard.0);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: ShardSet) {
        self.0 |= other.0;
    }

    /// Whether `shard` is in it.
    pub const fn contains(self, shard: ShardId) -> bool {
        self.0 & (1 << shard.0) != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in rising order.
    pub fn iter(self) -> impl Iterator<Item = ShardId> {
        (0..128_u8).filter(move |number| self.0 & (1 << number) != 0).map(ShardId)
    }
}

/// A client identifier that passed the door: 1 to 65,535 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

impl ClientId {
    /// `None` for the empty text (the server assigns one instead) and beyond 65,535 bytes.
    /// [MQTT-3.1.3-5] [MQTT311-3.1.3-5]
    pub fn parse(text: &str) -> Option<ClientId> {
        (1..=usize::from(u16::MAX)).contains(&text.len()).then(|| ClientId(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
