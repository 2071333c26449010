//! `$SYS`: what the broker says about itself, retained, every `sys_interval` seconds, under mosquitto's names.
//!
//! The topics are one table ([`metrics`]), which `http_api` and the reference page read too. A topic is published again
//! only when its value has changed. Shards are asked for their counts by a message, once per interval: nothing is
//! locked or added up per message. Who may read the tree is the core's (`Policy`): under a data directory, operators.

mod heap;
pub mod load;
pub mod metrics;
pub mod reference;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use sealmq_broker::Retain;
use sealmq_pki::watch::Counts as CertificateCounts;
use tokio::sync::watch;

use crate::door::fence::Fence;
use crate::post::{OwnMessage, PostOffice, Tally};
use crate::running::Control;
use crate::tables::{RetainedGauge, RetainedHeld};
use load::Averages;
use metrics::{CERTIFICATES, LOADS, METRICS, UPTIME, VERSION};

/// How long the shards have to say what they have counted.
const COUNTING: Duration = Duration::from_secs(1);
/// Whoever asks over HTTP is given counts of this age at most; the shards are not asked more often.
const RECENT: Duration = Duration::from_secs(1);

/// The broker at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What all shards have counted.
    pub tally: Tally,
    /// Retained messages.
    pub retained: RetainedHeld,
    /// Sockets accepted since the start.
    pub sockets: u64,
    /// CONNECTs read since the start.
    pub connects: u64,
    /// Memory of the process, in bytes; 0 where the system does not say.
    pub heap_bytes: u64,
    /// The most it was when somebody looked.
    pub heap_bytes_max: u64,
    /// The most sessions there were when somebody looked.
    pub sessions_max: u64,
    /// Whole seconds since the start.
    pub uptime_secs: u64,
    /// What ends when.
    pub certificates: CertificateCounts,
}

/// What is remembered between two looks.
pub(crate) struct Observed {
    started: Instant,
    retained: RetainedGauge,
    interval: watch::Sender<Option<Duration>>,
    last: Mutex<Option<(Instant, Snapshot)>>,
    certificates: Mutex<CertificateCounts>,
}

impl Observed {
    pub(crate) fn new(retained: RetainedGauge, interval: Option<Duration>) -> Observed {
        let interval = watch::Sender::new(interval);
        Observed {
            started: Instant::now(),
            retained,
            interval,
            last: Mutex::new(None),
            certificates: Mutex::default(),
        }
    }

    pub(crate) fn replace_certificates(&self, counts: CertificateCounts) {
        *self.certificates.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    pub(crate) fn replace_interval(&self, every: Option<Duration>) {
        self.interval.send_replace(every);
    }

    fn last(&self) -> Option<(Instant, Snapshot)> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The broker now.
pub(crate) async fn look(observed: &Observed, post: &PostOffice, fence: &Fence) -> Snapshot {
    let tally = post.tally(COUNTING).await;
    let before = observed.last().map(|(_, snapshot)| snapshot).unwrap_or_default();
    let (sockets, connects) = fence.counts();
    let heap_bytes = heap::resident_bytes().unwrap_or(0);
    let snapshot = Snapshot {
        tally,
        retained: observed.retained.held(),
        sockets,
        connects,
        heap_bytes,
        heap_bytes_max: before.heap_bytes_max.max(heap_bytes),
        sessions_max: before.sessions_max.max(tally.core.sessions),
        uptime_secs: observed.started.elapsed().as_secs(),
        certificates: *observed.certificates.lock().unwrap_or_else(PoisonError::into_inner),
    };
    *observed.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), snapshot));
    snapshot
}

/// The broker now or a moment ago: strangers' questions do not reach the shards one by one.
pub(crate) async fn look_recently(observed: &Observed, post: &PostOffice, fence: &Fence) -> Snapshot {
    match observed.last() {
        Some((at, snapshot)) if at.elapsed() < RECENT => snapshot,
        Some(_) | None => look(observed, post, fence).await,
    }
}

/// Publishes at once and then at each whole multiple of `sys_interval`, until the runtime ends.
pub(crate) async fn publish_for_ever(control: Control) {
    let mut interval = control.observed().interval.subscribe();
    let mut tree = Tree::default();
    loop {
        let every = *interval.borrow_and_update();
        if every.is_some() {
            let snapshot = control.look().await;
            for message in tree.update(&snapshot, Instant::now()) {
                control.publish(message);
            }
        }
        let next = async {
            match every {
                Some(every) => tokio::time::sleep(until_multiple_of(every, SystemTime::now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = next => {}
            // Its sender lives as long as `control`.
            _ = interval.changed() => {}
        }
    }
}

/// As mosquitto: several brokers with one interval speak in the same second.
fn until_multiple_of(every: Duration, now: SystemTime) -> Duration {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let over = since.as_millis() % every.as_millis().max(1);
    every.saturating_sub(Duration::from_millis(u64::try_from(over).unwrap_or(0)))
}

/// What was said last.
#[derive(Debug, Default)]
struct Tree {
    said: BTreeMap<String, String>,
    averages: Averages,
}

impl Tree {
    /// The messages that say what has changed.
    fn update(&mut self, snapshot: &Snapshot, now: Instant) -> Vec<OwnMessage> {
        let mut values = vec![
            (VERSION.to_owned(), format!("sealmq version {}", env!("CARGO_PKG_VERSION"))),
            (UPTIME.to_owned(), format!("{} seconds", snapshot.uptime_secs)),
        ];
        for metric in METRICS.iter().chain(CERTIFICATES) {
            let value = (metric.value)(snapshot);
            values.extend(metric.topics().map(|topic| (topic.to_owned(), value.to_string())));
        }
        let totals = LOADS.map(|load| (load.total)(snapshot));
        for (load, averages) in LOADS.iter().zip(self.averages.update(totals, now)) {
            values.extend(averages.into_iter().map(|(window, value)| (load.topic(window), value)));
        }
        values.into_iter().filter_map(|(topic, value)| self.say(topic, value)).collect()
    }

    fn say(&mut self, topic: String, value: String) -> Option<OwnMessage> {
        if self.said.get(&topic) == Some(&value) {
            return None;
        }
        let message = OwnMessage {
            topic: topic.clone().into_boxed_str(),
            payload: value.clone().into_bytes().into_boxed_slice(),
            retain: Retain::Retained,
        };
        self.said.insert(topic, value);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealmq_broker::Counters;

    fn with(core: Counters) -> Snapshot {
        Snapshot { tally: Tally { core, ..Tally::default() }, ..Snapshot::default() }
    }

    fn said(messages: &[OwnMessage]) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        messages.iter().map(|message| format!("{} {}", message.topic, text(&message.payload))).collect()
    }

    #[test]
    fn the_first_time_everything_is_said_and_later_what_has_changed() {
        let (mut tree, now) = (Tree::default(), Instant::now());
        let all = tree.update(&Snapshot::default(), now);
        // 2 texts, 24 numbers of mosquitto and 11 about ends, 3 second names, 9 averages over 3 windows.
        assert_eq!(all.len(), 2 + 24 + 11 + 3 + 27);
        assert!(tree.update(&Snapshot::default(), now + Duration::from_secs(10)).is_empty());
        let busier = with(Counters { subscriptions: 3, shared_subscriptions: 1, ..Counters::default() });
        assert_eq!(
            said(&tree.update(&busier, now + Duration::from_secs(20))),
            ["$SYS/broker/subscriptions/count 2", "$SYS/broker/shared_subscriptions/count 1"]
        );
    }

    #[test]
    fn a_number_and_its_second_name_are_said_together() {
        let (mut tree, now) = (Tree::default(), Instant::now());
        tree.update(&Snapshot::default(), now);
        let away = with(Counters { sessions: 5, clients_connected: 1, ..Counters::default() });
        let said = said(&tree.update(&away, now));
        for expected in
            ["clients/disconnected 4", "clients/inactive 4", "clients/connected 1", "clients/active 1"]
        {
            assert!(said.contains(&format!("$SYS/broker/{expected}")), "{said:?}");
        }
    }

    #[test]
    fn it_is_said_at_whole_multiples_of_the_interval() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let ten = Duration::from_secs(10);
        assert_eq!(until_multiple_of(ten, at(1_000_003_000)), Duration::from_secs(7));
        assert_eq!(until_multiple_of(ten, at(1_000_009_999)), Duration::from_millis(1));
        assert_eq!(until_multiple_of(ten, at(1_000_010_000)), ten);
    }
}
