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

/// `$SYS/broker/reload/…`, retained: how many, and what the last one came to.
pub(super) fn messages(counts: Counts, last: &Result<(), StartError>) -> [OwnMessage; 3] {
    let last = match last {
        Ok(()) => "taken".to_owned(),
        Err(error) => format!("refused: {}", error.text.replace('\n', " ")),
    };
    [
        ("$SYS/broker/reload/taken", counts.taken.to_string()),
        ("$SYS/broker/reload/refused", counts.refused.to_string()),
        ("$SYS/broker/reload/last", last),
    ]
    .map(|(topic, value)| OwnMessage {
        topic: topic.into(),
        payload: value.into_bytes().into_boxed_slice(),
        retain: Retain::Retained,
    })
}
