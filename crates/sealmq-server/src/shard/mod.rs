//! A shard: its sockets, its timers and one `Broker`. A value, not a thread: a worker runs it.
//!
//! It moves bytes and calls the core; it decides nothing about MQTT. After each input it drains the outputs. Buffers
//! for reading and encoding are lent by the worker ([`Lent`]), so that a connection at rest keeps none.
//!
//! Invariants: a packet is decoded only while its connection is open; what the core has let go gets no input any more;
//! while the exchange holds publishers, PUBLISH and PUBREL stay undecoded.

mod adopt;
mod close;
mod conn;
pub(crate) mod errands;
mod flush;
mod lines;
mod read;
mod report;
mod slab;

use std::collections::VecDeque;
use std::sync::Arc;

use sealmq_broker::{
    Broker, Commit, ConnId, ControlAnswer, ControlRequest, Exchange, Heap, Input, Letter, Limits,
    Mailbox as Letters, Marks, Mono, Now, Output, Policy, Reading, ShardId, Tables,
};

use crate::dollar_control::Endpoint;
use crate::door::hashing::HashingPool;
use crate::log::Log;
use crate::post::{Mail, PostOffice, Ruling, Tally, Traffic, Waiting};
use crate::trust::Judged;
use conn::{Hearing, State};
use slab::Slab;

/// Bytes read from one socket at once.
const READ_BYTES: usize = 64 * 1024;

/// The buffers of a worker, lent to the shard that runs.
pub(crate) struct Lent {
    /// What `read` writes into.
    read: Box<[u8]>,
    /// Ciphertext.
    sealed_in: Vec<u8>,
    /// Opened bytes that are WebSocket frames.
    framed_in: Vec<u8>,
    /// MQTT bytes.
    plain_in: Vec<u8>,
    /// Encoded packets.
    plain_out: Vec<u8>,
    /// Sealed packets.
    sealed_out: Vec<u8>,
    /// Connections with something to read, in the order in which they became ready.
    pub(crate) ready: VecDeque<Ready>,
}

/// A connection with something to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) shard: ShardId,
    pub(crate) conn: ConnId,
}

impl Lent {
    pub(crate) fn new() -> Lent {
        Lent {
            read: vec![0; READ_BYTES].into_boxed_slice(),
            sealed_in: Vec::with_capacity(READ_BYTES),
            framed_in: Vec::with_capacity(READ_BYTES),
            plain_in: Vec::with_capacity(READ_BYTES),
            plain_out: Vec::with_capacity(READ_BYTES),
            sealed_out: Vec::with_capacity(READ_BYTES),
            ready: VecDeque::new(),
        }
    }
}

/// What a shard is born with.
pub(crate) struct ShardSpec {
    pub(crate) id: ShardId,
    pub(crate) limits: Limits,
    pub(crate) tables: Tables,
    pub(crate) policy: Arc<Policy>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) marks: Marks,
    pub(crate) judged: Arc<Judged>,
    pub(crate) hashing: Arc<HashingPool>,
    pub(crate) log: Log,
    pub(crate) topic_separators_max: u16,
    pub(crate) endpoint: Arc<Endpoint>,
}

/// See the module.
pub(crate) struct Shard {
    id: ShardId,
    broker: Broker,
    conns: Slab,
    exchange: Exchange,
    post: Arc<PostOffice>,
    /// The last reload's rules that the core has been given.
    ruling: Option<Arc<Ruling>>,
    judged: Arc<Judged>,
    hashing: Arc<HashingPool>,
    committed: Commit,
    /// What clients make the process hold.
    heap: Heap,
    /// Connections with something to write.
    dirty: Vec<ConnId>,
    /// Connections with packets behind gates: nobody else is looked at when something has become durable.
    gated: Vec<ConnId>,
    /// Connections whose first packet is a PUBLISH or PUBREL that must wait.
    held: Vec<ConnId>,
    /// Connections that must be gone by then, soonest first.
    closing: VecDeque<Closing>,
    /// Connections to look at in the next turn although no event tells of them.
    woken: Vec<ConnId>,
    topic_separators_max: u16,
    traffic: Traffic,
    endpoint: Arc<Endpoint>,
    log: Log,
}

#[derive(Debug, Clone, Copy)]
struct Closing {
    by: Mono,
    conn: ConnId,
}

impl Shard {
    pub(crate) fn new(spec: ShardSpec) -> Shard {
        Shard {
            id: spec.id,
            heap: spec.tables.heap.clone(),
            broker: Broker::new(spec.id, spec.limits, spec.tables, spec.policy),
            conns: Slab::new(spec.id),
            exchange: Exchange::new(spec.id, spec.post.shards(), spec.marks),
            post: spec.post,
            ruling: None,
            judged: spec.judged,
            hashing: spec.hashing,
            committed: Commit::default(),
            dirty: Vec::new(),
            gated: Vec::new(),
            held: Vec::new(),
            closing: VecDeque::new(),
            woken: Vec::new(),
            topic_separators_max: spec.topic_separators_max,
            traffic: Traffic::default(),
            endpoint: spec.endpoint,
            log: spec.log,
        }
    }

    pub(crate) fn id(&self) -> ShardId {
        self.id
    }

    /// Whether it has no connection left.
    pub(crate) fn is_empty(&self) -> bool {
        self.conns.len() == 0
    }

    /// When it wants to run next, if nothing happens before.
    pub(crate) fn poll_timeout(&mut self) -> Option<Mono> {
        let closing = self.closing.front().map(|first| first.by);
        [self.broker.poll_timeout(), closing].into_iter().flatten().min()
    }

    /// Whether it has work that no event will announce.
    pub(crate) fn has_work(&self) -> bool {
        !self.dirty.is_empty() || self.post.has_mail(self.id)
    }

    /// Whether a full mailbox of another shard keeps messages here: it is tried again soon.
    pub(crate) fn is_held_up(&self) -> bool {
        self.exchange.peers_waiting().next().is_some()
    }

    /// The start of a turn: trust, timers, deadlines.
    pub(crate) fn begin_turn(&mut self, now: Now) {
        self.take_ruling(now);
        self.handle(now, Input::Turn);
        if self.broker.poll_timeout().is_some_and(|due| due <= now.mono) {
            self.broker.handle_timeout(now);
            self.drain(now);
        }
        self.close_overdue(now);
    }

    /// Rules that were reloaded since the last turn.
    fn take_ruling(&mut self, now: Now) {
        let post = Arc::clone(&self.post);
        let ruling = post.ruling();
        let Some(ruling) = ruling.as_ref() else { return };
        if self.ruling.as_ref().is_some_and(|known| Arc::ptr_eq(known, ruling)) {
            return;
        }
        self.handle(now, Input::Limits(ruling.limits.clone()));
        self.handle(now, Input::Policy(Arc::clone(&ruling.policy)));
        self.ruling = Some(Arc::clone(ruling));
    }

    /// Takes what other threads posted: admitted connections and control.
    pub(crate) fn take_mail(&mut self, now: Now, registry: &mio::Registry, lent: &mut Lent) {
        for mail in self.post.take_mail(self.id) {
            match mail {
                Mail::Established(established) => self.adopt(now, *established, registry, lent),
                Mail::Publish(publish) => self.handle(now, Input::Local(publish.as_input())),
                // Full or gone only if the asker has given up.
                Mail::Count(to) => {
                    let _ = to.try_send(Tally { core: self.broker.counters(), traffic: self.traffic });
                }
                Mail::Forget(owners, to) => {
                    let before = self.broker.counters().sessions;
                    self.handle(now, Input::Forget(&owners));
                    // Gone only if the asker has given up.
                    let _ = to.send(before.saturating_sub(self.broker.counters().sessions));
                }
                Mail::ErrandDone(report) => self.errand_done(now, *report),
                Mail::Shutdown => self.handle(now, Input::Shutdown),
            }
        }
    }

    /// Takes the messages of other shards; their order per origin is kept.
    pub(crate) fn take_letters(&mut self, now: Now) {
        // Bounded by the mailbox: what arrives meanwhile waits for the next turn.
        for Letter { from, forward } in self.post.take_letters(self.id) {
            self.handle(now, Input::Forwarded { from, forward });
        }
    }

    /// The end of a turn: forwards go out; publishers that were held are read again when there is room.
    pub(crate) fn end_turn(&mut self, lent: &mut Lent) {
        let waiting: Vec<ShardId> = self.exchange.peers_waiting().collect();
        for to in waiting {
            self.post.deliver(to, |letters: &mut Letters| self.exchange.drain_into(to, letters));
        }
        if self.exchange.reading() == Reading::Everything {
            for id in std::mem::take(&mut self.held) {
                if let Some(conn) = self.conns.get_mut(id) {
                    conn.held = false;
                    conn.readable = true;
                }
                self.make_ready(id, lent);
            }
        }
        for id in std::mem::take(&mut self.woken) {
            self.make_ready(id, lent);
        }
    }

    /// Gives the core an input and carries out what it answers.
    fn handle(&mut self, now: Now, input: Input<'_>) {
        self.broker.handle(now, input);
        self.drain(now);
    }

    fn drain(&mut self, now: Now) {
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Send { conn: id, packet, lane, gate } => {
                    let committed = self.committed;
                    if let Some(conn) = self.conns.get_mut(id) {
                        self.traffic.waiting += Waiting { packets: 1, bytes: packet.len() as u64 };
                        conn.lines.push(packet, lane, gate, committed);
                        if conn.lines.is_gated() && !conn.in_gated {
                            conn.in_gated = true;
                            self.gated.push(id);
                        }
                        self.make_dirty(id);
                    }
                }
                Output::Close { conn, why } => self.finish(now, conn, why),
                Output::Forward { to, forward } => self.exchange.push(to, forward),
                // The store in memory: what is said to it is as durable as it will ever be.
                Output::Append { commit, record: _ } => self.commit(now, commit),
                // The window is the queue here: there is nothing behind it.
                Output::Fetch { client, messages_max: _ } => {
                    self.broker.handle(now, Input::Fetched { client, messages: Vec::new() });
                }
                Output::Control(request) => self.answer_control(now, &request),
                Output::Errand { conn, errand } => self.run_errand(conn, errand),
                Output::Event(event) => self.report(event),
            }
        }
    }

    /// Answers a client that asked the broker itself (`$CONTROL/…`).
    fn answer_control(&mut self, now: Now, request: &ControlRequest) {
        let answer = self.endpoint.answer(request, &self.log);
        let answer = ControlAnswer {
            conn: request.conn,
            topic: &answer.topic,
            payload: &answer.payload,
            unasked: answer.unasked,
        };
        self.broker.handle(now, Input::ControlAnswer(answer));
    }

    fn commit(&mut self, now: Now, upto: Commit) {
        self.committed = upto;
        self.broker.handle(now, Input::Committed { upto });
        for id in std::mem::take(&mut self.gated) {
            let Some(conn) = self.conns.get_mut(id) else { continue };
            conn.lines.commit(upto);
            conn.in_gated = conn.lines.is_gated();
            if conn.in_gated {
                self.gated.push(id);
            }
            self.make_dirty(id);
        }
    }

    fn make_dirty(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(id)
            && !conn.in_dirty
        {
            conn.in_dirty = true;
            self.dirty.push(id);
        }
    }

    fn make_ready(&mut self, id: ConnId, lent: &mut Lent) {
        if let Some(conn) = self.conns.get_mut(id)
            && !conn.in_ready
        {
            conn.in_ready = true;
            lent.ready.push_back(Ready { shard: self.id, conn: id });
        }
    }

    /// An event of the poll for one of its slots.
    pub(crate) fn on_event(&mut self, slot: usize, event: &mio::event::Event, lent: &mut Lent) {
        let Some(conn) = self.conns.in_slot(slot) else { return };
        let id = conn.id;
        conn.read_closed |= event.is_read_closed() || event.is_error();
        conn.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        conn.writable |= event.is_writable() || event.is_write_closed();
        if conn.must_read_first() {
            conn.hearing = Hearing::Waits;
        }
        let (readable, writable) = (conn.readable && conn.is_heard(), conn.writable);
        let wants_write =
            !conn.batch.is_empty() || conn.lines.has_ready() || matches!(conn.state, State::Finishing(_));
        if readable {
            self.make_ready(id, lent);
        }
        if writable && wants_write {
            self.make_dirty(id);
        }
    }
}
