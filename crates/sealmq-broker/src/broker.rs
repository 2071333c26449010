//! One shard's broker: its state, its inputs, its outputs.

use crate::{
    Commit, ConnId, Counters, Durability, Ending, Event, Input, Lane, Limits, Lost, Millis, Mono, Now,
    Outgoing, Output, Pick, Policy, Record, ShardId, Tables,
    route::Route,
    session::{Backlog, Connection, FullSaid, Session},
    sessions::{SessionIndex, Sessions},
    subscriber::Subscriber,
    timers::Timers,
    trie::FilterTrie,
};
use bytes::Bytes;
use sealmq_mqtt::Answer;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The state machine of one shard.
///
/// Drive it with [`Broker::handle`] and [`Broker::handle_timeout`]; after each, take [`Broker::poll_output`] until it
/// gives `None`, then ask [`Broker::poll_timeout`].
#[derive(Debug)]
pub struct Broker {
    pub(crate) shard: ShardId,
    pub(crate) limits: Limits,
    pub(crate) tables: Tables,
    pub(crate) policy: Arc<Policy>,
    pub(crate) sessions: Sessions,
    /// The ordinary subscriptions of this shard.
    pub(crate) subscribers: FilterTrie<Vec<Subscriber>>,
    pub(crate) timers: Timers,
    /// The sequence of the last message accepted here.
    pub(crate) sequence: u64,
    /// The last sequence taken from each origin.
    pub(crate) taken: BTreeMap<ShardId, u64>,
    pub(crate) commit: Commit,
    /// Acknowledgements of QoS 1 publishes that wait for a commit, in order.
    pub(crate) acks_gated: VecDeque<(Commit, ConnId)>,
    pub(crate) generation: u64,
    pub(crate) stage: Stage,
    pub(crate) counters: Counters,
    pub(crate) backlog: Backlog,
    pub(crate) route: Route,
    pub(crate) picks: Vec<Pick>,
    /// When the retained messages are looked through for some that have ended.
    pub(crate) sweep_at: Option<Mono>,
    /// Whether `memory_limit` being reached has been said.
    memory_said: FullSaid,
    outputs: VecDeque<Output>,
}

/// Between two looks for retained messages that have ended; who reads in between is given none of them.
const SWEEP_PAUSE: Millis = Millis::from_secs(1);

/// What one session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its connection; `None`: the client is away.
    pub conn: Option<ConnId>,
    /// Subscriptions, shared ones included.
    pub subscriptions: usize,
    /// Outgoing QoS 1 and 2 messages in flight.
    pub in_flight: usize,
    /// Messages that wait, in memory and in the store.
    pub queued: usize,
    /// Incoming QoS 2 messages that wait for PUBREL.
    pub incoming: usize,
    /// Bytes given to the connection and not yet written.
    pub unwritten: usize,
}

/// Whether the process is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Serving,
    ShuttingDown,
}

impl Broker {
    /// An empty broker for `shard`.
    pub fn new(shard: ShardId, limits: Limits, tables: Tables, policy: Arc<Policy>) -> Broker {
        let generation = tables.trust.current();
        tables.retained.set_life(policy.retain_expiry);
        let heap = tables.heap.clone();
        Broker {
            shard,
            limits,
            tables,
            policy,
            sessions: Sessions::default(),
            subscribers: FilterTrie::new(),
            timers: Timers::default(),
            sequence: 0,
            taken: BTreeMap::new(),
            commit: Commit(0),
            acks_gated: VecDeque::new(),
            generation,
            stage: Stage::Serving,
            counters: Counters::default(),
            backlog: Backlog::new(heap),
            route: Route::default(),
            picks: Vec::new(),
            sweep_at: None,
            memory_said: FullSaid::No,
            outputs: VecDeque::new(),
        }
    }

    /// Handles one input. Inputs of a connection that has been closed are ignored: the shell may still have had them.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        match input {
            Input::Connected { conn, connect, peer } => self.connected(now, conn, connect, peer),
            Input::Received { conn, packet } => {
                if let Some(index) = self.sessions.of_conn(conn) {
                    self.received(now, index, packet);
                }
            }
            Input::Malformed { conn, error } => {
                if let Some(index) = self.sessions.of_conn(conn) {
                    match error.answer() {
                        Answer::Disconnect(reason) => {
                            self.disconnect(now, index, reason, Ending::Malformed(error));
                        }
                        // The others answer a CONNECT, and a second one is answered with nothing.
                        Answer::Close | Answer::ReturnCode(_) | Answer::ConnAck(_) => {
                            self.end_connection(now, index, Ending::Malformed(error));
                        }
                    }
                }
            }
            Input::Lost { conn, cause } => self.lost(now, conn, cause),
            Input::Written { conn, bytes } => self.written(conn, bytes),
            Input::Held { conn } => {
                if let Some(connection) = self.connection_mut(conn) {
                    connection.last_received = now.mono;
                }
            }
            Input::Forwarded { from, forward } => self.forwarded(now, from, forward),
            Input::Local(publish) => self.publish_local(now, publish),
            Input::ControlAnswer(answer) => self.control_answer(now, answer),
            Input::Committed { upto } => self.committed(upto),
            Input::Fetched { client, messages } => self.fetched(now, &client, messages),
            Input::ErrandDone { conn, outcome } => self.errand_done(now, conn, outcome),
            Input::Turn => self.turn(now),
            Input::Policy(policy) => self.new_policy(now, policy),
            Input::Limits(limits) => self.limits = limits,
            Input::Forget(owners) => self.forget(now, owners),
            Input::Shutdown => self.shutdown(now),
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Broker::handle_timeout`] is due; `None`: nothing waits.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.timers.next().into_iter().chain(self.sweep_at).min()
    }

    /// Handles every timer that is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((index, kind)) = self.timers.due(now.mono) {
            self.timer(now, index, kind);
        }
        if self.sweep_at.is_some_and(|at| at <= now.mono) {
            self.sweep_retained(now);
        }
    }

    /// Which shard this is.
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// The trust generation at which every session here has been judged.
    pub const fn trust_generation(&self) -> u64 {
        self.generation
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        Counters {
            clients_connected: self.sessions.connections() as u64,
            sessions: self.sessions.len() as u64,
            messages_held: self.backlog.messages(),
            held_bytes: self.backlog.payload_bytes(),
            ..self.counters
        }
    }

    /// How many timers are armed: at most five per session.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// Whether `memory_limit` is reached: a shell keeps no more for a client than it must.
    pub fn is_out_of_memory(&self) -> bool {
        self.limits.heap_bytes_max.is_some_and(|max| self.tables.heap.held() >= max)
    }

    /// The connection that a client of this id has now.
    pub fn connection_of(&self, client: &str) -> Option<ConnId> {
        let session = self.session(self.sessions.of_client(client)?);
        session.connection().map(|connection| connection.conn)
    }

    /// What one session holds now, for `$SYS`, the control socket and tests of bounds.
    pub fn session_facts(&self, client: &str) -> Option<SessionFacts> {
        let session = self.session(self.sessions.of_client(client)?);
        Some(SessionFacts {
            conn: session.connection().map(|connection| connection.conn),
            subscriptions: session.subscriptions.len(),
            in_flight: session.outgoing.in_flight(),
            queued: session.outgoing.queued(),
            incoming: session.incoming.len(),
            unwritten: session.connection().map_or(0, |connection| connection.unwritten),
        })
    }

    pub(crate) fn session(&self, index: SessionIndex) -> &Session {
        self.sessions.at(index)
    }

    pub(crate) fn session_mut(&mut self, index: SessionIndex) -> &mut Session {
        self.sessions.at_mut(index)
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Sends to a session's connection; nothing where it has none.
    pub(crate) fn send(&mut self, index: SessionIndex, packet: Outgoing, lane: Lane, gate: Option<Commit>) {
        let length = packet.len();
        if let Some(connection) = self.session_mut(index).connection_mut() {
            connection.unwritten += length;
            let conn = connection.conn;
            self.counters.packets_sent += 1;
            self.outputs.push_back(Output::Send { conn, packet, lane, gate });
        }
    }

    /// Sends an encoded packet in the flow lane, ungated.
    pub(crate) fn send_flow(&mut self, index: SessionIndex, packet: Bytes) {
        self.send(index, Outgoing::Packet(packet), Lane::Flow, None);
    }

    /// Writes a record down, where that is wanted, and gives its number as a gate.
    pub(crate) fn append(&mut self, record: impl FnOnce() -> Record) -> Option<Commit> {
        match self.policy.durability {
            Durability::None => None,
            Durability::Gated => {
                self.commit.0 += 1;
                let commit = self.commit;
                self.outputs.push_back(Output::Append { commit, record: record() });
                Some(commit)
            }
        }
    }

    /// The same for a change of one session, which is written down only if it outlives its connection.
    pub(crate) fn append_session(
        &mut self,
        index: SessionIndex,
        record: impl FnOnce(&Session) -> Record,
    ) -> Option<Commit> {
        if self.policy.durability == Durability::None || !self.session(index).is_persistent() {
            return None;
        }
        let record = record(self.session(index));
        self.append(|| record)
    }

    /// Whether `bytes` more of a client may be held. Says so once when they may not, until a sixteenth is free again.
    pub(crate) fn has_memory_for(&mut self, bytes: usize) -> bool {
        let Some(max) = self.limits.heap_bytes_max else { return true };
        let held = self.tables.heap.held();
        if held <= max - max / 16 {
            self.memory_said = FullSaid::No;
        }
        let room = held.saturating_add(bytes) <= max;
        if !room && self.memory_said == FullSaid::No {
            self.memory_said = FullSaid::Yes;
            self.event(Event::MemoryFull { held, max });
        }
        room
    }

    fn lost(&mut self, now: Now, conn: ConnId, cause: Lost) {
        if let Some(index) = self.sessions.of_conn(conn) {
            self.end_connection(now, index, Ending::Lost(cause));
        }
    }

    fn new_policy(&mut self, now: Now, policy: Arc<Policy>) {
        let life = policy.retain_expiry;
        if life != self.policy.retain_expiry {
            self.tables.retained.set_life(life);
            self.sweep_retained(now);
        }
        self.replace_policy(policy);
    }

    /// Forgets the retained messages that have ended, at most once in [`SWEEP_PAUSE`].
    fn sweep_retained(&mut self, now: Now) {
        let next = self.tables.retained.sweep(now.mono);
        self.sweep_at = next.map(|next| next.max(now.mono + SWEEP_PAUSE));
    }

    fn written(&mut self, conn: ConnId, bytes: usize) {
        if let Some(connection) = self.connection_mut(conn) {
            connection.unwritten = connection.unwritten.saturating_sub(bytes);
        }
    }

    fn committed(&mut self, upto: Commit) {
        while self.acks_gated.front().is_some_and(|(commit, _)| *commit <= upto) {
            let conn = self.acks_gated.pop_front().map(|(_, conn)| conn);
            if let Some(connection) = conn.and_then(|conn| self.connection_mut(conn)) {
                connection.receiving = connection.receiving.saturating_sub(1);
            }
        }
    }

    fn connection_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let index = self.sessions.of_conn(conn)?;
        self.session_mut(index).connection_mut()
    }
}
