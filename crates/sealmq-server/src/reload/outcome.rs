//! What came of reloads: counted, and told to whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};

use sealmq_broker::Retain;

use crate::plan::StartError;
use crate::post::OwnMessage;

/// How many reloads there were since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Put in force.
    pub taken: u64,
    /// Refused, and nothing changed.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Outcomes {
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Outcomes {
    pub(super) fn count(&self, outcome: &Result<(), StartError>) {
        let counter = if outcome.is_ok() { &self.taken } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { taken: self.taken.load(Ordering::Relaxed), refused: self.refused.load(Ordering::Relaxed) }
    }
}

/// What [`messages`] says, in its order: for the broker and for `docs/reference/sys-tree.md`.
pub(crate) const TOPICS: [(&str, &str); 3] = [
    ("$SYS/broker/reload/taken", "Reloads that counted since the start."),
    ("$SYS/broker/reload/refused", "Reloads that were refused since the start, and changed nothing."),
    ("$SYS/broker/reload/last", "What the last one came to: `taken`, or `refused: ` and the error."),
];

/// `$SYS/broker/reload/…`, retained: how many, and what the last one came to.
pub(super) fn messages(counts: Counts, last: &Result<(), StartError>) -> [OwnMessage; 3] {
    let last = match last {
        Ok(()) => "taken".to_owned(),
        Err(error) => format!("refused: {}", error.text.replace('\n', " ")),
    };
    let [taken, refused, outcome] = TOPICS;
    [(taken, counts.taken.to_string()), (refused, counts.refused.to_string()), (outcome, last)].map(
        |((topic, _), value)| OwnMessage {
            topic: topic.into(),
            payload: value.into_bytes().into_boxed_slice(),
            retain: Retain::Retained,
        },
    )
}
