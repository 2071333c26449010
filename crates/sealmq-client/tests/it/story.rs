//! A session and the server's side of its wire: what a test tells.

use sealmq_client::{Event, Input, Now, Output, Property, Session, SessionOptions, Version};
use sealmq_mqtt::{
    ConnAck, ConnAckCode, ConnectReturnCode, Decoded, Limits, Packet, Properties, PropertiesBuf, ReasonCode,
};

pub(crate) struct Story {
    pub(crate) session: Session,
    pub(crate) now: Now,
    version: Version,
    /// Packets that the client has sent and no test has looked at.
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) events: Vec<Event>,
    pub(crate) closed: bool,
}

impl Story {
    pub(crate) fn of(options: SessionOptions) -> Self {
        let version = options.version;
        Self {
            session: Session::new(options),
            now: Now(0),
            version,
            sent: vec![],
            events: vec![],
            closed: false,
        }
    }

    pub(crate) fn v311() -> Self {
        let mut story = Self::of(SessionOptions { client_id: "c".into(), ..SessionOptions::default() });
        story.open();
        story.connack(false, &PropertiesBuf::new());
        story
    }

    pub(crate) fn v5(connack: &[sealmq_mqtt::Property<'_>], properties: Vec<Property>) -> Self {
        let options = SessionOptions {
            version: Version::V5,
            client_id: "c".into(),
            properties,
            ..SessionOptions::default()
        };
        let mut story = Self::of(options);
        story.open();
        story.connack(false, &PropertiesBuf::of(connack.iter().copied()).unwrap());
        story
    }

    pub(crate) fn open(&mut self) {
        self.closed = false;
        self.session.handle(self.now, Input::Opened);
        self.drain();
    }

    pub(crate) fn lose(&mut self) {
        self.session.handle(self.now, Input::Lost);
        self.drain();
    }

    pub(crate) fn connack(&mut self, session_present: bool, properties: &PropertiesBuf) {
        let code = if self.version == Version::V5 {
            ConnAckCode::V5(ReasonCode::Success)
        } else {
            ConnAckCode::V3(ConnectReturnCode::Accepted)
        };
        self.sent.clear();
        self.server(&Packet::ConnAck(ConnAck {
            session_present,
            code,
            properties: properties.as_properties(),
        }));
    }

    pub(crate) fn refuse(&mut self, code: ConnAckCode) {
        self.server(&Packet::ConnAck(ConnAck {
            session_present: false,
            code,
            properties: Properties::EMPTY,
        }));
    }

    /// The server sends a packet; the session must take all of it unless it ends the connection.
    pub(crate) fn server(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        sealmq_mqtt::encode(packet, self.version, &mut bytes).unwrap();
        // In two pieces, as a network may have it.
        let half = bytes.len() / 2;
        assert_eq!(self.session.receive(self.now, &bytes[..half]), 0);
        self.session.receive(self.now, &bytes);
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => self.sent.push(bytes),
                Output::Event(event) => self.events.push(event),
                Output::Close => self.closed = true,
            }
        }
    }

    /// What the client has sent since the last look, as text.
    pub(crate) fn wire(&mut self) -> Vec<String> {
        self.drain();
        let limits = Limits::of_broker();
        let sent = std::mem::take(&mut self.sent);
        sent.iter()
            .map(|bytes| match sealmq_mqtt::decode(bytes, self.version, &limits).unwrap() {
                Decoded::Packet { packet, .. } => name(&packet),
                Decoded::Incomplete { .. } => panic!("half a packet"),
            })
            .collect()
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "what the stories do not look into")]
fn name(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Publish(publish) => format!(
            "PUBLISH {} {:?} {:?} {}",
            publish.packet_id.map_or(0, sealmq_mqtt::PacketId::get),
            publish.dup,
            publish.qos,
            String::from_utf8_lossy(publish.payload)
        ),
        Packet::PubAck(ack) => format!("PUBACK {}", ack.packet_id),
        Packet::PubRec(ack) => format!("PUBREC {}", ack.packet_id),
        Packet::PubRel(ack) => format!("PUBREL {}", ack.packet_id),
        Packet::PubComp(ack) => format!("PUBCOMP {} {:?}", ack.packet_id, ack.reason),
        Packet::Subscribe(subscribe) => format!("SUBSCRIBE {}", subscribe.packet_id),
        Packet::PingReq => "PINGREQ".into(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {:?}", disconnect.reason),
        other => format!("{:?}", other.packet_type()),
    }
}
