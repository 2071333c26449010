//! One simulated shard: the real `Broker` and `Exchange`, and a shell that does everything late and in any order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sealmq_broker::{
    Broker, ClientId, Commit, ConnId, Exchange, Input, Lane, Lost, Mailbox, Now, Output, Peer, Reading,
    Record, ShardId, Stored,
};
use sealmq_mqtt::{Decoded, DecodedConnect, Limits, Packet, PacketType, Version, decode, decode_connect};

use crate::tables::Trust;

/// A connection that the door has judged and handed over.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) conn: ConnId,
    pub(crate) client: usize,
    pub(crate) connect: Vec<u8>,
    pub(crate) peer: Peer,
    pub(crate) identity: usize,
    pub(crate) version: Version,
}

/// A connection as the shard has it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: usize,
    identity: usize,
    version: Version,
    /// Packets of the client that the shard has not read.
    pub(crate) up: VecDeque<Vec<u8>>,
    ack: VecDeque<(Vec<u8>, Option<Commit>)>,
    flow: VecDeque<(Vec<u8>, Option<Commit>)>,
    written: usize,
    pub(crate) state: LinkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkState {
    Open,
    /// The client is gone; the shard has not noticed.
    Dropped,
    /// The core said Close: what is queued goes out, then the socket is shut.
    Closing,
}

/// The queue of one session in the store: all that is not in flight, the first `held` of them also in memory.
#[derive(Debug, Default)]
struct StoredQueue {
    messages: VecDeque<Stored>,
    held: usize,
}

pub(crate) struct Shard {
    pub(crate) id: ShardId,
    pub(crate) broker: Broker,
    pub(crate) exchange: Exchange,
    pub(crate) door: VecDeque<Handover>,
    /// Early packets of connections that are still at the door.
    pub(crate) early: BTreeMap<ConnId, VecDeque<Vec<u8>>>,
    pub(crate) links: BTreeMap<ConnId, Link>,
    appended: u64,
    committed: u64,
    queue_window: usize,
    store: BTreeMap<ClientId, StoredQueue>,
    fetches: VecDeque<(ClientId, usize)>,
    trust: Arc<Trust>,
}

impl Shard {
    pub(crate) fn new(broker: Broker, exchange: Exchange, queue_window: usize, trust: Arc<Trust>) -> Self {
        Self {
            id: broker.shard(),
            broker,
            exchange,
            door: VecDeque::new(),
            early: BTreeMap::new(),
            links: BTreeMap::new(),
            appended: 0,
            committed: 0,
            queue_window,
            store: BTreeMap::new(),
            fetches: VecDeque::new(),
            trust,
        }
    }

    /// The beginning of a turn: sessions are judged again where the generation has moved.
    pub(crate) fn turn(&mut self, now: Now) {
        self.handle(now, Input::Turn);
        for (conn, link) in &self.links {
            let ended = link.state != LinkState::Open || !self.trust.is_revoked(link.identity);
            assert!(ended, "{conn:?} of revoked identity {} is alive after a turn", link.identity);
        }
    }

    /// Adopts the connection that has waited longest at the door.
    pub(crate) fn adopt(&mut self, now: Now) -> bool {
        let Some(handover) = self.door.pop_front() else { return false };
        let Handover { conn, client, connect, peer, identity, version } = handover;
        let up = self.early.remove(&conn).unwrap_or_default();
        let empty = VecDeque::new;
        let link = Link {
            client,
            identity,
            version,
            up,
            ack: empty(),
            flow: empty(),
            written: 0,
            state: LinkState::Open,
        };
        self.links.insert(conn, link);
        let limits = peer.rules.decoder_limits();
        let Ok(DecodedConnect::Connect { connect, .. }) = decode_connect(&connect, &limits) else {
            panic!("the door hands over whole CONNECTs");
        };
        self.handle(now, Input::Connected { conn, connect: &connect, peer });
        true
    }

    /// Reads one packet of a connection; false where there is none or publishers are held.
    pub(crate) fn read(&mut self, now: Now, conn: ConnId) -> bool {
        let Some(link) = self.links.get_mut(&conn) else { return false };
        if link.state == LinkState::Closing {
            link.up.clear();
            return false;
        }
        let Some(bytes) = link.up.front() else { return false };
        let held = self.exchange.reading() == Reading::HoldPublishers
            && PacketType::from_first_byte(bytes[0], link.version)
                .is_some_and(|kind| matches!(kind, PacketType::Publish | PacketType::PubRel));
        if held {
            return false;
        }
        let bytes = link.up.pop_front().expect("it was at the front");
        let version = link.version;
        let Ok(Decoded::Packet { packet, .. }) = decode(&bytes, version, &Limits::of_broker()) else {
            panic!("clients send whole packets");
        };
        self.handle(now, Input::Received { conn, packet });
        true
    }

    /// Notices that a client is gone, once what it sent before is read.
    pub(crate) fn notice(&mut self, now: Now, conn: ConnId) -> bool {
        let gone = self.links.get(&conn).is_some_and(|link| link.state == LinkState::Dropped);
        if gone {
            self.links.remove(&conn);
            self.handle(now, Input::Lost { conn, cause: Lost::Closed });
        }
        gone
    }

    pub(crate) fn take_letter(&mut self, now: Now, mailbox: &mut Mailbox) -> bool {
        let Some(letter) = mailbox.take() else { return false };
        self.handle(now, Input::Forwarded { from: letter.from, forward: letter.forward });
        true
    }

    /// Makes the next records durable, `count` at most.
    pub(crate) fn commit(&mut self, now: Now, count: u64) -> bool {
        let upto = self.appended.min(self.committed + count);
        if upto == self.committed {
            return false;
        }
        self.committed = upto;
        self.handle(now, Input::Committed { upto: Commit(upto) });
        true
    }

    /// Answers the oldest fetch.
    pub(crate) fn fetch(&mut self, now: Now) -> bool {
        let Some((client, messages_max)) = self.fetches.pop_front() else { return false };
        let queue = self.store.entry(client.clone()).or_default();
        let messages: Vec<Stored> =
            queue.messages.iter().skip(queue.held).take(messages_max).cloned().collect();
        queue.held += messages.len();
        self.handle(now, Input::Fetched { client, messages });
        true
    }

    /// Tells the core what has been written.
    pub(crate) fn written(&mut self, now: Now, conn: ConnId) -> bool {
        let Some(link) = self.links.get_mut(&conn) else { return false };
        let bytes = std::mem::take(&mut link.written);
        if bytes > 0 {
            self.handle(now, Input::Written { conn, bytes });
        }
        bytes > 0
    }

    pub(crate) fn timers(&mut self, now: Now) {
        if self.broker.poll_timeout().is_some_and(|due| due <= now.mono) {
            self.broker.handle_timeout(now);
            self.drain();
        }
    }

    /// Takes the next packet that may leave towards a client, from the line that `acks_first` prefers.
    pub(crate) fn write(&mut self, conn: ConnId, acks_first: bool) -> Option<Vec<u8>> {
        let committed = self.committed;
        let link = self.links.get_mut(&conn)?;
        let open = |line: &VecDeque<(Vec<u8>, Option<Commit>)>| {
            line.front().is_some_and(|(_, gate)| gate.is_none_or(|gate| gate.0 <= committed))
        };
        let line = match (open(&link.ack), open(&link.flow)) {
            (true, true) if acks_first => &mut link.ack,
            (true, false) => &mut link.ack,
            (_, true) => &mut link.flow,
            (false, false) => return None,
        };
        let (bytes, _) = line.pop_front()?;
        link.written += bytes.len();
        Some(bytes)
    }

    /// Whether the core has closed this connection and everything queued has left.
    pub(crate) fn is_shut(&self, conn: ConnId) -> bool {
        self.links.get(&conn).is_some_and(|link| {
            link.state == LinkState::Closing && link.ack.is_empty() && link.flow.is_empty()
        })
    }

    fn handle(&mut self, now: Now, input: Input<'_>) {
        self.broker.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Send { conn, packet, lane, gate } => {
                    let Some(link) = self.links.get_mut(&conn) else { continue };
                    let mut bytes = Vec::with_capacity(packet.len());
                    packet.write(&mut bytes);
                    assert_eq!(bytes.len(), packet.len(), "a packet's length is what it writes");
                    check_revoked(&self.trust, self.broker.trust_generation(), link, &bytes);
                    match lane {
                        Lane::Ack => link.ack.push_back((bytes, gate)),
                        Lane::Flow => link.flow.push_back((bytes, gate)),
                    }
                }
                Output::Close { conn, .. } => {
                    if let Some(link) = self.links.get_mut(&conn) {
                        if link.state == LinkState::Dropped {
                            self.links.remove(&conn);
                        } else {
                            link.state = LinkState::Closing;
                        }
                    }
                }
                Output::Forward { to, forward } => {
                    assert_ne!(to, self.id, "a shard's own matches are handled at once");
                    self.exchange.push(to, forward);
                }
                Output::Append { commit, record } => {
                    assert_eq!(commit.0, self.appended + 1, "commit numbers rise by one");
                    self.appended = commit.0;
                    self.record(record);
                }
                Output::Fetch { client, messages_max } => self.fetches.push_back((client, messages_max)),
                Output::Control(_) | Output::Event(_) => {}
                Output::Errand { .. } => panic!("nobody here has an authentication method"),
            }
        }
    }

    fn record(&mut self, record: Record) {
        match record {
            Record::Queued { client, message, delivery } => {
                let window = self.queue_window;
                let queue = self.store.entry(client).or_default();
                let behind = queue.messages.len() - queue.held;
                queue.held += usize::from(behind == 0 && queue.held < window);
                queue.messages.push_back(Stored { message, delivery });
            }
            Record::Started { client, .. } => {
                let queue = self.store.entry(client).or_default();
                assert!(
                    queue.messages.pop_front().is_some() && queue.held > 0,
                    "started what was not queued"
                );
                queue.held -= 1;
            }
            Record::SessionEnded { client } => drop(self.store.remove(&client)),
            Record::Accepted { .. }
            | Record::Taken { .. }
            | Record::Retained { .. }
            | Record::Session { .. }
            | Record::Subscribed { .. }
            | Record::Unsubscribed { .. }
            | Record::Released { .. }
            | Record::Completed { .. }
            | Record::Received { .. }
            | Record::Routed { .. } => {}
        }
    }
}

/// Once the shard has judged at the generation of a revocation, the revoked hear a refusal and nothing else.
fn check_revoked(trust: &Trust, judged_at: u64, link: &Link, bytes: &[u8]) {
    use sealmq_broker::TrustGeneration as _;
    if !trust.is_revoked(link.identity) || judged_at < trust.current() {
        return;
    }
    let Ok(Decoded::Packet { packet, .. }) = decode(bytes, link.version, &Limits::of_client()) else {
        panic!("the broker speaks MQTT");
    };
    let refusal = match packet {
        Packet::ConnAck(connack) => !connack.code.is_accepted(),
        Packet::Disconnect(_) => true,
        Packet::Connect(_)
        | Packet::Publish(_)
        | Packet::PubAck(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Subscribe(_)
        | Packet::SubAck(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq
        | Packet::PingResp
        | Packet::Auth(_) => false,
    };
    assert!(refusal, "revoked identity {} is sent {packet:?}", link.identity);
}
