//! One or more shards, tables for a test, and clients that speak through the codec.

use sealmq_broker::{
    Admission, Assigned, Broker, ClientId, Commit, ConnId, Ended, Ending, Event, Exchange, GroupTable,
    GroupsFull, Input, Interest, InterestTable, Lane, Limits, ListenerRules, Mailbox, Marks, Member, Message,
    Millis, Mono, Now, Output, Owner, Peer, Pick, Policy, Presence, Principal, Record, Retained,
    RetainedFull, RetainedMessage, RetainedTable, RetainedVersion, Role, ShardId, ShardSet, SharedGroups,
    Tables, TrustGeneration, Wall,
};
use sealmq_mqtt::{
    Ack, Connect, Decoded, Disconnect, FilterListBuf, Packet, PacketId, Properties, PropertiesBuf, Property,
    Publish, QoS, ReasonCode, Sender, Subscribe, SubscriptionListBuf, SubscriptionOptions, TopicFilter,
    TopicName, Unsubscribe, Version, Will, decode, encode,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// The three tables behind mutexes, and the trust counter.
#[derive(Debug)]
pub(crate) struct TestTables {
    pub(crate) interest: Mutex<InterestTable>,
    pub(crate) retained: Mutex<RetainedTable>,
    pub(crate) groups: Mutex<GroupTable>,
    pub(crate) trust: AtomicU64,
}

impl TestTables {
    pub(crate) fn new(limits: &Limits) -> Arc<TestTables> {
        Arc::new(TestTables {
            interest: Mutex::new(InterestTable::default()),
            retained: Mutex::new(RetainedTable::new(limits.retained_max, limits.retained_bytes_max)),
            groups: Mutex::new(GroupTable::new(limits.shared_members_max)),
            trust: AtomicU64::new(1),
        })
    }

    pub(crate) fn tables(self: &Arc<TestTables>) -> Tables {
        Tables { interest: self.clone(), retained: self.clone(), groups: self.clone(), trust: self.clone() }
    }
}

impl Interest for TestTables {
    fn add(&self, filter: &str, shard: ShardId) {
        self.interest.lock().unwrap().add(filter, shard);
    }
    fn remove(&self, filter: &str, shard: ShardId) {
        self.interest.lock().unwrap().remove(filter, shard);
    }
    fn shards(&self, topic: &str) -> ShardSet {
        self.interest.lock().unwrap().shards(topic)
    }
}

impl Retained for TestTables {
    fn store(&self, message: &Arc<Message>) -> Result<RetainedVersion, RetainedFull> {
        self.retained.lock().unwrap().store(message)
    }
    fn read(&self, filter: &str, found: &mut Vec<RetainedMessage>) -> RetainedVersion {
        self.retained.lock().unwrap().read(filter, found)
    }
    fn forget(&self, topic: &str, version: RetainedVersion) {
        self.retained.lock().unwrap().forget(topic, version);
    }
}

impl SharedGroups for TestTables {
    fn join(&self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull> {
        self.groups.lock().unwrap().join(group, filter, member)
    }
    fn leave(&self, group: &str, filter: &str, client: &ClientId) {
        self.groups.lock().unwrap().leave(group, filter, client);
    }
    fn presence(&self, group: &str, filter: &str, client: &ClientId, presence: Presence) {
        self.groups.lock().unwrap().presence(group, filter, client, presence);
    }
    fn pick(&self, topic: &str, qos: QoS, picks: &mut Vec<Pick>) {
        self.groups.lock().unwrap().pick(topic, qos, picks);
    }
}

impl TrustGeneration for TestTables {
    fn current(&self) -> u64 {
        self.trust.load(Ordering::SeqCst)
    }
}

/// A judgment that a test can change.
#[derive(Debug)]
pub(crate) struct TestAdmission(pub(crate) Mutex<Verdict>);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    /// Good, as of this generation.
    Good(u64),
    Ended,
    Panics,
}

impl Admission for TestAdmission {
    fn judge(&self, _now: Wall) -> Result<u64, Ended> {
        let verdict = *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match verdict {
            Verdict::Good(generation) => Ok(generation),
            Verdict::Ended => Err(Ended { code: "revoked", text: "the certificate is revoked".into() }),
            Verdict::Panics => panic!("a judgment that breaks"),
        }
    }
}

/// What a client got, owned. Times and lanes as the core gave them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Got {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lane: Lane,
    pub(crate) gate: Option<Commit>,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    ConnAck { session_present: bool, code: u8 },
    Publish(Msg),
    PubAck(u16, u8),
    PubRec(u16, u8),
    PubRel(u16, u8),
    PubComp(u16, u8),
    SubAck(u16, Vec<u8>),
    UnsubAck(u16, Vec<u8>),
    PingResp,
    Disconnect(u8),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Msg {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) id: Option<u16>,
    pub(crate) alias: Option<u16>,
    pub(crate) expiry: Option<u32>,
    pub(crate) subscription_ids: Vec<u32>,
    pub(crate) user: Vec<(String, String)>,
}

/// A CONNECT in the making.
#[derive(Clone)]
pub(crate) struct Dial {
    pub(crate) version: Version,
    pub(crate) client_id: String,
    pub(crate) bridge: bool,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) username: Option<String>,
    pub(crate) will: Option<DialWill>,
    pub(crate) properties: Vec<Property<'static>>,
    pub(crate) rules: ListenerRules,
    pub(crate) owner: String,
    pub(crate) role: Role,
    pub(crate) assigned: Assigned,
    pub(crate) admission: Arc<TestAdmission>,
    pub(crate) generation: u64,
    pub(crate) ends_at: Option<Wall>,
}

#[derive(Clone)]
pub(crate) struct DialWill {
    pub(crate) topic: &'static str,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) delay_secs: u32,
}

pub(crate) fn dial(version: Version, client_id: &str) -> Dial {
    Dial {
        version,
        client_id: client_id.into(),
        bridge: false,
        clean: true,
        keep_alive: 0,
        username: None,
        will: None,
        properties: Vec::new(),
        rules: ListenerRules::default(),
        owner: "anyone".into(),
        role: Role::Ordinary,
        assigned: Assigned::ByClient,
        admission: Arc::new(TestAdmission(Mutex::new(Verdict::Good(u64::MAX)))),
        generation: u64::MAX,
        ends_at: None,
    }
}

impl Dial {
    pub(crate) fn resume(mut self) -> Dial {
        self.clean = false;
        self
    }
    /// A session that outlives its connection, in either version.
    pub(crate) fn lasting(self) -> Dial {
        if self.version.is_v5() {
            self.resume().with(Property::SessionExpiryInterval(u32::MAX))
        } else {
            self.resume()
        }
    }
    pub(crate) fn with(mut self, property: Property<'static>) -> Dial {
        self.properties.push(property);
        self
    }
    pub(crate) fn will(mut self, topic: &'static str, payload: &str) -> Dial {
        let payload = payload.as_bytes().to_vec();
        self.will = Some(DialWill { topic, payload, qos: QoS::AtMostOnce, retain: false, delay_secs: 0 });
        self
    }
    pub(crate) fn will_delay(mut self, secs: u32) -> Dial {
        self.will.as_mut().unwrap().delay_secs = secs;
        self
    }
    pub(crate) fn user(mut self, name: &str) -> Dial {
        self.username = Some(name.into());
        self
    }
    pub(crate) fn rules(mut self, change: impl FnOnce(&mut ListenerRules)) -> Dial {
        change(&mut self.rules);
        self
    }
}

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
    pub(crate) records: Vec<(Commit, Record)>,
    pub(crate) fetches: Vec<(ClientId, usize)>,
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
            records: Vec::new(),
            fetches: Vec::new(),
            writes: true,
            hold_exchange: false,
            lines: BTreeMap::new(),
            next_conn: 1,
        }
    }

    /// Connects on shard 0 and takes the CONNACK, which has to be an acceptance.
    pub(crate) fn connect(&mut self, dial: Dial) -> Client {
        let client = self.dial_on(0, dial);
        assert!(matches!(self.take(client), What::ConnAck { code: 0, .. }), "refused");
        client
    }

    pub(crate) fn connect_on(&mut self, shard: usize, dial: Dial) -> Client {
        let client = self.dial_on(shard, dial);
        assert!(matches!(self.take(client), What::ConnAck { code: 0, .. }), "refused");
        client
    }

    pub(crate) fn v5(&mut self, id: &str) -> Client {
        self.connect(dial(Version::V5, id))
    }

    pub(crate) fn v3(&mut self, id: &str) -> Client {
        self.connect(dial(Version::V311, id))
    }

    /// Connects on shard 0; the CONNACK waits.
    pub(crate) fn dial(&mut self, dial: Dial) -> Client {
        self.dial_on(0, dial)
    }

    pub(crate) fn dial_on(&mut self, shard: usize, dial: Dial) -> Client {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.lines.insert(conn, Line { version: Some(dial.version), ..Line::default() });
        let properties = PropertiesBuf::of(dial.properties.iter().copied()).unwrap();
        let will_properties = match &dial.will {
            Some(will) if will.delay_secs > 0 => {
                PropertiesBuf::of([Property::WillDelayInterval(will.delay_secs)]).unwrap()
            }
            _ => PropertiesBuf::new(),
        };
        let v5 = dial.version.is_v5();
        let connect = Connect {
            version: dial.version,
            bridge: dial.bridge,
            clean_start: dial.clean,
            keep_alive_secs: dial.keep_alive,
            client_id: &dial.client_id,
            will: dial.will.as_ref().map(|will| Will {
                topic: TopicName::parse(will.topic).unwrap(),
                payload: &will.payload,
                qos: will.qos,
                retain: will.retain,
                properties: if v5 { will_properties.as_properties() } else { Properties::EMPTY },
            }),
            username: dial.username.as_deref(),
            password: None,
            properties: if v5 { properties.as_properties() } else { Properties::EMPTY },
        };
        let mut bytes = Vec::new();
        encode(&Packet::Connect(connect), dial.version, &mut bytes).unwrap();
        let limits = dial.rules.decoder_limits();
        let Decoded::Packet { packet: Packet::Connect(connect), .. } =
            decode(&bytes, dial.version, &limits).unwrap()
        else {
            panic!("CONNECT does not come back")
        };
        let peer = Peer {
            client_id: ClientId::parse(&dial.client_id).unwrap(),
            assigned: dial.assigned,
            principal: Principal {
                username: dial.username.as_deref().map(Arc::from),
                role: dial.role,
                owner: Owner::new(dial.owner.as_bytes()),
                admitted_by: dial.admission.clone(),
                generation: dial.generation,
                ends_at: dial.ends_at,
            },
            rules: Arc::new(dial.rules.clone()),
        };
        self.input(shard, Input::Connected { conn, connect: &connect, peer });
        Client { conn, shard, version: dial.version }
    }

    /// One input to one shard; what it puts out is carried on, between shards too.
    pub(crate) fn input(&mut self, shard: usize, input: Input<'_>) {
        self.brokers[shard].handle(self.now, input);
        self.drain(shard);
        self.exchange();
    }

    /// The packet goes through bytes.
    pub(crate) fn send(&mut self, client: Client, packet: Packet<'_>) {
        let mut bytes = Vec::new();
        encode(&packet, client.version, &mut bytes).unwrap();
        self.send_bytes(client, &bytes);
    }

    /// Bytes as a shell would read them.
    pub(crate) fn send_bytes(&mut self, client: Client, bytes: &[u8]) {
        let limits = ListenerRules::default().decoder_limits();
        match decode(bytes, client.version, &limits) {
            Ok(Decoded::Packet { packet, .. }) => {
                self.input(client.shard, Input::Received { conn: client.conn, packet })
            }
            Ok(Decoded::Incomplete { .. }) => panic!("an incomplete packet"),
            Err(error) => self.input(client.shard, Input::Malformed { conn: client.conn, error }),
        }
    }

    pub(crate) fn subscribe(
        &mut self,
        client: Client,
        filter: &str,
        options: SubscriptionOptions,
    ) -> Vec<u8> {
        self.subscribe_with(client, filter, options, &[])
    }

    /// Subscribes with packet id 99 and takes the SUBACK, which has to come next.
    pub(crate) fn subscribe_with(
        &mut self,
        client: Client,
        filter: &str,
        options: SubscriptionOptions,
        properties: &[Property<'_>],
    ) -> Vec<u8> {
        let mut list = SubscriptionListBuf::new();
        list.push(TopicFilter::parse(filter).unwrap(), options).unwrap();
        let properties = PropertiesBuf::of(properties.iter().copied()).unwrap();
        let (packet_id, properties) = (id(99), properties.as_properties());
        self.send(
            client,
            Packet::Subscribe(Subscribe { packet_id, properties, subscriptions: list.as_list() }),
        );
        match self.take(client) {
            What::SubAck(99, codes) => codes,
            other => panic!("no SUBACK but {other:?}"),
        }
    }

    pub(crate) fn sub(&mut self, client: Client, filter: &str, qos: QoS) {
        assert!(self.subscribe(client, filter, SubscriptionOptions::new(qos)) == [qos.as_u8()]);
    }

    pub(crate) fn unsubscribe(&mut self, client: Client, filter: &str) -> What {
        let mut list = FilterListBuf::new();
        list.push(TopicFilter::parse(filter).unwrap());
        let packet =
            Unsubscribe { packet_id: id(98), properties: Properties::EMPTY, filters: list.as_list() };
        self.send(client, Packet::Unsubscribe(packet));
        self.take(client)
    }

    /// QoS 0, not retained.
    pub(crate) fn say(&mut self, client: Client, topic: &str, payload: &str) {
        self.publish(client, Pub { topic, payload: payload.as_bytes(), ..Pub::default() });
    }

    pub(crate) fn retain(&mut self, client: Client, topic: &str, payload: &str) {
        self.publish(client, Pub { topic, payload: payload.as_bytes(), retain: true, ..Pub::default() });
    }

    /// QoS 1 or 2 with this packet id.
    pub(crate) fn put(&mut self, client: Client, topic: &str, payload: &str, qos: QoS, packet_id: u16) {
        self.publish(
            client,
            Pub { topic, payload: payload.as_bytes(), qos, id: Some(packet_id), ..Pub::default() },
        );
    }

    pub(crate) fn publish(&mut self, client: Client, publish: Pub<'_>) {
        let properties = PropertiesBuf::of(publish.properties.iter().copied()).unwrap();
        let packet = Publish {
            dup: if publish.dup { sealmq_mqtt::Dup::Again } else { sealmq_mqtt::Dup::First },
            qos: publish.qos,
            retain: publish.retain,
            topic: (!publish.topic.is_empty()).then(|| TopicName::parse(publish.topic).unwrap()),
            packet_id: publish.id.map(id),
            properties: properties.as_properties(),
            payload: publish.payload,
        };
        self.send(client, Packet::Publish(packet));
    }

    pub(crate) fn puback(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubAck(Ack::new(id(packet_id))));
    }
    pub(crate) fn pubrec(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubRec(Ack::new(id(packet_id))));
    }
    pub(crate) fn pubrel(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubRel(Ack::new(id(packet_id))));
    }
    pub(crate) fn pubcomp(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubComp(Ack::new(id(packet_id))));
    }

    /// A DISCONNECT with reason 0.
    pub(crate) fn bye(&mut self, client: Client) {
        self.disconnect(client, ReasonCode::NORMAL_DISCONNECTION, &[]);
    }

    pub(crate) fn disconnect(&mut self, client: Client, reason: ReasonCode, properties: &[Property<'_>]) {
        let properties = PropertiesBuf::of(properties.iter().copied()).unwrap();
        self.send(client, Packet::Disconnect(Disconnect { reason, properties: properties.as_properties() }));
    }

    /// The connection breaks.
    pub(crate) fn drop_conn(&mut self, client: Client) {
        self.input(client.shard, Input::Lost { conn: client.conn, cause: sealmq_broker::Lost::Closed });
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

/// A PUBLISH in the making.
#[derive(Default, Clone, Copy)]
pub(crate) struct Pub<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) id: Option<u16>,
    pub(crate) properties: &'a [Property<'a>],
}

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

/// Decodes what the broker sent, as a client would.
fn read(bytes: &[u8], version: Version) -> What {
    let limits = sealmq_mqtt::Limits::of_client();
    assert_eq!(limits.sender, Sender::Server);
    let Ok(Decoded::Packet { packet, len }) = decode(bytes, version, &limits) else {
        panic!("the broker sent what a client cannot read: {bytes:02x?}")
    };
    assert_eq!(len, bytes.len());
    match packet {
        Packet::ConnAck(connack) => What::ConnAck {
            session_present: connack.session_present,
            code: match connack.code {
                sealmq_mqtt::ConnAckCode::V3(code) => code.as_u8(),
                sealmq_mqtt::ConnAckCode::V5(reason) => reason.as_u8(),
            },
        },
        Packet::Publish(publish) => What::Publish(message(&publish)),
        Packet::PubAck(ack) => What::PubAck(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::PubRec(ack) => What::PubRec(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::PubRel(ack) => What::PubRel(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::PubComp(ack) => What::PubComp(ack.packet_id.get(), ack.reason.as_u8()),
        Packet::SubAck(ack) => {
            What::SubAck(ack.packet_id.get(), ack.codes.iter().map(ReasonCode::as_u8).collect())
        }
        Packet::UnsubAck(ack) => {
            What::UnsubAck(ack.packet_id.get(), ack.codes.iter().map(ReasonCode::as_u8).collect())
        }
        Packet::PingResp => What::PingResp,
        Packet::Disconnect(disconnect) => What::Disconnect(disconnect.reason.as_u8()),
        other => panic!("a server does not send {other:?}"),
    }
}

fn message(publish: &Publish<'_>) -> Msg {
    Msg {
        topic: publish.topic.map_or("", TopicName::as_str).to_owned(),
        payload: publish.payload.to_vec(),
        qos: publish.qos.as_u8(),
        retain: publish.retain,
        dup: publish.dup == sealmq_mqtt::Dup::Again,
        id: publish.packet_id.map(PacketId::get),
        alias: publish.properties.topic_alias().map(std::num::NonZeroU16::get),
        expiry: publish.properties.message_expiry_interval(),
        subscription_ids: publish.properties.subscription_identifiers().map(|id| id.get()).collect(),
        user: publish
            .properties
            .user_properties()
            .map(|pair| (pair.name.to_owned(), pair.value.to_owned()))
            .collect(),
    }
}
