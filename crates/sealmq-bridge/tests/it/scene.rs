//! A bridge between two brokers that this file plays.

use std::collections::VecDeque;

use sealmq_bridge::{Bridge, BridgeSpec, Direction, Input, Now, Output, TopicRule};
use sealmq_mqtt::{
    Ack, ConnAck, ConnAckCode, ConnectReturnCode, Decoded, DecodedConnect, Dup, Limits, Packet, PacketId,
    Properties, PropertiesBuf, Property, Publish, QoS, ReasonCode, SubAck, TopicName, Version,
};

pub(crate) struct Scene {
    pub(crate) bridge: Bridge,
    pub(crate) now: u64,
    version: Version,
    to_local: VecDeque<String>,
    to_remote: VecDeque<String>,
    pub(crate) last_connect: Vec<u8>,
    /// What the shell was asked to do, and what was told.
    pub(crate) wishes: VecDeque<String>,
}

/// The fuzz target's bridge: `in/#` comes in, `out/#` goes out, QoS 2 each; without notifications.
pub(crate) fn spec() -> BridgeSpec {
    BridgeSpec { notifications: None, ..sealmq_bridge::fuzzing::spec(Version::V311) }
}

pub(crate) fn rule(pattern: &str, direction: Direction, local: &str, remote: &str) -> TopicRule {
    TopicRule::new(pattern, direction, QoS::AtLeastOnce, local, remote).unwrap()
}

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

impl Scene {
    /// It has been started, its local session exists, and it dials.
    pub(crate) fn new(spec: BridgeSpec) -> Scene {
        let version = spec.version;
        let mut scene = Scene {
            bridge: Bridge::new(spec),
            now: 0,
            version,
            to_local: VecDeque::new(),
            to_remote: VecDeque::new(),
            last_connect: Vec::new(),
            wishes: VecDeque::new(),
        };
        scene.input(Input::Start);
        scene.wished("local");
        scene.accept_local(20);
        scene
    }

    /// The same, and the remote broker has let it in; what it says first is over.
    pub(crate) fn connected(spec: BridgeSpec) -> Scene {
        let mut scene = Scene::new(spec);
        scene.wished("dial 0");
        scene.accept(&[]);
        scene.forget();
        scene
    }

    pub(crate) fn accept_local(&mut self, window: u16) {
        let properties = PropertiesBuf::of([Property::ReceiveMaximum(window.try_into().unwrap())]).unwrap();
        let code = ConnAckCode::V5(ReasonCode::Success);
        let properties = properties.as_properties();
        self.local(&Packet::ConnAck(ConnAck { session_present: false, code, properties }));
        self.answer_local_subscribes();
    }

    pub(crate) fn answer_local_subscribes(&mut self) {
        let asked = self.to_local.iter().filter(|said| said.starts_with("SUBSCRIBE")).count();
        for _ in 0..asked {
            let (properties, codes) = (Properties::EMPTY, [ReasonCode::GrantedQoS2]);
            let codes = sealmq_mqtt::ReasonCodes::new(&codes);
            self.local(&Packet::SubAck(SubAck { packet_id: id(1), properties, codes }));
        }
    }

    /// TCP, CONNECT, CONNACK with these properties (5.0).
    pub(crate) fn accept(&mut self, properties: &[Property<'_>]) {
        self.input(Input::RemoteOpened);
        let properties = PropertiesBuf::of(properties.iter().copied()).unwrap();
        let code = match self.version {
            Version::V5 => ConnAckCode::V5(ReasonCode::Success),
            Version::V31 | Version::V311 => ConnAckCode::V3(ConnectReturnCode::Accepted),
        };
        let properties = properties.as_properties();
        self.remote(&Packet::ConnAck(ConnAck { session_present: true, code, properties }));
    }

    /// From now on it is spoken to in another version.
    pub(crate) fn speaks(&mut self, version: Version) {
        self.version = version;
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.bridge.handle(Now(self.now), input);
        self.drain();
    }

    /// Lets time pass up to each moment that the bridge asks for.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now + seconds * 1000;
        while let Some(Now(at)) = self.bridge.poll_timeout().filter(|at| at.0 <= end) {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    pub(crate) fn local(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        sealmq_mqtt::encode(packet, Version::V5, &mut bytes).unwrap();
        let done = self.bridge.receive_local(Now(self.now), &bytes);
        assert_eq!(done, bytes.len());
        self.drain();
    }

    pub(crate) fn remote(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        sealmq_mqtt::encode(packet, self.version, &mut bytes).unwrap();
        self.remote_bytes(&bytes);
    }

    pub(crate) fn remote_bytes(&mut self, bytes: &[u8]) -> usize {
        let done = self.bridge.receive_remote(Now(self.now), bytes);
        self.drain();
        done
    }

    pub(crate) fn local_publishes(&mut self, topic: &str, qos: QoS, number: u16) {
        self.local(&publish(topic, qos, number, Dup::First));
    }

    pub(crate) fn remote_publishes(&mut self, topic: &str, qos: QoS, number: u16) {
        self.remote(&publish(topic, qos, number, Dup::First));
    }

    pub(crate) fn remote_repeats(&mut self, topic: &str, qos: QoS, number: u16) {
        self.remote(&publish(topic, qos, number, Dup::Again));
    }

    /// The next thing said to the local broker is this.
    pub(crate) fn says_here(&mut self, said: &str) -> &mut Scene {
        assert_eq!(self.to_local.pop_front().as_deref(), Some(said));
        self
    }

    /// The next thing said to the remote broker is this.
    pub(crate) fn says_there(&mut self, said: &str) -> &mut Scene {
        assert_eq!(self.to_remote.pop_front().as_deref(), Some(said));
        self
    }

    pub(crate) fn says_nothing(&self) {
        assert!(
            self.to_local.is_empty() && self.to_remote.is_empty(),
            "{:?} {:?}",
            self.to_local,
            self.to_remote
        );
    }

    pub(crate) fn wished(&mut self, wish: &str) {
        let position = self.wishes.iter().position(|wished| wished == wish);
        let position = position.unwrap_or_else(|| panic!("{wish} is not among {:?}", self.wishes));
        self.wishes.drain(..=position);
    }

    pub(crate) fn never_wished(&self, wish: &str) {
        assert!(!self.wishes.iter().any(|wished| wished.starts_with(wish)), "{:?}", self.wishes);
    }

    pub(crate) fn forget(&mut self) {
        self.to_local.clear();
        self.to_remote.clear();
        self.wishes.clear();
    }

    fn drain(&mut self) {
        while let Some(output) = self.bridge.poll_output() {
            match output {
                Output::OpenLocal { connect } => {
                    self.wishes.push_back("local".to_owned());
                    self.last_connect = connect;
                }
                Output::CloseLocal => self.wishes.push_back("close local".to_owned()),
                Output::Dial { address } => self.wishes.push_back(format!("dial {address}")),
                Output::CloseRemote => self.wishes.push_back("hang up".to_owned()),
                Output::Probe { address } => self.wishes.push_back(format!("probe {address}")),
                Output::Stopped => self.wishes.push_back("stopped".to_owned()),
                Output::Tell(told) => self.wishes.push_back(told.to_string()),
                Output::SendLocal(bytes) => self.to_local.extend(spell(&bytes, Version::V5)),
                Output::SendRemote(bytes) => {
                    if bytes[0] == 0x10 {
                        self.last_connect.clone_from(&bytes);
                        self.to_remote.push_back("CONNECT".to_owned());
                    } else {
                        self.to_remote.extend(spell(&bytes, self.version));
                    }
                }
            }
        }
    }

    /// The last CONNECT that was sent or handed over.
    pub(crate) fn connect<T>(&self, look: impl FnOnce(&sealmq_mqtt::Connect<'_>) -> T) -> T {
        match sealmq_mqtt::decode_connect(&self.last_connect, &Limits::of_broker()).unwrap() {
            DecodedConnect::Connect { connect, .. } => look(&connect),
            DecodedConnect::Incomplete { .. } => panic!("half a CONNECT"),
        }
    }
}

pub(crate) fn ack(number: u16) -> Ack<'static> {
    Ack::new(id(number))
}

fn publish(topic: &str, qos: QoS, number: u16, dup: Dup) -> Packet<'_> {
    Packet::Publish(Publish {
        dup,
        qos,
        retain: false,
        topic: Some(TopicName::parse(topic).unwrap()),
        packet_id: (qos != QoS::AtMostOnce).then(|| id(number)),
        properties: Properties::EMPTY,
        payload: b"payload",
    })
}

/// Packets as these stories write them: `PUBLISH out/a q1 id 3 dup`.
fn spell(bytes: &[u8], version: Version) -> Option<String> {
    // Not a packet that a broker reads: see `a_broker_that_asks_is_answered_as_mosquittos_bridge_does`.
    if bytes == [0xd0, 0] {
        return Some("PINGRESP".to_owned());
    }
    let Ok(Decoded::Packet { packet, len }) = sealmq_mqtt::decode(bytes, version, &Limits::of_broker())
    else {
        panic!("{bytes:02x?} is no packet for a broker of {version:?}");
    };
    assert_eq!(len, bytes.len(), "one packet at a time");
    Some(match packet {
        Packet::Publish(publish) => {
            let topic = publish.topic.map_or("-", TopicName::as_str).to_owned();
            let number = publish.packet_id.map(|id| format!(" id {id}")).unwrap_or_default();
            let alias = publish.properties.topic_alias().map(|alias| format!(" alias {alias}"));
            let dup = if publish.dup == Dup::Again { " dup" } else { "" };
            let retain = if publish.retain { " retain" } else { "" };
            let alias = alias.unwrap_or_default();
            format!("PUBLISH {topic} q{}{number}{dup}{retain}{alias}", publish.qos.as_u8())
        }
        Packet::PubAck(ack) => format!("PUBACK {}", ack.packet_id),
        Packet::PubRec(ack) => format!("PUBREC {}", ack.packet_id),
        Packet::PubRel(ack) => format!("PUBREL {}", ack.packet_id),
        Packet::PubComp(ack) => format!("PUBCOMP {}", ack.packet_id),
        Packet::Subscribe(subscribe) => {
            let asked = subscribe.subscriptions.iter().next().unwrap();
            let options = asked.options;
            let no_local = if options.no_local { " no-local" } else { "" };
            let published = if options.retain_as_published { " as-published" } else { "" };
            let filter = asked.filter.as_str();
            format!(
                "SUBSCRIBE {} {filter} q{}{no_local}{published}",
                subscribe.packet_id,
                options.qos.as_u8()
            )
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filter = unsubscribe.filters.iter().next().unwrap();
            format!("UNSUBSCRIBE {} {}", unsubscribe.packet_id, filter.as_str())
        }
        other => format!("{:?}", other.packet_type()).to_uppercase(),
    })
}
