//! What the fuzz target `broker_stream` runs: bytes of several clients, decoded and given to two shards with tiny
//! limits. A plain function, which a test on stable also runs over the corpus.
//!
//! It panics where an invariant is broken, and only then: what is sent decodes, nothing is sent after Close, bounds
//! hold after every input, and nobody is connected after Shutdown.
//!
//! The input is a script of steps. Its first byte says what and to whom (bits 0–1 one of four lines, bits 2–4 the
//! `Step`), its second byte is the argument; with `Step::Bytes` so many bytes follow that arrive on the line.

mod tables;

use crate::{
    Assigned, Broker, ClientId, ConnId, Exchange, Input, Limits, ListenerRules, Lost, Mailbox, Marks, Millis,
    Mono, Now, Outgoing, Output, Owner, Peer, Policy, Principal, Role, SessionFacts, SessionOwner, ShardId,
    Wall,
};
use sealmq_mqtt::{Connect, Decoded, DecodedConnect, Version, decode, decode_connect};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tables::{Shared, Verdict};

const SHARDS: usize = 2;
const LINES: usize = 4;
/// Where a client that gives no id gets one; the door's matter in the real broker.
const ASSIGNED: &str = "assigned-";

/// The bounds under which everything overflows soon.
fn tiny() -> Limits {
    Limits {
        inflight_max: 2,
        inflight_bytes_max: Some(96),
        queued_max: 3,
        queued_bytes_max: Some(96),
        queue_window: 2,
        outgoing_bytes_max: 128,
        incoming_qos2_max: 2,
        incoming_qos2_bytes_max: 64,
        subscriptions_max: 3,
        subscription_bytes_max: 32,
        retained_given_max: 2,
        sessions_max: 3,
        heap_bytes_max: None,
        payload_bytes_max: Some(48),
        shared_members_max: 2,
        retained_max: 2,
        retained_bytes_max: 64,
    }
}

/// Runs a script.
pub fn stream(script: &[u8]) {
    let mut world = World::new();
    let mut rest = script;
    while let [what, argument, after @ ..] = rest {
        rest = after;
        let line = usize::from(what & 3);
        let step = Step::of(what >> 2, *argument, &mut rest);
        world.step(line, step);
        world.check_bounds();
    }
    for shard in 0..SHARDS {
        world.input(shard, Input::Shutdown);
        assert_eq!(world.brokers[shard].counters().clients_connected, 0);
    }
}

/// One step of a script.
enum Step<'a> {
    /// Bytes arrive.
    Bytes(&'a [u8]),
    /// The connection is lost.
    Lost,
    /// So many seconds pass.
    Pass(u64),
    /// What was given to the line has been written.
    Written,
    /// A turn of the worker; the trust may have moved before it.
    Turn(Trust),
}

#[derive(Clone, Copy)]
enum Trust {
    AsBefore,
    Moved,
    MovedAgainstLine,
}

impl<'a> Step<'a> {
    fn of(what: u8, argument: u8, rest: &mut &'a [u8]) -> Step<'a> {
        match what & 7 {
            0..=3 => {
                let (bytes, after) = rest.split_at(usize::from(argument).min(rest.len()));
                *rest = after;
                Step::Bytes(bytes)
            }
            4 => Step::Lost,
            5 => Step::Pass(u64::from(argument)),
            6 => Step::Written,
            _ => Step::Turn(match argument % 3 {
                0 => Trust::AsBefore,
                1 => Trust::Moved,
                _ => Trust::MovedAgainstLine,
            }),
        }
    }
}

/// One client's end.
#[derive(Default)]
struct Line {
    unread: Vec<u8>,
    adopted: Option<Adopted>,
}

struct Adopted {
    conn: ConnId,
    shard: usize,
    version: Version,
    unwritten: usize,
    admission: Arc<Verdict>,
}

struct World {
    now: Now,
    tables: Arc<Shared>,
    brokers: Vec<Broker>,
    exchanges: Vec<Exchange>,
    mailboxes: Vec<Mailbox>,
    lines: [Line; LINES],
    conns: u64,
    /// Every client id so far.
    known: BTreeSet<String>,
}

impl World {
    fn new() -> World {
        let (limits, marks) = (tiny(), Marks::new(1, 0).expect("0 is below 1"));
        let tables = Arc::new(Shared::new(&limits));
        let policy = Arc::new(Policy { session_owner: SessionOwner::Bound, ..Policy::default() });
        let ids = || (0..SHARDS).filter_map(ShardId::new);
        World {
            now: Now { mono: Mono(1_000), wall: Wall(1_700_000_000_000) },
            brokers: ids()
                .map(|id| Broker::new(id, limits.clone(), Shared::tables(&tables), policy.clone()))
                .collect(),
            exchanges: ids().map(|id| Exchange::new(id, SHARDS, marks)).collect(),
            mailboxes: ids().map(|_| Mailbox::new(marks)).collect(),
            tables,
            lines: Default::default(),
            conns: 0,
            known: BTreeSet::new(),
        }
    }

    fn step(&mut self, line: usize, step: Step<'_>) {
        match step {
            Step::Bytes(bytes) => {
                self.lines[line].unread.extend_from_slice(bytes);
                while self.read(line) {}
            }
            Step::Lost => {
                if let Some(adopted) = &self.lines[line].adopted {
                    let (conn, shard) = (adopted.conn, adopted.shard);
                    self.input(shard, Input::Lost { conn, cause: Lost::Closed });
                }
                self.lines[line] = Line::default();
            }
            Step::Pass(secs) => self.pass(secs),
            Step::Written => {
                if let Some(adopted) =
                    self.lines[line].adopted.as_mut().filter(|adopted| adopted.unwritten > 0)
                {
                    let (conn, shard) = (adopted.conn, adopted.shard);
                    let bytes = std::mem::take(&mut adopted.unwritten);
                    self.input(shard, Input::Written { conn, bytes });
                }
            }
            Step::Turn(trust) => self.turn(line, trust),
        }
    }

    fn turn(&mut self, line: usize, trust: Trust) {
        if let (Trust::MovedAgainstLine, Some(adopted)) = (trust, &self.lines[line].adopted) {
            adopted.admission.end();
        }
        match trust {
            Trust::AsBefore => {}
            Trust::Moved | Trust::MovedAgainstLine => {
                self.tables.trust.fetch_add(1, Ordering::Relaxed);
            }
        }
        for shard in 0..SHARDS {
            self.input(shard, Input::Turn);
        }
    }

    /// Takes one packet off the front of a line; false: there is no whole one.
    fn read(&mut self, line: usize) -> bool {
        let unread = std::mem::take(&mut self.lines[line].unread);
        let taken = match &self.lines[line].adopted {
            None => self.connect(line, &unread),
            Some(adopted) => {
                let (conn, shard, version) = (adopted.conn, adopted.shard, adopted.version);
                self.packet(conn, shard, version, &unread)
            }
        };
        match taken {
            Some(taken) => {
                // Whoever was closed meanwhile has got a fresh line; what was behind belongs to nobody.
                if self.lines[line].adopted.is_some() {
                    self.lines[line].unread = unread[taken..].to_vec();
                }
                taken > 0 && self.lines[line].adopted.is_some()
            }
            None => false,
        }
    }

    /// How many bytes are done with; `None`: the bytes are no packet, and the line starts anew.
    fn packet(&mut self, conn: ConnId, shard: usize, version: Version, unread: &[u8]) -> Option<usize> {
        match decode(unread, version, &rules().decoder_limits()) {
            Ok(Decoded::Incomplete { .. }) => Some(0),
            Ok(Decoded::Packet { packet, len }) => {
                self.input(shard, Input::Received { conn, packet });
                Some(len)
            }
            Err(error) => {
                self.input(shard, Input::Malformed { conn, error });
                assert!(self.line_of(conn).is_none(), "who sends no packet is let go");
                None
            }
        }
    }

    fn connect(&mut self, line: usize, unread: &[u8]) -> Option<usize> {
        match decode_connect(unread, &rules().decoder_limits()) {
            Ok(DecodedConnect::Incomplete { .. }) => {
                self.lines[line].unread = unread.to_vec();
                None
            }
            Ok(DecodedConnect::Connect { connect, len }) => {
                self.adopt(line, &connect)?;
                Some(len)
            }
            Err(_) => None,
        }
    }

    fn adopt(&mut self, line: usize, connect: &Connect<'_>) -> Option<()> {
        self.conns += 1;
        let conn = ConnId(self.conns);
        let (client_id, assigned) = match ClientId::parse(connect.client_id) {
            Some(given) => (given, Assigned::ByClient),
            None => (ClientId::parse(&format!("{ASSIGNED}{}", self.conns))?, Assigned::ByServer),
        };
        self.known.insert(client_id.as_str().to_owned());
        let shard = ShardId::of_client(client_id.as_str(), SHARDS).index();
        let generation = self.tables.trust.load(Ordering::Relaxed);
        let admission = Arc::new(Verdict::good(Arc::clone(&self.tables)));
        let principal = Principal {
            username: connect.username.map(Arc::from),
            role: Role::Ordinary,
            owner: Owner::new(connect.username.unwrap_or_default().as_bytes()),
            admitted_by: Arc::clone(&admission) as _,
            generation,
            ends_at: None,
            topics: None,
        };
        let adopted = Adopted { conn, shard, version: connect.version, unwritten: 0, admission };
        self.lines[line].adopted = Some(adopted);
        let peer = Peer { client_id, assigned, principal, rules: Arc::new(rules()), authentication: None };
        self.input(shard, Input::Connected { conn, connect, peer });
        Some(())
    }

    fn pass(&mut self, secs: u64) {
        let end =
            Now { mono: self.now.mono + Millis::from_secs(secs), wall: Wall(self.now.wall.0 + secs * 1000) };
        for shard in 0..SHARDS {
            // Each of a bounded number of timers leaves or moves on by at least a millisecond.
            while let Some(at) = self.brokers[shard].poll_timeout().filter(|at| *at <= end.mono) {
                let step = at.since(self.now.mono).0;
                self.now = Now { mono: self.now.mono + Millis(step), wall: Wall(self.now.wall.0 + step) };
                self.brokers[shard].handle_timeout(self.now);
                self.drain(shard);
            }
        }
        self.now = end;
        self.exchange();
    }

    fn input(&mut self, shard: usize, input: Input<'_>) {
        self.brokers[shard].handle(self.now, input);
        self.drain(shard);
        self.exchange();
    }

    fn drain(&mut self, shard: usize) {
        while let Some(output) = self.brokers[shard].poll_output() {
            match output {
                Output::Send { conn, packet, .. } => self.send(conn, &packet),
                Output::Close { conn, .. } => {
                    if let Some(line) = self.line_of(conn) {
                        self.lines[line] = Line::default();
                    }
                }
                Output::Forward { to, forward } => self.exchanges[shard].push(to, forward),
                Output::Append { commit, record: _ } => {
                    self.brokers[shard].handle(self.now, Input::Committed { upto: commit });
                }
                Output::Errand { .. } => panic!("nobody here has an authentication method"),
                Output::Fetch { client, messages_max: _ } => {
                    let messages = Vec::new();
                    self.brokers[shard].handle(self.now, Input::Fetched { client, messages });
                }
                Output::Control(_) | Output::Event(_) => {}
            }
        }
    }

    /// What goes to a client is one whole packet of its version, and nothing goes to one that was closed.
    fn send(&mut self, conn: ConnId, packet: &Outgoing) {
        let line = self.line_of(conn).expect("nothing is sent after Close");
        let Some(adopted) = self.lines[line].adopted.as_mut() else { return };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        assert_eq!(bytes.len(), packet.len());
        adopted.unwritten += bytes.len();
        match decode(&bytes, adopted.version, &sealmq_mqtt::Limits::of_client()) {
            Ok(Decoded::Packet { len, .. }) => assert_eq!(len, bytes.len()),
            other => panic!("{other:?} of {bytes:?}"),
        }
    }

    fn line_of(&self, conn: ConnId) -> Option<usize> {
        let is_it = |line: &Line| line.adopted.as_ref().is_some_and(|adopted| adopted.conn == conn);
        self.lines.iter().position(is_it)
    }

    fn exchange(&mut self) {
        loop {
            let mut moved = 0;
            for from in 0..SHARDS {
                let peers: Vec<ShardId> = self.exchanges[from].peers_waiting().collect();
                for to in peers {
                    moved += self.exchanges[from].drain_into(to, &mut self.mailboxes[to.index()]);
                }
            }
            for shard in 0..SHARDS {
                while let Some(letter) = self.mailboxes[shard].take() {
                    let input = Input::Forwarded { from: letter.from, forward: letter.forward };
                    self.brokers[shard].handle(self.now, input);
                    self.drain(shard);
                }
            }
            if moved == 0 {
                return;
            }
        }
    }

    fn check_bounds(&self) {
        let limits = tiny();
        let sessions: u64 = self.brokers.iter().map(|broker| broker.counters().sessions).sum();
        assert!(sessions <= limits.sessions_max as u64);
        for broker in &self.brokers {
            for facts in self.known.iter().filter_map(|id| broker.session_facts(id)) {
                check_session(&facts, &limits);
            }
        }
        self.tables.check_bounds(&limits);
    }
}

fn check_session(facts: &SessionFacts, limits: &Limits) {
    assert!(facts.in_flight <= usize::from(limits.inflight_max), "{facts:?}");
    assert!(facts.queued <= limits.queued_max + usize::from(limits.inflight_max), "{facts:?}");
    assert!(facts.incoming <= limits.incoming_qos2_max, "{facts:?}");
    assert!(facts.subscriptions <= limits.subscriptions_max, "{facts:?}");
}

fn rules() -> ListenerRules {
    ListenerRules {
        topic_alias_max: 2,
        topic_alias_broker_max: 2,
        packet_bytes_max: 300,
        ..ListenerRules::default()
    }
}
