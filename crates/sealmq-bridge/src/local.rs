//! The link to the local broker: MQTT 5.0, since only that can say no-local and retain-as-published.

use sealmq_mqtt::{
    Ack, ConnAck, Connect, Decoded, Limits, Packet, PacketId, Properties, PropertiesBuf, Property, Publish,
    QoS, ReasonCode, RetainHandling, SubscriptionOptions, TopicName, Version, Will,
};

use crate::bridge::{Bridge, Remote};
use crate::inward::{self, Stage};
use crate::io::{Now, Output, Told};
use crate::message::Message;
use crate::outward;
use crate::spec::{OfflineQoS0, Start, StartType};
use crate::wire::{self, Answer};

/// The link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Local {
    /// None; asked for again then.
    Down { retry_at: Option<Now> },
    /// CONNECT is out.
    Connecting,
    /// So many messages may be on their way there.
    Up {
        window: usize,
        /// SUBSCRIBEs without an answer.
        unanswered: usize,
    },
}

/// Seconds of a session that never ends. MQTT §3.1.2.11.2
const NEVER: u32 = u32::MAX;
/// What the local broker may have on its way to us, whatever `max_inflight_messages` says.
const LOCAL_WINDOW_MAX: u16 = 1_000;
/// QoS 0 messages that wait for the remote broker, whatever `max_queued_messages` says.
const QOS0_WAITING_MAX: usize = 65_535;
/// How long until a link that the local broker has cut is made again.
const RETRY_MS: u64 = 1_000;
/// mosquitto's answer for a message that nobody took is no error, and neither is this.
const TAKEN: ReasonCode = ReasonCode::Success;

impl Bridge {
    pub(crate) fn open_local(&mut self) {
        self.local = Local::Connecting;
        match self.local_connect() {
            Ok(connect) => self.outputs.push_back(Output::OpenLocal { connect }),
            Err(error) => self.local_refused(&error.to_string()),
        }
    }

    fn local_connect(&self) -> wire::Written {
        let expiry = match self.spec.local_start {
            Start::Resume => NEVER,
            Start::Clean => 0,
        };
        let receive = self.spec.inflight_max.clamp(1, LOCAL_WINDOW_MAX);
        let receive = std::num::NonZeroU16::new(receive).map(Property::ReceiveMaximum);
        let properties =
            PropertiesBuf::of([Property::SessionExpiryInterval(expiry)].into_iter().chain(receive))
                .expect("numbers are never too long, and these are two different ones");
        // A bridge that falls over is down, whoever else can say so.
        let topic = self.spec.notifications.as_ref().and_then(|told| TopicName::parse(&told.topic).ok());
        wire::connect(&Connect {
            version: Version::V5,
            bridge: false,
            clean_start: self.spec.local_start == Start::Clean,
            keep_alive_secs: 0,
            client_id: &self.spec.local_client_id,
            will: topic.map(|topic| Will {
                topic,
                payload: b"0",
                qos: QoS::AtLeastOnce,
                retain: true,
                properties: Properties::EMPTY,
            }),
            username: None,
            password: None,
            properties: properties.as_properties(),
        })
    }

    /// Takes what the local broker has sent so far, and returns how many bytes of it are done with.
    pub fn receive_local(&mut self, now: Now, bytes: &[u8]) -> usize {
        let mut done = 0;
        while !matches!(self.local, Local::Down { .. }) {
            match sealmq_mqtt::decode(&bytes[done..], Version::V5, &Limits::of_client()) {
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(Decoded::Packet { packet, len }) => {
                    done += len;
                    self.local_packet(now, &packet);
                }
                Err(error) => {
                    self.local_refused(&error.to_string());
                    self.drop_local(now);
                }
            }
        }
        done
    }

    fn local_packet(&mut self, now: Now, packet: &Packet<'_>) {
        match packet {
            Packet::ConnAck(connack) => self.local_connack(now, connack),
            Packet::Publish(publish) => self.outward_publish(now, publish),
            Packet::PubAck(ack) => self.local_puback(now, ack),
            Packet::PubRec(ack) => self.local_pubrec(now, ack),
            Packet::PubRel(ack) => {
                self.outward.released(ack.packet_id);
                self.ack_local(Answer::Comp, ack.packet_id, TAKEN);
            }
            Packet::PubComp(ack) => self.local_pubcomp(now, ack),
            Packet::SubAck(_) => self.local_suback(now),
            Packet::Disconnect(disconnect) => {
                self.local_refused(disconnect.reason.text());
                self.drop_local(now);
            }
            Packet::UnsubAck(_)
            | Packet::PingResp
            | Packet::PingReq
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::Auth(_) => {}
        }
    }

    fn local_connack(&mut self, now: Now, connack: &ConnAck<'_>) {
        if !connack.code.is_accepted() {
            self.local_refused("CONNACK says no");
            return self.drop_local(now);
        }
        let window = connack.properties.receive_maximum().map_or(u16::MAX, std::num::NonZeroU16::get);
        self.local = Local::Up { window: window.into(), unanswered: 0 };
        match connack.session_present {
            true => self.resume_local(now),
            false => {
                self.outward.local_forgot();
                self.inward.local_forgot();
            }
        }
        for filter in std::mem::take(&mut self.spec.stale_filters) {
            let id = self.local_id();
            if let Some(packet) = wire::unsubscribe(id, &filter, Version::V5) {
                self.outputs.push_back(Output::SendLocal(packet));
            }
        }
        let handling = match self.remote {
            Remote::Up(_) => RetainHandling::SendAtSubscribe,
            Remote::Down { .. } | Remote::Dialling { .. } | Remote::Connecting { .. } => {
                RetainHandling::DoNotSend
            }
        };
        self.subscribe_locally(handling);
        self.pump_local(now);
        self.local_suback_or_none(now);
    }

    /// Sends again what the local broker has not answered. [MQTT-4.4.0-1]
    fn resume_local(&mut self, now: Now) {
        let mut packets = Vec::new();
        for entry in self.inward.iter_mut() {
            match (entry.stage, entry.local) {
                (Stage::Sent, Some(id)) => {
                    packets.extend(local_publish(now, &entry.message, Some(id), sealmq_mqtt::Dup::Again));
                }
                (Stage::Released, Some(id)) => {
                    packets.push(wire::ack(Answer::Rel, id, TAKEN, Version::V5));
                }
                (Stage::Waiting | Stage::Sent | Stage::Received | Stage::Released, _) => {}
            }
        }
        self.outputs.extend(packets.into_iter().map(Output::SendLocal));
    }

    /// One SUBSCRIBE for each line that goes out.
    pub(crate) fn subscribe_locally(&mut self, retain_handling: RetainHandling) {
        let rules: Vec<_> = self.spec.topics.iter().filter(|rule| rule.goes_out()).cloned().collect();
        for rule in rules {
            let options = SubscriptionOptions {
                qos: rule.qos(),
                // On a shared subscription it is not allowed. [MQTT-3.8.3-4]
                no_local: !rule.local_filter().starts_with("$share/"),
                retain_as_published: true,
                retain_handling,
            };
            let id = self.local_id();
            let Some(packet) = wire::subscribe(id, rule.local_filter(), options, Version::V5) else {
                continue;
            };
            self.outputs.push_back(Output::SendLocal(packet));
            if let Local::Up { unanswered, .. } = &mut self.local {
                *unanswered += 1;
            }
            let client_id = self.spec.local_client_id.clone();
            let filter = rule.local_filter().to_owned();
            self.tell(Told::LocalSubscribe { client_id, filter });
        }
    }

    fn local_suback(&mut self, now: Now) {
        if let Local::Up { unanswered, .. } = &mut self.local {
            *unanswered = unanswered.saturating_sub(1);
        }
        self.local_suback_or_none(now);
    }

    /// The remote broker is dialled only when nothing that is published here from now on can be missed.
    fn local_suback_or_none(&mut self, now: Now) {
        if matches!(self.local, Local::Up { unanswered: 0, .. }) && !self.ready {
            self.ready = true;
            self.announce(now, b"0");
            self.dial(now);
        }
    }

    pub(crate) fn drop_local(&mut self, now: Now) {
        self.outputs.push_back(Output::CloseLocal);
        self.local_lost(now);
    }

    pub(crate) fn local_lost(&mut self, now: Now) {
        self.local = Local::Down { retry_at: Some(Now(now.0 + RETRY_MS)) };
    }

    fn local_refused(&mut self, text: &str) {
        let (name, text) = (self.spec.name.clone(), text.to_owned());
        self.tell(Told::LocalRefused { name, text });
    }

    /// A message of the local broker.
    fn outward_publish(&mut self, now: Now, publish: &Publish<'_>) {
        let Some(topic) = publish.topic.map(TopicName::as_str) else { return };
        if let Some(id) = publish.packet_id {
            if self.outward.is_answered(id) {
                return self.ack_local(Answer::Rec, id, TAKEN);
            }
            if self.outward.knows_local(id) {
                return;
            }
        }
        if !self.keeps(publish.qos) {
            return self.acknowledge_local(publish.packet_id, publish.qos);
        }
        let message = Message::of(now, crate::topics::outward(&self.spec.topics, topic), publish);
        let remote = publish.packet_id.map(|_| self.remote_id());
        let stage = outward::Stage::Fresh;
        self.outward.push(outward::Entry { message, local: publish.packet_id, remote, stage });
        match self.remote {
            Remote::Up(_) => self.pump_remote(now),
            Remote::Down { .. } => self.wake(now),
            Remote::Dialling { .. } | Remote::Connecting { .. } => {}
        }
    }

    /// Whether a message waits for the remote broker if need be. mosquitto's rules.
    fn keeps(&self, qos: QoS) -> bool {
        match (&self.remote, qos) {
            (Remote::Up(_), _) => true,
            (Remote::Down { .. }, _) if self.spec.local_start == Start::Clean => false,
            (Remote::Down { .. }, QoS::AtMostOnce) if !self.qos0_waits() => false,
            // While it connects, as in mosquitto.
            (_, QoS::AtMostOnce) => self.outward.waiting_qos0() < self.spec.queued_max.min(QOS0_WAITING_MAX),
            (_, QoS::AtLeastOnce | QoS::ExactlyOnce) => true,
        }
    }

    /// Whether QoS 0 is kept for a remote broker that is away.
    pub(crate) fn qos0_waits(&self) -> bool {
        let lazy = matches!(self.spec.start_type, StartType::Lazy { .. });
        lazy || self.spec.offline_qos0 == OfflineQoS0::Queued
    }

    /// The remote broker has it, or never will.
    pub(crate) fn acknowledge_local(&mut self, local: Option<PacketId>, qos: QoS) {
        let Some(id) = local else { return };
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.ack_local(Answer::Ack, id, TAKEN),
            QoS::ExactlyOnce => {
                self.outward.answered(id);
                self.ack_local(Answer::Rec, id, TAKEN);
            }
        }
    }

    pub(crate) fn ack_local(&mut self, which: Answer, id: PacketId, reason: ReasonCode) {
        if matches!(self.local, Local::Up { .. }) {
            self.outputs.push_back(Output::SendLocal(wire::ack(which, id, reason, Version::V5)));
        }
    }

    /// Sends what may be sent to the local broker now. [MQTT-3.3.4-7]
    pub(crate) fn pump_local(&mut self, now: Now) {
        let Local::Up { window, .. } = self.local else { return };
        while let Some((index, qos)) = self.inward.next() {
            if qos != QoS::AtMostOnce && self.inward.in_flight() >= window {
                return;
            }
            let sent = match qos {
                QoS::AtMostOnce => self.inward.take(index).map(|entry| (entry.message, None)),
                QoS::AtLeastOnce | QoS::ExactlyOnce => {
                    let id = self.local_id();
                    self.inward.sent(index, id).map(|entry| (entry.message.clone(), Some(id)))
                }
            };
            let Some((message, id)) = sent else { return };
            match local_publish(now, &message, id, sealmq_mqtt::Dup::First) {
                Some(packet) => self.outputs.push_back(Output::SendLocal(packet)),
                // Expired, or no message for the local broker: the remote one need not keep it.
                None => self.give_up_inward(now, id),
            }
        }
    }

    fn give_up_inward(&mut self, now: Now, local: Option<PacketId>) {
        let Some((index, _)) = local.and_then(|id| self.inward.by_local(id)) else { return };
        if let Some(entry) = self.inward.take(index) {
            self.acknowledge_remote(now, entry.remote, entry.message.qos);
        }
    }

    fn local_puback(&mut self, now: Now, ack: &Ack<'_>) {
        let Some((index, entry)) = self.inward.by_local(ack.packet_id) else { return };
        if entry.message.qos == QoS::AtLeastOnce && entry.stage == Stage::Sent {
            self.inward_done(now, index, ack.reason);
        }
    }

    fn local_pubrec(&mut self, now: Now, ack: &Ack<'_>) {
        let Some((index, entry)) = self.inward.by_local(ack.packet_id) else {
            return self.ack_local(Answer::Rel, ack.packet_id, ReasonCode::PacketIdentifierNotFound);
        };
        if ack.reason.is_error() {
            return self.inward_done(now, index, ack.reason);
        }
        if entry.stage != Stage::Sent {
            return;
        }
        entry.stage = Stage::Received;
        match entry.remote {
            Some(remote) => self.ack_remote(now, Answer::Rec, remote, TAKEN),
            None => self.release_locally(ack.packet_id),
        }
    }

    /// Passes PUBREL on.
    pub(crate) fn release_locally(&mut self, local: PacketId) {
        if let Some((_, entry)) = self.inward.by_local(local) {
            entry.stage = Stage::Released;
            self.ack_local(Answer::Rel, local, TAKEN);
        }
    }

    fn local_pubcomp(&mut self, now: Now, ack: &Ack<'_>) {
        let Some((index, entry)) = self.inward.by_local(ack.packet_id) else { return };
        if entry.stage != Stage::Released {
            return;
        }
        let remote = entry.remote;
        self.inward.take(index);
        if let Some(remote) = remote {
            self.ack_remote(now, Answer::Comp, remote, TAKEN);
        }
        self.pump_local(now);
    }

    /// The local broker has it, or will not take it.
    fn inward_done(&mut self, now: Now, index: usize, reason: ReasonCode) {
        let Some(entry) = self.inward.take(index) else { return };
        if reason.is_error() {
            let (name, topic) = (self.spec.name.clone(), entry.message.topic.clone());
            self.tell(Told::Dropped {
                name,
                topic,
                why: format!("the local broker says: {}", reason.text()),
            });
        }
        self.acknowledge_remote(now, entry.remote, entry.message.qos);
        self.pump_local(now);
    }

    /// The bridge's state, for local subscribers.
    pub(crate) fn announce(&mut self, now: Now, payload: &'static [u8]) {
        let Some(told) = &self.spec.notifications else { return };
        let message = Message::state(now, &told.topic, payload, QoS::AtLeastOnce);
        self.inward.push(inward::Entry { message, remote: None, local: None, stage: Stage::Waiting });
        self.pump_local(now);
    }

    fn local_id(&mut self) -> PacketId {
        let inward = &self.inward;
        self.local_ids.take(|id| inward.uses_local(id))
    }
}

fn local_publish(
    now: Now,
    message: &Message,
    packet_id: Option<PacketId>,
    dup: sealmq_mqtt::Dup,
) -> Option<Vec<u8>> {
    let expiry = message.expiry(now).ok()?;
    let topic = TopicName::parse(&message.topic).ok()?;
    let forwarded = message.forwarded.as_properties();
    let properties =
        PropertiesBuf::of(forwarded.iter().chain(expiry.map(Property::MessageExpiryInterval))).ok()?;
    let publish = Publish {
        dup,
        qos: message.qos,
        retain: message.retain,
        topic: Some(topic),
        packet_id,
        properties: properties.as_properties(),
        payload: &message.payload,
    };
    wire::packet(&Packet::Publish(publish), Version::V5).ok()
}
