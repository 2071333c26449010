//! One or more shards, tables for a test, and clients that speak through the codec.

mod dialing;
mod tables;
mod talking;
mod wire;

pub(crate) use dialing::{Dial, dial};
pub(crate) use tables::{EndsAt, TestAdmission, TestTables, Verdict};
pub(crate) use talking::{Pub, id};
pub(crate) use wire::{Got, Msg, What};

use sealmq_broker::{
    Broker, ClientId, Commit, ConnId, Ending, Errand, Event, Exchange, Input, Limits, Mailbox, Marks, Millis,
    Mono, Now, Output, Policy, Record, ShardId, Wall,
};
use sealmq_mqtt::Version;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use wire::read;

/// What a connection has been sent and not looked at.
#[derive(Default)]
struct Line {
    version: Option<Version>,
    got: VecDeque<Got>,
    closed: Option<Ending>,
}

/// Shards that share their tables, with an exchange between them.
pub(crate) struct Net {
    pub(crate) now: Now,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) tables: Arc<TestTables>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) events: Vec<Event>,
    /// What clients asked the broker itself.
    pub(crate) requests: Vec<sealmq_broker::ControlRequest>,
    pub(crate) records: Vec<(Commit, Record)>,
    pub(crate) fetches: Vec<(ClientId, usize)>,
    pub(crate) errands: Vec<(ConnId, Errand)>,
    /// Whether written bytes are reported at once.
    pub(crate) writes: bool,
    /// Whether forwards stay in their outboxes.
    pub(crate) hold_exchange: bool,
    lines: BTreeMap<ConnId, Line>,
    next_conn: u64,
}

/// A client's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) conn: ConnId,
    pub(crate) shard: usize,
    pub(crate) version: Version,
}

impl Net {
    pub(crate) fn new() -> Net {
        Net::with(Limits::default(), Policy::default(), 1)
    }

    pub(crate) fn with_limits(change: impl FnOnce(&mut Limits)) -> Net {
        let mut limits = Limits::default();
        change(&mut limits);
        Net::with(limits, Policy::default(), 1)
    }

    pub(crate) fn with_policy(change: impl FnOnce(&mut Policy)) -> Net {
        let mut policy = Policy::default();
        change(&mut policy);
        Net::with(Limits::default(), policy, 1)
    }

    pub(crate) fn with(limits: Limits, policy: Policy, shards: usize) -> Net {
        Net::with_marks(limits, policy, shards, Marks::default())
    }

    pub(crate) fn with_marks(limits: Limits, policy: Policy, shards: usize, marks: Marks) -> Net {
        let tables = TestTables::new(&limits);
        let policy = Arc::new(policy);
        let ids = || (0..shards).map(|number| ShardId::new(number).unwrap());
        Net {
            now: Now { mono: Mono(1_000), wall: Wall(1_700_000_000_000) },
            brokers: ids()
                .map(|id| Broker::new(id, limits.clone(), tables.tables(), policy.clone()))
                .collect(),
            exchanges: ids().map(|id| Exchange::new(id, shards, marks)).collect(),
            mailboxes: ids().map(|_| Mailbox::new(marks)).collect(),
            tables,
            events: Vec::new(),
            requests: Vec::new(),
            records: Vec::new(),
            fetches: Vec::new(),
            errands: Vec::new(),
            writes: true,
            hold_exchange: false,
            lines: BTreeMap::new(),
            next_conn: 1,
        }
    }

    /// One input to one shard; what it puts out is carried on, between shards too.
    pub(crate) fn input(&mut self, shard: usize, input: Input<'_>) {
        self.brokers[shard].handle(self.now, input);
        self.drain(shard);
        self.exchange();
    }

    /// Lets time pass on both clocks and handles each timer at its moment.
    pub(crate) fn pass(&mut self, secs: u64) {
        let end =
            Now { mono: self.now.mono + Millis::from_secs(secs), wall: Wall(self.now.wall.0 + secs * 1000) };
        for shard in 0..self.brokers.len() {
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

    pub(crate) fn turn(&mut self) {
        for shard in 0..self.brokers.len() {
            self.input(shard, Input::Turn);
        }
    }

    /// The next packet a client was sent.
    #[track_caller]
    pub(crate) fn take(&mut self, client: Client) -> What {
        self.take_got(client).what
    }

    #[track_caller]
    pub(crate) fn take_got(&mut self, client: Client) -> Got {
        let line = self.lines.get_mut(&client.conn).unwrap();
        line.got.pop_front().unwrap_or_else(|| panic!("nothing was sent; closed: {:?}", line.closed))
    }

    /// The next packet, which has to be a PUBLISH.
    #[track_caller]
    pub(crate) fn msg(&mut self, client: Client) -> Msg {
        match self.take(client) {
            What::Publish(msg) => msg,
            other => panic!("no PUBLISH but {other:?}"),
        }
    }

    /// Everything a client was sent and has not looked at.
    pub(crate) fn all(&mut self, client: Client) -> Vec<What> {
        self.lines.get_mut(&client.conn).unwrap().got.drain(..).map(|got| got.what).collect()
    }

    /// The payloads of all PUBLISH that wait, as text.
    pub(crate) fn payloads(&mut self, client: Client) -> Vec<String> {
        let texts = self.all(client).into_iter().filter_map(|what| match what {
            What::Publish(msg) => Some(String::from_utf8(msg.payload).unwrap()),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) fn is_quiet(&self, client: Client) -> bool {
        self.lines[&client.conn].got.is_empty()
    }

    pub(crate) fn ending(&self, client: Client) -> Option<&Ending> {
        self.lines[&client.conn].closed.as_ref()
    }

    /// Carries the outputs of a shard to where they belong.
    pub(crate) fn drain(&mut self, shard: usize) {
        while let Some(output) = self.brokers[shard].poll_output() {
            match output {
                Output::Send { conn, packet, lane, gate } => {
                    let mut bytes = Vec::new();
                    packet.write(&mut bytes);
                    assert_eq!(bytes.len(), packet.len());
                    let line = self.lines.get_mut(&conn).unwrap();
                    assert!(line.closed.is_none(), "sent after Close");
                    let what = read(&bytes, line.version.unwrap());
                    line.got.push_back(Got { bytes, lane, gate, what });
                    if self.writes {
                        self.brokers[shard].handle(self.now, Input::Written { conn, bytes: packet.len() });
                    }
                }
                Output::Close { conn, why } => self.lines.get_mut(&conn).unwrap().closed = Some(why),
                Output::Forward { to, forward } => self.exchanges[shard].push(to, forward),
                Output::Append { commit, record } => self.records.push((commit, record)),
                Output::Fetch { client, messages_max } => self.fetches.push((client, messages_max)),
                Output::Control(request) => self.requests.push(request),
                Output::Errand { conn, errand } => self.errands.push((conn, errand)),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Moves forwards between shards until nothing moves.
    fn exchange(&mut self) {
        while !self.hold_exchange {
            let mut moved = 0;
            for from in 0..self.exchanges.len() {
                let peers: Vec<ShardId> = self.exchanges[from].peers_waiting().collect();
                for to in peers {
                    moved += self.exchanges[from].drain_into(to, &mut self.mailboxes[to.index()]);
                }
            }
            for shard in 0..self.mailboxes.len() {
                while let Some(letter) = self.mailboxes[shard].take() {
                    let forward = letter.forward;
                    self.brokers[shard].handle(self.now, Input::Forwarded { from: letter.from, forward });
                    self.drain(shard);
                }
            }
            if moved == 0 {
                return;
            }
        }
    }
}
