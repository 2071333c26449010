//! The interest table as data: filter → shards. The shell puts a lock around it and implements [`crate::Interest`].

use crate::{FilterTrie, ShardId, ShardSet};

/// Filter → shards.
#[derive(Debug, Default)]
pub struct InterestTable {
    filters: FilterTrie<ShardSet>,
}

impl InterestTable {
    /// See [`crate::Interest::add`].
    pub fn add(&mut self, filter: &str, shard: ShardId) {
        self.filters.update(filter, |shards| shards.insert(shard));
    }

    /// See [`crate::Interest::remove`].
    pub fn remove(&mut self, filter: &str, shard: ShardId) {
        self.filters.update(filter, |shards| shards.remove(shard));
    }

    /// See [`crate::Interest::shards`]. Allocates nothing.
    pub fn shards(&self, topic: &str) -> ShardSet {
        let mut found = ShardSet::EMPTY;
        self.filters.matches(topic, |shards| found.extend(*shards));
        found
    }

    /// Whether no filter is held.
    pub fn is_empty(&self) -> bool {
        self.filters.nodes() == 0
    }
}
