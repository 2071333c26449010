//! The topics that a proof is meant for: they narrow what the access list grants and never widen it.

use super::{Access, AclEntry, AclError, Action, substituted::matches};

/// Filters from a token. What none of them matches is not meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicScope {
    publish: Box<[AclEntry]>,
    subscribe: Box<[AclEntry]>,
}

impl TopicScope {
    /// From filters for publishing and for being given messages; `%u` and `%c` are not replaced in them.
    ///
    /// # Errors
    /// The first that is no topic filter.
    pub fn new(publish: &[String], subscribe: &[String]) -> Result<TopicScope, AclError> {
        let entries = |filters: &[String]| -> Result<Box<[AclEntry]>, AclError> {
            filters.iter().map(|filter| AclEntry::new(Access::ReadWrite, filter)).collect()
        };
        Ok(TopicScope { publish: entries(publish)?, subscribe: entries(subscribe)? })
    }

    /// Whether it is meant for `action` at `topic`.
    pub fn covers(&self, action: Action, topic: &str) -> bool {
        let entries = match action {
            Action::Read => &self.subscribe,
            Action::Write => &self.publish,
        };
        entries.iter().any(|entry| matches(&entry.filter, None, topic))
    }
}
