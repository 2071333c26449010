//! The simulated process: shards, mailboxes, clients, the door, and a seed that decides what happens next.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealmq_broker::{
    Assigned, Broker, ClientId, ConnId, Durability, Exchange, Limits, ListenerRules, Mailbox, Marks, Millis,
    Mono, Now, Owner, Peer, Policy, Principal, Role, SessionOwner, ShardId, Tables, TrustGeneration as _,
    Wall,
};
use sealmq_mqtt::{QoS, Version};

use crate::checks;
use crate::client::{Client, Connected, Keeps};
use crate::history::History;
use crate::random::Random;
use crate::shard::{Handover, LinkState, Shard};
use crate::tables::{Judgment, Trust, tables};

/// What one kind of run looks like.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) shards: usize,
    /// Letters a mailbox holds.
    pub(crate) mailbox: usize,
    pub(crate) durability: Durability,
    pub(crate) queue_window: usize,
    /// How many of a hundred turns see a revocation in their middle.
    pub(crate) revoke_percent: usize,
    pub(crate) clients: usize,
    pub(crate) steps: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            name: "",
            shards: 1,
            mailbox: 8,
            durability: Durability::None,
            queue_window: 100,
            revoke_percent: 0,
            clients: 10,
            steps: 1500,
        }
    }
}

/// What a run amounts to; equal for equal seeds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    published: usize,
    received: Vec<usize>,
    steps: u64,
}

pub(crate) const TOPICS: &[&str] = &["a/x", "a/y", "b/x", "b"];
const FILTERS: &[&str] = &["a/+", "a/x", "#", "b/#", "b", "+/x"];
pub(crate) const GROUPS: &[&str] = &["$share/g/a/+", "$share/h/#"];
const QOS: &[QoS] = &[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

pub(crate) struct World {
    random: Random,
    now: Now,
    pub(crate) shards: Vec<Shard>,
    mailboxes: Vec<Mailbox>,
    mailbox_bound: usize,
    pub(crate) clients: Vec<Client>,
    /// The connection that each client believes in.
    links: BTreeMap<usize, (usize, ConnId)>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) tables: Tables,
    pub(crate) history: History,
    revoke_percent: usize,
    next_conn: u64,
}

/// Runs one seed to its end and checks everything.
pub(crate) fn run(shape: &Shape, seed: u64) -> Summary {
    let mut world = World::new(shape, seed);
    for _ in 0..shape.steps {
        world.step();
    }
    world.come_to_rest();
    checks::history(&world);
    checks::late_subscriber_gets_what_is_retained(&mut world);
    checks::groups_take_strict_turns(&mut world);
    Summary {
        published: world.history.published.len(),
        received: world.clients.iter().map(|client| client.received.len()).collect(),
        steps: world.history.step,
    }
}

impl World {
    fn new(shape: &Shape, seed: u64) -> Self {
        let limits = Limits { queued_max: usize::MAX, queue_window: shape.queue_window, ..Limits::default() };
        let trust = Arc::new(Trust::default());
        let tables = tables(&limits, &trust);
        let policy = Arc::new(Policy {
            // What is counted here is copies per session.
            overlapping: sealmq_broker::Overlapping::Once,
            durability: shape.durability,
            session_owner: SessionOwner::Bound,
            ..Policy::default()
        });
        let marks = Marks::new(shape.mailbox, shape.mailbox / 2).expect("half is below");
        let shards = (0..shape.shards).map(|number| {
            let id = ShardId::new(number).expect("few shards");
            let broker = Broker::new(id, limits.clone(), tables.clone(), Arc::clone(&policy));
            Shard::new(broker, Exchange::new(id, shape.shards, marks), shape.queue_window, Arc::clone(&trust))
        });
        let mut world = Self {
            random: Random::new(seed),
            now: Now::default(),
            shards: shards.collect(),
            mailboxes: (0..shape.shards).map(|_| Mailbox::new(marks)).collect(),
            mailbox_bound: shape.mailbox,
            clients: Vec::new(),
            links: BTreeMap::new(),
            trust,
            tables,
            history: History::default(),
            revoke_percent: shape.revoke_percent,
            next_conn: 0,
        };
        for _ in 0..shape.clients {
            world.new_client();
        }
        world
    }

    fn new_client(&mut self) -> usize {
        let number = self.clients.len();
        let version = *self.random.pick(&[Version::V311, Version::V5]);
        let keeps = *self.random.pick(&[Keeps::Session, Keeps::Session, Keeps::Nothing]);
        let receive_max = *self.random.pick(&[1, 2, 5, 100]);
        self.clients.push(Client::new(number, version, keeps, receive_max));
        number
    }

    /// The group of a client that only ever uses a shared subscription.
    pub(crate) fn group_of(client: usize) -> Option<&'static str> {
        (client % 5 == 4).then(|| GROUPS[client / 5 % GROUPS.len()])
    }

    fn step(&mut self) {
        self.history.step += 1;
        self.pass(self.random.clone().below(20) as u64);
        let client = self.random.below(self.clients.len());
        match self.random.below(100) {
            0..=9 => self.connect(client),
            10..=29 => self.publish(client),
            30..=36 => self.subscribe(client),
            37..=38 => self.unsubscribe(client),
            39..=41 => self.drop_connection(client),
            42 => self.disconnect(client),
            43..=74 => {
                let shard = self.random.below(self.shards.len());
                self.turn(shard);
            }
            _ => self.deliver_some(),
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now.mono = self.now.mono + Millis(millis);
        self.now.wall = Wall(self.now.wall.0 + millis);
        let _: Mono = self.now.mono;
    }

    /// The door: judges, then hands over. What happens in between is the next steps' matter.
    pub(crate) fn connect(&mut self, number: usize) {
        if self.clients[number].connected != Connected::No || self.trust.is_revoked(number) {
            return;
        }
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        let client = &mut self.clients[number];
        let connect = client.connect();
        let shard = ShardId::of_client(&client.id, self.shards.len()).index();
        let principal = Principal {
            username: Some(Arc::from(client.id.as_str())),
            role: Role::Ordinary,
            owner: Owner::new(client.id.as_bytes()),
            admitted_by: Arc::new(Judgment { identity: number, trust: Arc::clone(&self.trust) }),
            generation: self.trust.current(),
            ends_at: None,
            topics: None,
        };
        let peer = Peer {
            client_id: ClientId::parse(&client.id).expect("a valid client id"),
            assigned: Assigned::ByClient,
            principal,
            rules: Arc::new(ListenerRules::default()),
            authentication: None,
        };
        let version = client.version;
        self.shards[shard].door.push_back(Handover {
            conn,
            client: number,
            connect,
            peer,
            identity: number,
            version,
        });
        self.links.insert(number, (shard, conn));
    }

    fn publish(&mut self, number: usize) {
        if self.clients[number].connected == Connected::No {
            return;
        }
        let (topic, qos) = (*self.random.pick(TOPICS), *self.random.pick(QOS));
        let retain = self.random.percent(20);
        self.publish_as(number, topic, qos, retain);
    }

    pub(crate) fn publish_as(&mut self, number: usize, topic: &'static str, qos: QoS, retain: bool) -> usize {
        let message = self.history.publish(number, topic, qos, retain);
        let packets = self.clients[number].publish(message, &mut self.history);
        self.send(number, packets);
        message
    }

    fn subscribe(&mut self, number: usize) {
        let (filter, qos) = (*self.random.pick(FILTERS), *self.random.pick(QOS));
        match Self::group_of(number) {
            Some(group) => self.subscribe_as(number, group, QoS::ExactlyOnce),
            None => self.subscribe_as(number, filter, qos),
        }
    }

    pub(crate) fn subscribe_as(&mut self, number: usize, filter: &'static str, qos: QoS) {
        if self.clients[number].connected != Connected::No {
            let packet = self.clients[number].subscribe(filter, qos);
            self.send(number, vec![packet]);
        }
    }

    fn unsubscribe(&mut self, number: usize) {
        if self.clients[number].connected == Connected::Yes && Self::group_of(number).is_none() {
            let filter = *self.random.pick(FILTERS);
            let packet = self.clients[number].unsubscribe(filter);
            self.send(number, vec![packet]);
        }
    }

    fn disconnect(&mut self, number: usize) {
        if self.clients[number].connected == Connected::Yes {
            let packet = self.clients[number].disconnect();
            self.send(number, vec![packet]);
            self.let_go(number, Unread::Kept);
        }
    }

    fn drop_connection(&mut self, number: usize) {
        if self.clients[number].connected != Connected::No {
            let unread = if self.random.percent(50) { Unread::Kept } else { Unread::Lost };
            self.let_go(number, unread);
        }
    }

    /// The client's side of the connection is gone; the shard notices later.
    fn let_go(&mut self, number: usize, unread: Unread) {
        self.clients[number].lost();
        let Some((shard, conn)) = self.links.remove(&number) else { return };
        let shard = &mut self.shards[shard];
        shard.door.retain(|handover| handover.conn != conn);
        shard.early.remove(&conn);
        let Some(link) = shard.links.get_mut(&conn) else { return };
        match link.state {
            LinkState::Open => {
                link.state = LinkState::Dropped;
                if unread == Unread::Lost {
                    link.up.clear();
                }
            }
            LinkState::Dropped => {}
            LinkState::Closing => drop(shard.links.remove(&conn)),
        }
    }

    fn send(&mut self, number: usize, packets: Vec<Vec<u8>>) {
        let Some(&(shard, conn)) = self.links.get(&number) else { return };
        let shard = &mut self.shards[shard];
        let waiting = shard.door.iter().any(|handover| handover.conn == conn);
        match shard.links.get_mut(&conn) {
            Some(link) => link.up.extend(packets),
            None if waiting => shard.early.entry(conn).or_default().extend(packets),
            None => {}
        }
    }

    /// A turn of one shard: judge first, then some of its work, in any order, while others go on revoking.
    fn turn(&mut self, shard: usize) {
        self.shards[shard].turn(self.now);
        for _ in 0..self.random.below(12) {
            if self.random.percent(self.revoke_percent) {
                self.revoke_someone();
            }
            self.work(shard);
            self.check_bounds();
        }
    }

    fn work(&mut self, shard: usize) {
        let now = self.now;
        let conns: Vec<ConnId> = self.shards[shard].links.keys().copied().collect();
        let conn = if conns.is_empty() { ConnId(0) } else { *self.random.pick(&conns) };
        let peer = self.random.below(self.shards.len());
        let here = &mut self.shards[shard];
        match self.random.below(12) {
            0 | 1 => drop(here.adopt(now)),
            2..=4 => drop(here.read(now, conn)),
            5 => drop(here.take_letter(now, &mut self.mailboxes[shard])),
            6 | 7 => {
                let to = self.shards[peer].id;
                self.shards[shard].exchange.drain_into(to, &mut self.mailboxes[peer]);
            }
            8 => drop(here.commit(now, 1 + self.random.below(5) as u64)),
            9 => drop(here.fetch(now)),
            10 => drop(here.written(now, conn)),
            _ => {
                // A client's last packets are read before its end is noticed, as a socket gives them.
                if here.links.get(&conn).is_some_and(|link| link.up.is_empty()) {
                    here.notice(now, conn);
                }
                here.timers(now);
            }
        }
    }

    fn revoke_someone(&mut self) {
        let number = self.random.below(self.clients.len());
        if !self.trust.is_revoked(number) {
            self.trust.revoke(number);
            self.new_client();
        }
    }

    fn deliver_some(&mut self) {
        let shard = self.random.below(self.shards.len());
        let conns: Vec<ConnId> = self.shards[shard].links.keys().copied().collect();
        if !conns.is_empty() {
            let conn = *self.random.pick(&conns);
            for _ in 0..=self.random.below(4) {
                self.deliver(shard, conn);
            }
        }
    }

    /// One packet towards a client, or the end of its connection.
    fn deliver(&mut self, shard: usize, conn: ConnId) -> bool {
        let acks_first = self.random.percent(50);
        let Some(link) = self.shards[shard].links.get(&conn) else { return false };
        let (number, state) = (link.client, link.state);
        if state == LinkState::Dropped {
            return false;
        }
        if let Some(bytes) = self.shards[shard].write(conn, acks_first) {
            let answers = self.clients[number].take(&bytes, &mut self.history);
            if state == LinkState::Open {
                self.send(number, answers);
            }
            return true;
        }
        if self.shards[shard].is_shut(conn) {
            self.shards[shard].links.remove(&conn);
            if self.links.get(&number) == Some(&(shard, conn)) {
                self.links.remove(&number);
                self.clients[number].lost();
            }
            return true;
        }
        false
    }

    fn check_bounds(&self) {
        for mailbox in &self.mailboxes {
            assert!(mailbox.len() <= self.mailbox_bound, "a mailbox holds {} letters", mailbox.len());
        }
        for from in &self.shards {
            for to in &self.shards {
                let waiting = from.exchange.waiting(to.id);
                assert!(
                    waiting <= self.mailbox_bound + 1,
                    "the outbox {} -> {} holds {waiting}",
                    from.id,
                    to.id
                );
            }
        }
    }

    /// Everyone who may connects, and everything that is under way arrives.
    pub(crate) fn come_to_rest(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.history.step += 1;
            for number in 0..self.clients.len() {
                self.connect(number);
            }
            let mut moved = false;
            for shard in 0..self.shards.len() {
                moved |= self.do_everything(shard);
            }
            let alive = |client: &&Client| !self.trust.is_revoked(client.number);
            let settled = self.clients.iter().filter(alive).all(Client::is_at_rest);
            let open = self.clients.iter().filter(alive).all(|client| client.connected == Connected::Yes);
            if !moved && open {
                let waiting: Vec<_> = self.clients.iter().filter(alive).filter(|c| !c.is_at_rest()).collect();
                assert!(settled, "nothing moves, and these still wait: {waiting:?}");
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    fn do_everything(&mut self, shard: usize) -> bool {
        let now = self.now;
        let mut moved = false;
        self.shards[shard].turn(now);
        while self.shards[shard].adopt(now) {
            moved = true;
        }
        let conns: Vec<ConnId> = self.shards[shard].links.keys().copied().collect();
        for conn in conns {
            while self.shards[shard].read(now, conn) {
                moved = true;
            }
            let empty = self.shards[shard].links.get(&conn).is_some_and(|link| link.up.is_empty());
            moved |= empty && self.shards[shard].notice(now, conn);
        }
        for peer in 0..self.shards.len() {
            let to = self.shards[peer].id;
            moved |= self.shards[shard].exchange.drain_into(to, &mut self.mailboxes[peer]) > 0;
        }
        while self.shards[shard].take_letter(now, &mut self.mailboxes[shard]) {
            moved = true;
        }
        moved |= self.shards[shard].commit(now, u64::MAX / 2);
        while self.shards[shard].fetch(now) {
            moved = true;
        }
        self.shards[shard].timers(now);
        let conns: Vec<ConnId> = self.shards[shard].links.keys().copied().collect();
        for conn in conns {
            while self.deliver(shard, conn) {
                moved = true;
            }
            self.shards[shard].written(now, conn);
        }
        self.check_bounds();
        moved
    }

    /// A client that joins after the random part.
    pub(crate) fn late_client(&mut self) -> usize {
        let number = self.new_client();
        self.connect(number);
        number
    }
}

/// What becomes of bytes the client sent before it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    Kept,
    Lost,
}

const ROUNDS_MAX: usize = 20_000;
