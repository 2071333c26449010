//! A worker: a thread with one `mio::Poll` that runs one or more shards.
//!
//! One turn: wait, note what is ready, take mail, judge trust and timers, read and decode in the order in which
//! connections became ready, then write once per connection, then hand messages to other shards. A panic in here ends
//! the process with a clear line: half a broker would keep clients connected that nobody serves.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use sealmq_broker::{Now, ShardId};

use crate::clock::Clock;
use crate::mailbox::Bell;
use crate::shard::{Lent, Shard};

/// The poll's own token for the bell.
const BELL: Token = Token(usize::MAX);
const SLOT_BITS: u32 = 24;
/// Longest sleep: the end of a certificate is noticed within a second whatever else happens.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// How soon a full mailbox of another worker is tried again.
const RETRY: Duration = Duration::from_millis(1);
/// Connections served before what they caused is written.
const SERVED_PER_TURN: usize = 256;
/// How long clients have to take their last packets when the broker stops.
const STOPPING: Duration = Duration::from_secs(4);
const EVENTS: usize = 1024;

/// The poll token of a slot of a shard.
pub(crate) fn token_of(shard: ShardId, slot: usize) -> Token {
    Token((shard.index() << SLOT_BITS) | slot)
}

/// Counts the turns of all workers: the sign of life that the watchdog looks at.
#[derive(Debug, Default)]
pub struct Pulse {
    turns: Vec<AtomicU64>,
}

impl Pulse {
    /// For so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Pulse {
        Pulse { turns: (0..workers).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The turns of each worker so far.
    #[must_use]
    pub fn turns(&self) -> Vec<u64> {
        self.turns.iter().map(|turns| turns.load(Ordering::Relaxed)).collect()
    }
}

/// The poll of a worker that is not running yet, and its bell.
pub(crate) struct Seat {
    poll: Poll,
    pub(crate) bell: Arc<Bell>,
}

impl Seat {
    pub(crate) fn new() -> io::Result<Seat> {
        let poll = Poll::new()?;
        let bell = Arc::new(Bell::new(mio::Waker::new(poll.registry(), BELL)?));
        Ok(Seat { poll, bell })
    }
}

/// See the module.
pub(crate) struct Worker {
    number: usize,
    seat: Seat,
    shards: Vec<Shard>,
    lent: Lent,
    clock: Clock,
    pulse: Arc<Pulse>,
    stop: Arc<Stop>,
}

/// Whether the workers are to end.
#[derive(Debug, Default)]
pub(crate) struct Stop(std::sync::atomic::AtomicBool);

impl Stop {
    pub(crate) fn order(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_ordered(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Worker {
    pub(crate) fn new(
        number: usize,
        seat: Seat,
        shards: Vec<Shard>,
        clock: Clock,
        pulse: Arc<Pulse>,
        stop: Arc<Stop>,
    ) -> Worker {
        Worker { number, seat, shards, lent: Lent::new(), clock, pulse, stop }
    }

    /// Turns until it is told to stop and its clients are gone (or have had their time).
    ///
    /// # Errors
    /// The poll failed: the process cannot serve any more.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut stop_by: Option<Instant> = None;
        loop {
            self.wait(&mut events)?;
            self.turn(&events);
            self.pulse.turns[self.number].fetch_add(1, Ordering::Relaxed);
            if self.stop.is_ordered() {
                let by = *stop_by.get_or_insert_with(|| Instant::now() + STOPPING);
                if self.shards.iter().all(Shard::is_empty) || Instant::now() >= by {
                    return Ok(());
                }
            }
        }
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        // Who is about to sleep says so before the last look, or a letter posted in between would wait.
        self.seat.bell.about_to_sleep();
        let timeout = self.timeout();
        let polled = self.seat.poll.poll(events, Some(timeout));
        self.seat.bell.awake();
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    fn timeout(&mut self) -> Duration {
        if !self.lent.ready.is_empty() || self.shards.iter().any(Shard::has_work) {
            return Duration::ZERO;
        }
        let now = self.clock.mono();
        let due = self.shards.iter_mut().filter_map(Shard::poll_timeout).min();
        let timer = due.map_or(SLEEP_MAX, |due| Duration::from_millis(due.since(now).0));
        let retry = if self.shards.iter().any(Shard::is_held_up) { RETRY } else { SLEEP_MAX };
        timer.min(retry).min(SLEEP_MAX)
    }

    fn turn(&mut self, events: &Events) {
        let now = self.clock.now();
        for event in events {
            self.on_event(event);
        }
        for shard in &mut self.shards {
            shard.begin_turn(now);
            shard.take_mail(now, self.seat.poll.registry(), &mut self.lent);
            shard.take_letters(now);
        }
        self.serve(now);
        for shard in &mut self.shards {
            shard.flush_dirty(now, &mut self.lent);
            shard.end_turn(&mut self.lent);
        }
    }

    fn on_event(&mut self, event: &mio::event::Event) {
        if event.token() == BELL {
            return;
        }
        let Token(token) = event.token();
        let (shard, slot) = (token >> SLOT_BITS, token & ((1 << SLOT_BITS) - 1));
        if let Some(shard) = self.shards.iter_mut().find(|own| own.id().index() == shard) {
            shard.on_event(slot, event, &mut self.lent);
        }
    }

    fn serve(&mut self, now: Now) {
        for _ in 0..self.lent.ready.len().min(SERVED_PER_TURN) {
            let Some(next) = self.lent.ready.pop_front() else { return };
            if let Some(shard) = self.shards.iter_mut().find(|own| own.id() == next.shard) {
                shard.serve(now, next.conn, &mut self.lent);
            }
        }
    }
}
