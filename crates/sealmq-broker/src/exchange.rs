//! Between shards: a bounded mailbox per shard, an outbox per peer. Pure; the shell puts locks around mailboxes.
//!
//! Nothing here blocks and nothing is dropped. What a full mailbox does not take waits in the sender's outbox; when an
//! outbox is over its high mark the shard stops *reading publishers* ([`Reading::HoldPublishers`]) until all are below
//! the low mark, and goes on draining its own mailbox. Draining never makes a forward, so two full shards cannot wait
//! for each other.
//!
//! Bound of an outbox: the high mark, plus one forward per message that was already decoded when the mark was reached,
//! plus those the shard makes without reading: wills. With PUBLISH and PUBREL both left undecoded while
//! [`Reading::HoldPublishers`] holds, that is one per publish handled in the same step.

use crate::{Forward, ShardId};
use std::collections::VecDeque;

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// A mailbox takes no more than this; an outbox above it holds publishers. At least 1.
    pub high: usize,
    /// Publishers are read again when every outbox holds no more than this. Below `high`.
    pub low: usize,
}

impl Marks {
    /// `None` unless `low < high`.
    pub fn new(high: usize, low: usize) -> Option<Marks> {
        (low < high).then_some(Marks { high, low })
    }
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { high: 4096, low: 1024 }
    }
}

/// What other shards have sent to one shard, in the order they offered it.
#[derive(Debug)]
pub struct Mailbox {
    letters: VecDeque<Letter>,
    bound: usize,
}

/// A forward and its origin.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The origin.
    pub from: ShardId,
    /// The forward.
    pub forward: Forward,
}

impl Mailbox {
    /// An empty one that holds at most `marks.high` letters.
    pub fn new(marks: Marks) -> Mailbox {
        Mailbox { letters: VecDeque::new(), bound: marks.high }
    }

    /// Puts a letter in.
    ///
    /// # Errors
    /// The letter itself, where the mailbox is full.
    pub fn offer(&mut self, letter: Letter) -> Result<(), Letter> {
        if self.letters.len() >= self.bound {
            return Err(letter);
        }
        self.letters.push_back(letter);
        Ok(())
    }

    /// Takes the oldest letter out.
    pub fn take(&mut self) -> Option<Letter> {
        self.letters.pop_front()
    }

    /// How many letters wait.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }
}

/// Whether a shard may decode PUBLISH and PUBREL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Everything is read.
    Everything,
    /// A PUBLISH or PUBREL stays undecoded at the front of its connection's buffer; what comes before it is handled.
    HoldPublishers,
}

/// One shard's side of the exchange: what waits for each peer.
#[derive(Debug)]
pub struct Exchange {
    me: ShardId,
    marks: Marks,
    outboxes: Vec<VecDeque<Forward>>,
    reading: Reading,
}

impl Exchange {
    /// For shard `me` of `shards`.
    pub fn new(me: ShardId, shards: usize, marks: Marks) -> Exchange {
        Exchange {
            me,
            marks,
            outboxes: (0..shards).map(|_| VecDeque::new()).collect(),
            reading: Reading::Everything,
        }
    }

    /// Takes what [`crate::Output::Forward`] gave. Never refuses.
    pub fn push(&mut self, to: ShardId, forward: Forward) {
        let outbox = &mut self.outboxes[to.index()];
        outbox.push_back(forward);
        if outbox.len() > self.marks.high {
            self.reading = Reading::HoldPublishers;
        }
    }

    /// Moves what the mailbox of `to` has room for, oldest first, and returns how many letters it took. The shell
    /// wakes `to` where that is not zero.
    pub fn drain_into(&mut self, to: ShardId, mailbox: &mut Mailbox) -> usize {
        let from = self.me;
        let outbox = &mut self.outboxes[to.index()];
        let mut moved = 0;
        while let Some(forward) = outbox.pop_front() {
            if let Err(letter) = mailbox.offer(Letter { from, forward }) {
                outbox.push_front(letter.forward);
                break;
            }
            moved += 1;
        }
        if self.outboxes.iter().all(|outbox| outbox.len() <= self.marks.low) {
            self.reading = Reading::Everything;
        }
        moved
    }

    /// Whether publishers may be read.
    pub const fn reading(&self) -> Reading {
        self.reading
    }

    /// How many forwards wait for `to`.
    pub fn waiting(&self, to: ShardId) -> usize {
        self.outboxes[to.index()].len()
    }

    /// The peers for whom something waits, in rising order.
    pub fn peers_waiting(&self) -> impl Iterator<Item = ShardId> {
        self.outboxes
            .iter()
            .enumerate()
            .filter(|(_, outbox)| !outbox.is_empty())
            .filter_map(|(number, _)| ShardId::new(number))
    }
}
