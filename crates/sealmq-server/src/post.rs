//! What reaches a shard from elsewhere: admitted clients and control in one box, messages of other shards in another.
//!
//! The second is bounded (`sealmq_broker::exchange`): a full one refuses, and the sender keeps what it has. The first
//! is bounded by construction: a client holds a connection guard, control is a handful of values.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
use sealmq_broker::{
    Counters, Letter, Limits, LocalPublish, Mailbox as Letters, Marks, Owner, Policy, Retain, ShardId,
};
use sealmq_mqtt::QoS;

use crate::established::Established;
use crate::mailbox::{Bell, Mailbox};
use crate::shard::errands::ErrandReport;

/// One value for a shard.
#[derive(Debug)]
pub enum Mail {
    /// A client that the door has admitted.
    Established(Box<Established>),
    /// The broker itself publishes.
    Publish(OwnMessage),
    /// Say what has been counted; a shard that is too late is not heard.
    Count(tokio::sync::mpsc::Sender<Tally>),
    /// Forget what is kept for these owners; answers how many sessions that were.
    Forget(Arc<[Owner]>, std::sync::mpsc::Sender<u64>),
    /// What a shard asked for is done.
    ErrandDone(Box<ErrandReport>),
    /// The process stops.
    Shutdown,
}

/// What a shard has counted since its birth, and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The core's.
    pub core: Counters,
    /// The sockets'.
    pub traffic: Traffic,
}

/// What went through the sockets of a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// MQTT bytes read, CONNECT included, without TLS.
    pub bytes_received: u64,
    /// MQTT bytes written.
    pub bytes_sent: u64,
    /// Packets that wait for a socket now.
    pub waiting: Waiting,
}

/// Packets that wait to be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub packets: u64,
    /// Their MQTT bytes.
    pub bytes: u64,
}

impl std::ops::AddAssign for Waiting {
    fn add_assign(&mut self, other: Waiting) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl std::ops::SubAssign for Waiting {
    fn sub_assign(&mut self, other: Waiting) {
        self.packets -= other.packets;
        self.bytes -= other.bytes;
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.core += other.core;
        self.traffic.bytes_received += other.traffic.bytes_received;
        self.traffic.bytes_sent += other.traffic.bytes_sent;
        self.traffic.waiting += other.traffic.waiting;
    }
}

/// A message of the broker itself.
#[derive(Debug, Clone)]
pub struct OwnMessage {
    /// A valid topic name.
    pub topic: Box<str>,
    /// The payload.
    pub payload: Box<[u8]>,
    /// Whether it is kept for later subscribers.
    pub retain: Retain,
}

impl OwnMessage {
    /// At QoS 2, as mosquitto's: each subscriber gets it with the QoS that it asked for.
    pub(crate) fn as_input(&self) -> LocalPublish<'_> {
        LocalPublish {
            topic: &self.topic,
            payload: &self.payload,
            qos: QoS::ExactlyOnce,
            retain: self.retain,
        }
    }
}

/// The boxes of all shards.
pub struct PostOffice {
    boxes: Vec<ShardBox>,
    ruling: ArcSwapOption<Ruling>,
}

/// What the core goes by after a reload. A level, not a message: a shard compares it at the start of each turn, before
/// it judges anybody again, so that whoever is let go is let go under the new rules (its will, too).
#[derive(Debug)]
pub(crate) struct Ruling {
    pub(crate) policy: Arc<Policy>,
    pub(crate) limits: Limits,
    /// `max_packet_size`.
    pub(crate) packet_bytes_max: u32,
}

struct ShardBox {
    mail: Mailbox<Mail>,
    letters: Mutex<Letters>,
    bell: Arc<Bell>,
}

impl PostOffice {
    /// One box per shard; `bells[n]` wakes the worker that runs shard `n`.
    #[must_use]
    pub fn new(bells: Vec<Arc<Bell>>, marks: Marks) -> PostOffice {
        let boxes = bells
            .into_iter()
            .map(|bell| ShardBox { mail: Mailbox::default(), letters: Mutex::new(Letters::new(marks)), bell })
            .collect();
        PostOffice { boxes, ruling: ArcSwapOption::empty() }
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.boxes.len()
    }

    /// Posts to one shard.
    pub fn post(&self, to: ShardId, mail: Mail) {
        let there = &self.boxes[to.index()];
        there.mail.post(mail);
        there.bell.ring();
    }

    /// Posts to every shard.
    pub fn post_all(&self, make: impl Fn() -> Mail) {
        for there in &self.boxes {
            there.mail.post(make());
            there.bell.ring();
        }
    }

    /// The rules of now; `None`: those that the shards were born with.
    pub(crate) fn ruling(&self) -> Guard<Option<Arc<Ruling>>> {
        self.ruling.load()
    }

    pub(crate) fn publish_ruling(&self, ruling: Ruling) {
        self.ruling.store(Some(Arc::new(ruling)));
    }

    /// What all shards have counted, together; a shard that does not answer within `deadline` is missing in it.
    pub async fn tally(&self, deadline: Duration) -> Tally {
        let (to, mut from) = tokio::sync::mpsc::channel(self.shards());
        self.post_all(|| Mail::Count(to.clone()));
        drop(to);
        let mut sum = Tally::default();
        let all = async {
            while let Some(tally) = from.recv().await {
                sum += tally;
            }
        };
        // What came in time counts.
        let _ = tokio::time::timeout(deadline, all).await;
        sum
    }

    /// Wakes every worker: its turn compares the trust generation.
    pub fn ring_all(&self) {
        for there in &self.boxes {
            there.bell.ring();
        }
    }

    /// How many values wait for this shard.
    pub(crate) fn mail_waiting(&self, shard: ShardId) -> usize {
        self.boxes[shard.index()].mail.len()
    }

    pub(crate) fn has_mail(&self, shard: ShardId) -> bool {
        let own = &self.boxes[shard.index()];
        !own.mail.is_empty() || !lock(&own.letters).is_empty()
    }

    pub(crate) fn take_mail(&self, shard: ShardId) -> VecDeque<Mail> {
        self.boxes[shard.index()].mail.take()
    }

    /// Takes what is there now; bounded by the box.
    pub(crate) fn take_letters(&self, shard: ShardId) -> Vec<Letter> {
        let mut letters = lock(&self.boxes[shard.index()].letters);
        std::iter::from_fn(|| letters.take()).collect()
    }

    /// Lets `put` fill the box of `to`; wakes its worker if something was put in.
    pub(crate) fn deliver(&self, to: ShardId, put: impl FnOnce(&mut Letters) -> usize) {
        let there = &self.boxes[to.index()];
        let moved = put(&mut lock(&there.letters));
        if moved > 0 {
            there.bell.ring();
        }
    }
}

fn lock(letters: &Mutex<Letters>) -> std::sync::MutexGuard<'_, Letters> {
    // A queue of whole letters stays one after a panic elsewhere.
    letters.lock().unwrap_or_else(PoisonError::into_inner)
}
