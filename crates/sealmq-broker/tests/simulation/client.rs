//! A model MQTT client: it speaks real bytes, keeps its side of QoS 1 and 2, and remembers what its application got.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sealmq_mqtt::{
    Ack, ConnAck, Connect, Decoded, Disconnect, Dup, FilterListBuf, Limits, Packet, PacketId, Properties,
    PropertiesBuf, Property, Publish, QoS, SubAck, Subscribe, SubscriptionListBuf, SubscriptionOptions,
    TopicFilter, TopicName, Unsubscribe, Version, decode, encode,
};

use crate::history::{History, MessageNumber, Received};

/// Whether the client's session outlives its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    Session,
    Nothing,
}

/// A QoS 1 or 2 message on its way to the broker.
#[derive(Debug)]
struct Sending {
    id: PacketId,
    message: MessageNumber,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Published,
    Released,
}

#[derive(Debug)]
enum Asked {
    Subscribe(&'static str),
    Unsubscribe(&'static str),
}

/// An acknowledged subscription.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Active {
    pub(crate) since: u64,
    pub(crate) qos: QoS,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) keeps: Keeps,
    pub(crate) connected: Connected,
    pub(crate) subscriptions: BTreeMap<&'static str, Active>,
    pub(crate) received: Vec<Received>,
    /// Counts the client's sessions: grows whenever the broker begins a new one.
    pub(crate) epoch: u32,
    receive_max: u16,
    send_max: usize,
    next_id: u16,
    sending: VecDeque<Sending>,
    waiting: VecDeque<MessageNumber>,
    /// QoS 2 messages received whose PUBREL has not come.
    incoming: BTreeSet<PacketId>,
    /// Messages at QoS 1 and 2 that we have not fully acknowledged: the broker must respect our Receive Maximum.
    unacknowledged: BTreeSet<PacketId>,
    asked: BTreeMap<PacketId, Asked>,
}

/// Where the client is in its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connected {
    No,
    /// CONNECT is sent, CONNACK has not come.
    Asking,
    Yes,
}

impl Client {
    pub(crate) fn new(number: usize, version: Version, keeps: Keeps, receive_max: u16) -> Self {
        Self {
            number,
            id: format!("client-{number}"),
            version,
            keeps,
            connected: Connected::No,
            subscriptions: BTreeMap::new(),
            received: Vec::new(),
            epoch: 0,
            receive_max,
            send_max: 20,
            next_id: 0,
            sending: VecDeque::new(),
            waiting: VecDeque::new(),
            incoming: BTreeSet::new(),
            unacknowledged: BTreeSet::new(),
            asked: BTreeMap::new(),
        }
    }

    /// The bytes of its CONNECT.
    pub(crate) fn connect(&mut self) -> Vec<u8> {
        self.connected = Connected::Asking;
        self.asked.clear();
        self.unacknowledged.clear();
        let mut properties = PropertiesBuf::new();
        if self.version.is_v5() {
            let expiry = if self.keeps == Keeps::Session { u32::MAX } else { 0 };
            properties.push(Property::SessionExpiryInterval(expiry)).expect("the first of its kind");
            let receive_max = std::num::NonZeroU16::new(self.receive_max).expect("not 0");
            properties.push(Property::ReceiveMaximum(receive_max)).expect("the first of its kind");
        }
        let connect = Connect {
            version: self.version,
            bridge: false,
            clean_start: self.keeps == Keeps::Nothing,
            keep_alive_secs: 0,
            client_id: &self.id,
            will: None,
            username: None,
            password: None,
            properties: properties.as_properties(),
        };
        self.encoded(&Packet::Connect(connect))
    }

    /// The connection is gone.
    pub(crate) fn lost(&mut self) {
        self.connected = Connected::No;
        if self.keeps == Keeps::Nothing {
            self.forget();
        }
    }

    /// A new session: what the old one knew does not count.
    fn forget(&mut self) {
        self.epoch += 1;
        self.subscriptions.clear();
        self.sending.clear();
        self.incoming.clear();
    }

    /// Decides to publish; sends what the broker's Receive Maximum allows.
    pub(crate) fn publish(&mut self, message: MessageNumber, history: &mut History) -> Vec<Vec<u8>> {
        if history.published[message].qos == QoS::AtMostOnce {
            history.sent(message);
            return vec![self.publish_bytes(message, None, Dup::First, history)];
        }
        self.waiting.push_back(message);
        self.pump(history)
    }

    pub(crate) fn subscribe(&mut self, filter: &'static str, qos: QoS) -> Vec<u8> {
        let packet_id = self.take_id();
        let mut list = SubscriptionListBuf::new();
        list.push(TopicFilter::parse(filter).expect("a valid filter"), SubscriptionOptions::new(qos))
            .expect("not no-local");
        // Until SUBACK nobody knows which QoS holds: SUBSCRIBE may arrive and its answer be lost.
        self.subscriptions.remove(filter);
        self.asked.insert(packet_id, Asked::Subscribe(filter));
        self.encoded(&Packet::Subscribe(Subscribe {
            packet_id,
            properties: Properties::EMPTY,
            subscriptions: list.as_list(),
        }))
    }

    pub(crate) fn unsubscribe(&mut self, filter: &'static str) -> Vec<u8> {
        let packet_id = self.take_id();
        let mut list = FilterListBuf::new();
        list.push(TopicFilter::parse(filter).expect("a valid filter"));
        // From here on nothing is promised for it.
        self.subscriptions.remove(filter);
        self.asked.insert(packet_id, Asked::Unsubscribe(filter));
        self.encoded(&Packet::Unsubscribe(Unsubscribe {
            packet_id,
            properties: Properties::EMPTY,
            filters: list.as_list(),
        }))
    }

    pub(crate) fn disconnect(&mut self) -> Vec<u8> {
        self.encoded(&Packet::Disconnect(Disconnect::new(sealmq_mqtt::ReasonCode::NORMAL_DISCONNECTION)))
    }

    /// Whether nothing of it is under way.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.sending.is_empty()
            && self.waiting.is_empty()
            && self.asked.is_empty()
            && self.incoming.is_empty()
    }

    /// Takes bytes of the broker, exactly whole packets; returns what it answers.
    pub(crate) fn take(&mut self, mut bytes: &[u8], history: &mut History) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        while !bytes.is_empty() {
            match decode(bytes, self.version, &Limits::of_client()).expect("the broker speaks MQTT") {
                Decoded::Packet { packet, len } => {
                    self.packet(&packet, history, &mut answers);
                    bytes = &bytes[len..];
                }
                Decoded::Incomplete { .. } => panic!("the broker sends whole packets"),
            }
        }
        answers
    }

    fn packet(&mut self, packet: &Packet<'_>, history: &mut History, answers: &mut Vec<Vec<u8>>) {
        if let Packet::ConnAck(connack) = packet {
            assert_eq!(self.connected, Connected::Asking, "CONNACK comes once, first");
            self.connack(connack, history, answers);
            return;
        }
        assert_eq!(self.connected, Connected::Yes, "CONNACK comes before {packet:?} [MQTT-3.2.0-1]");
        match packet {
            Packet::Publish(publish) => self.publish_came(publish, answers),
            Packet::PubAck(ack) => self.completed(ack.packet_id, history, answers),
            Packet::PubRec(ack) => self.pubrec(ack, history, answers),
            Packet::PubRel(ack) => {
                self.incoming.remove(&ack.packet_id);
                self.unacknowledged.remove(&ack.packet_id);
                answers.push(self.encoded(&Packet::PubComp(Ack::new(ack.packet_id))));
            }
            Packet::PubComp(ack) => self.completed(ack.packet_id, history, answers),
            Packet::SubAck(suback) => self.suback(suback, history),
            Packet::UnsubAck(unsuback) => match self.asked.remove(&unsuback.packet_id) {
                Some(Asked::Unsubscribe(filter)) => drop(self.subscriptions.remove(filter)),
                other => panic!("UNSUBACK for {other:?}"),
            },
            Packet::Disconnect(_) | Packet::PingResp => {}
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq
            | Packet::Auth(_) => panic!("a broker does not send {packet:?}"),
        }
    }

    fn connack(&mut self, connack: &ConnAck<'_>, history: &mut History, answers: &mut Vec<Vec<u8>>) {
        if !connack.code.is_accepted() {
            return;
        }
        self.connected = Connected::Yes;
        self.send_max = connack.properties.receive_maximum().map_or(20, |max| usize::from(max.get()));
        if !connack.session_present && self.keeps == Keeps::Session {
            assert!(self.epoch == 0 && self.subscriptions.is_empty(), "{}: the session is lost", self.id);
        }
        assert!(self.keeps == Keeps::Session || !connack.session_present, "a clean start has no session");
        self.resend(history, answers);
        answers.extend(self.pump(history));
    }

    /// What was under way goes out again, in the order it first did. [MQTT-4.4.0-1] [MQTT311-4.4.0-1]
    fn resend(&mut self, history: &History, answers: &mut Vec<Vec<u8>>) {
        let under_way: Vec<_> = self.sending.iter().map(|one| (one.id, one.message, one.stage)).collect();
        for (id, message, stage) in under_way {
            answers.push(match stage {
                Stage::Published => self.publish_bytes(message, Some(id), Dup::Again, history),
                Stage::Released => self.encoded(&Packet::PubRel(Ack::new(id))),
            });
        }
    }

    fn pump(&mut self, history: &mut History) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while self.connected == Connected::Yes && self.sending.len() < self.send_max {
            let Some(message) = self.waiting.pop_front() else { break };
            let id = self.take_id();
            history.sent(message);
            out.push(self.publish_bytes(message, Some(id), Dup::First, history));
            self.sending.push_back(Sending { id, message, stage: Stage::Published });
        }
        out
    }

    fn publish_came(&mut self, publish: &Publish<'_>, answers: &mut Vec<Vec<u8>>) {
        let text = std::str::from_utf8(publish.payload).expect("payloads are numbers");
        let message: MessageNumber = text.parse().expect("payloads are numbers");
        let received = Received { message, qos: publish.qos, retain: publish.retain, epoch: self.epoch };
        let Some(id) = publish.packet_id else {
            self.received.push(received);
            return;
        };
        self.unacknowledged.insert(id);
        let receive_max = if self.version.is_v5() { usize::from(self.receive_max) } else { 20 };
        assert!(self.unacknowledged.len() <= receive_max, "{}: Receive Maximum [MQTT-3.3.4-9]", self.id);
        if publish.qos == QoS::AtLeastOnce {
            self.received.push(received);
            self.unacknowledged.remove(&id);
            answers.push(self.encoded(&Packet::PubAck(Ack::new(id))));
        } else {
            if self.incoming.insert(id) {
                self.received.push(received);
            } else {
                assert_eq!(publish.dup, Dup::Again, "{}: packet id {id:?} is in use [MQTT-2.2.1-4]", self.id);
            }
            answers.push(self.encoded(&Packet::PubRec(Ack::new(id))));
        }
    }

    fn pubrec(&mut self, ack: &Ack<'_>, history: &mut History, answers: &mut Vec<Vec<u8>>) {
        let Some(sending) = self.sending.iter_mut().find(|one| one.id == ack.packet_id) else {
            panic!("PUBREC for nothing: {ack:?}");
        };
        if ack.reason.is_error() {
            return self.completed(ack.packet_id, history, answers);
        }
        sending.stage = Stage::Released;
        answers.push(self.encoded(&Packet::PubRel(Ack::new(ack.packet_id))));
    }

    fn completed(&mut self, id: PacketId, history: &mut History, answers: &mut Vec<Vec<u8>>) {
        let at =
            self.sending.iter().position(|one| one.id == id).expect("an acknowledgement answers something");
        let done = self.sending.remove(at).expect("it was found there");
        history.acknowledged(done.message);
        answers.extend(self.pump(history));
    }

    fn suback(&mut self, suback: &SubAck<'_>, history: &History) {
        let Some(Asked::Subscribe(filter)) = self.asked.remove(&suback.packet_id) else {
            panic!("SUBACK for nothing: {suback:?}");
        };
        let qos =
            QoS::from_u8(suback.codes.iter().next().expect("one code per filter").as_u8()).expect("granted");
        let asked_again = self.asked.values().any(|asked| match asked {
            Asked::Subscribe(other) | Asked::Unsubscribe(other) => *other == filter,
        });
        if !asked_again {
            self.subscriptions.insert(filter, Active { since: history.step, qos });
        }
    }

    fn publish_bytes(
        &self,
        message: MessageNumber,
        packet_id: Option<PacketId>,
        dup: Dup,
        history: &History,
    ) -> Vec<u8> {
        let published = &history.published[message];
        self.encoded(&Packet::Publish(Publish {
            dup,
            qos: published.qos,
            retain: published.retain,
            topic: Some(TopicName::parse(published.topic).expect("a valid topic")),
            packet_id,
            properties: Properties::EMPTY,
            payload: message.to_string().as_bytes(),
        }))
    }

    fn take_id(&mut self) -> PacketId {
        loop {
            self.next_id = self.next_id % 40 + 1;
            let id = PacketId::new(self.next_id).expect("not 0");
            if !self.asked.contains_key(&id) && self.sending.iter().all(|one| one.id != id) {
                return id;
            }
        }
    }

    fn encoded(&self, packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes).expect("the model client speaks MQTT");
        bytes
    }
}
