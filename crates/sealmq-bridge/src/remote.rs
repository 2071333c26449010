//! The link to the remote broker: CONNECT and what follows it, exactly as mosquitto's bridge writes it.

use sealmq_mqtt::{
    Ack, ConnAck, ConnAckCode, Connect, Decoded, Dup, Limits, Packet, PacketId, Properties, PropertiesBuf,
    Property, Publish, QoS, ReasonCode, RetainHandling, Secret, SubscriptionOptions, TopicName, Version,
    Will,
};

use crate::aliases::{AliasesIn, AliasesOut, Naming};
use crate::bridge::{Bridge, PROBE_MS, Remote};
use crate::inward::{self, INWARD_WAITING_MAX};
use crate::io::{Now, Output, Told};
use crate::message::Message;
use crate::outward::Stage;
use crate::spec::{BridgeSpec, Start, StartType};
use crate::wire::{self, Answer};

/// A connection that CONNACK has opened.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) since: Now,
    pub(crate) probe_at: Option<Now>,
    keep_alive_ms: u64,
    last_sent: Now,
    last_received: Now,
    last_message: Now,
    ping_sent: bool,
    window: usize,
    packet_bytes_max: Option<u32>,
    aliases_out: AliasesOut,
    aliases_in: AliasesIn,
    /// SUBSCRIBEs that are not answered, to say which was refused.
    subscribing: Vec<(PacketId, String)>,
}

/// An acknowledgement without anything to say.
const TAKEN: ReasonCode = ReasonCode::Success;

impl Link {
    /// When something is to be done about it.
    pub(crate) fn deadline(&self, spec: &BridgeSpec) -> Option<Now> {
        let quiet = self.last_sent.min(self.last_received);
        let ping = (self.keep_alive_ms != 0).then(|| Now(quiet.0 + self.keep_alive_ms));
        let idle = match spec.start_type {
            StartType::Lazy { idle_secs, .. } => Some(Now(self.last_message.0 + u64::from(idle_secs) * 1000)),
            StartType::Automatic | StartType::Once => None,
        };
        ping.into_iter().chain(idle).chain(self.probe_at).min()
    }
}

impl Bridge {
    pub(crate) fn remote_opened(&mut self, now: Now) {
        if !matches!(self.remote, Remote::Dialling { .. }) {
            return;
        }
        self.remote =
            Remote::Connecting { give_up_at: Now(now.0 + u64::from(self.spec.keep_alive_secs) * 1000) };
        match self.remote_connect() {
            Ok(packet) => self.outputs.push_back(Output::SendRemote(packet)),
            Err(error) => self.fault(now, &format!("cannot be told who we are: {error}")),
        }
    }

    fn remote_connect(&self) -> wire::Written {
        let (spec, version) = (&self.spec, self.learned.version);
        let properties = self.connect_properties();
        let told = spec.notifications.as_ref().filter(|told| !told.local_only);
        let topic = told.and_then(|told| TopicName::parse(&told.topic).ok());
        wire::connect(&Connect {
            version,
            bridge: !version.is_v5() && self.learned.takes_bridge_bit,
            clean_start: spec.remote_start == Start::Clean,
            keep_alive_secs: spec.keep_alive_secs,
            client_id: &spec.remote_client_id,
            will: topic.map(|topic| Will {
                topic,
                payload: b"0",
                qos: self.learned.qos_max.min(QoS::AtLeastOnce),
                retain: self.learned.takes_retain,
                properties: Properties::EMPTY,
            }),
            username: spec.remote_username.as_deref(),
            password: spec.remote_password.as_ref().map(|password| Secret::new(password)),
            properties: properties.as_properties(),
        })
    }

    /// In mosquitto's order.
    fn connect_properties(&self) -> PropertiesBuf {
        let spec = &self.spec;
        if !self.learned.version.is_v5() {
            return PropertiesBuf::new();
        }
        let aliases =
            (spec.topic_alias_max != 0).then_some(Property::TopicAliasMaximum(spec.topic_alias_max));
        let expiry = spec.session_expiry_secs;
        let expiry = (expiry != 0).then_some(Property::SessionExpiryInterval(expiry));
        let receive = std::num::NonZeroU16::new(spec.receive_maximum).map(Property::ReceiveMaximum);
        PropertiesBuf::of(aliases.into_iter().chain(expiry).chain(receive))
            .expect("numbers are never too long, and each stands here once")
    }

    /// Takes what the remote broker has sent so far, and returns how many bytes of it are done with.
    pub fn receive_remote(&mut self, now: Now, bytes: &[u8]) -> usize {
        let limits = Limits::of_client().with_packet_bytes_max(self.spec.incoming_packet_bytes_max);
        let mut done = 0;
        while matches!(self.remote, Remote::Connecting { .. } | Remote::Up(_)) && self.reads_remote() {
            if self.is_refusal_of_v5(&bytes[done..]) {
                self.fall_back(now);
                return done;
            }
            if let ([0xc0, 0x00, ..], Remote::Up(link)) = (&bytes[done..], &mut self.remote) {
                link.last_received = now;
                done += 2;
                // No broker may ask, but mosquitto's bridge answers, and its tests ask.
                let bytes = wire::plain(&Packet::PingResp, self.learned.version);
                self.send_remote(now, bytes);
                continue;
            }
            match sealmq_mqtt::decode(&bytes[done..], self.learned.version, &limits) {
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(Decoded::Packet { packet, len }) => {
                    done += len;
                    self.remote_packet(now, &packet);
                }
                Err(error) => self.fault(now, &format!("sent what is no MQTT: {error}")),
            }
        }
        done
    }

    /// Whether the remote broker should be read: not while the local one takes nothing.
    pub fn reads_remote(&self) -> bool {
        self.inward.waiting() < INWARD_WAITING_MAX
    }

    /// A broker of MQTT 3.x answers CONNECT of 5.0 with a CONNACK of its own kind. [MQTT311-3.1.2-2]
    fn is_refusal_of_v5(&self, bytes: &[u8]) -> bool {
        let connecting = matches!(self.remote, Remote::Connecting { .. });
        connecting && self.learned.version.is_v5() && matches!(bytes, [0x20, 0x02, _, 0x01, ..])
    }

    fn fall_back(&mut self, now: Now) {
        let name = self.spec.name.clone();
        self.tell(Told::NotV5 { name });
        self.learned.version = Version::V311;
        self.hang_up(now);
    }

    fn remote_packet(&mut self, now: Now, packet: &Packet<'_>) {
        match &mut self.remote {
            Remote::Up(link) => {
                link.last_received = now;
                link.ping_sent = false;
            }
            Remote::Connecting { .. } => {
                let Packet::ConnAck(connack) = packet else {
                    return self.fault(now, "did not begin with CONNACK");
                };
                return self.remote_connack(now, connack);
            }
            Remote::Down { .. } | Remote::Dialling { .. } => return,
        }
        match packet {
            Packet::Publish(publish) => self.inward_publish(now, publish),
            Packet::PubAck(ack) => self.remote_puback(now, ack),
            Packet::PubRec(ack) => self.remote_pubrec(now, ack),
            Packet::PubRel(ack) => self.remote_pubrel(now, ack),
            Packet::PubComp(ack) => self.remote_pubcomp(now, ack),
            Packet::SubAck(suback) => {
                self.remote_suback(suback.packet_id, suback.codes.iter().any(ReasonCode::is_error));
            }
            Packet::UnsubAck(_) | Packet::PingResp => {}
            Packet::Disconnect(disconnect) => {
                let (name, reason) = (self.spec.name.clone(), disconnect.reason);
                self.tell(Told::Disconnected { name, reason });
                self.hang_up(now);
            }
            Packet::ConnAck(_)
            | Packet::PingReq
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::Auth(_) => self.fault(now, "sent a packet that no broker may send"),
        }
    }

    fn remote_connack(&mut self, now: Now, connack: &ConnAck<'_>) {
        if !connack.code.is_accepted() {
            return self.refused(now, connack.code);
        }
        let said = &connack.properties;
        if let Some(qos) = said.maximum_qos() {
            self.learned.qos_max = qos.qos();
        }
        // The configuration's false is not undone by a broker that could.
        self.learned.takes_retain &= said.retain_available().unwrap_or(true);
        let keep_alive = said.server_keep_alive().unwrap_or(self.spec.keep_alive_secs);
        let window = said.receive_maximum().map_or(u16::MAX, std::num::NonZeroU16::get);
        let inflight_max = if self.spec.inflight_max == 0 { u16::MAX } else { self.spec.inflight_max };
        let aliases = said.topic_alias_maximum().unwrap_or(0).min(self.spec.topic_alias_max);
        let sizes = self.spec.packet_bytes_max.into_iter();
        let link = Link {
            since: now,
            probe_at: self.probes().then_some(Now(now.0 + PROBE_MS)),
            keep_alive_ms: u64::from(keep_alive) * 1000,
            last_sent: now,
            last_received: now,
            last_message: now,
            ping_sent: false,
            window: window.min(inflight_max).into(),
            packet_bytes_max: sizes.chain(said.maximum_packet_size().map(std::num::NonZeroU32::get)).min(),
            aliases_out: AliasesOut::new(aliases),
            aliases_in: AliasesIn::new(self.spec.topic_alias_max),
            subscribing: Vec::new(),
        };
        self.remote = Remote::Up(Box::new(link));
        if !connack.session_present {
            self.remote_forgot();
        }
        self.begin(now);
    }

    /// What follows CONNACK, in mosquitto's order: the state, the topics, what was under way, what is retained here.
    fn begin(&mut self, now: Now) {
        let name = self.spec.name.clone();
        self.tell(Told::Connected { name });
        self.say_up(now);
        self.announce(now, b"1");
        self.subscribe_remotely(now);
        self.pump_remote(now);
        self.subscribe_locally(RetainHandling::SendAtSubscribe);
    }

    fn say_up(&mut self, now: Now) {
        let Some(packet) = self.state_packet(b"1", QoS::AtLeastOnce) else { return };
        self.send_remote(now, packet);
    }

    /// Before a good-bye, which takes the will with it.
    pub(crate) fn say_down(&mut self) {
        if let Some(packet) = self.state_packet(b"0", QoS::AtMostOnce) {
            self.outputs.push_back(Output::SendRemote(packet));
        }
    }

    fn state_packet(&mut self, payload: &[u8], qos: QoS) -> Option<Vec<u8>> {
        let told = self.spec.notifications.clone().filter(|told| !told.local_only)?;
        let topic = TopicName::parse(&told.topic).ok()?;
        let qos = qos.min(self.learned.qos_max);
        // mosquitto's bridge counts the id even where it is not written.
        let id = self.remote_id();
        let publish = Publish {
            dup: Dup::First,
            qos,
            retain: self.learned.takes_retain,
            topic: Some(topic),
            packet_id: (qos != QoS::AtMostOnce).then_some(id),
            properties: Properties::EMPTY,
            payload,
        };
        wire::packet(&Packet::Publish(publish), self.learned.version).ok()
    }

    /// One SUBSCRIBE or UNSUBSCRIBE for each topic line.
    fn subscribe_remotely(&mut self, now: Now) {
        let version = self.learned.version;
        for rule in self.spec.topics.clone() {
            if !rule.comes_in() && !self.spec.attempt_unsubscribe {
                continue;
            }
            let (id, filter) = (self.remote_id(), rule.remote_filter());
            let packet = match rule.comes_in() {
                true => {
                    let options = SubscriptionOptions {
                        qos: rule.qos().min(self.learned.qos_max),
                        no_local: version.is_v5() && !filter.starts_with("$share/"),
                        retain_as_published: version.is_v5(),
                        retain_handling: RetainHandling::SendAtSubscribe,
                    };
                    if let Remote::Up(link) = &mut self.remote {
                        link.subscribing.push((id, filter.to_owned()));
                    }
                    wire::subscribe(id, filter, options, version)
                }
                false => wire::unsubscribe(id, filter, version),
            };
            if let Some(packet) = packet {
                self.send_remote(now, packet);
            }
        }
    }

    fn remote_suback(&mut self, id: PacketId, refused: bool) {
        let Remote::Up(link) = &mut self.remote else { return };
        let Some(at) = link.subscribing.iter().position(|(asked, _)| *asked == id) else { return };
        let (_, filter) = link.subscribing.swap_remove(at);
        if refused {
            let name = self.spec.name.clone();
            self.tell(Told::SubscriptionRefused { name, filter });
        }
    }

    fn refused(&mut self, now: Now, code: ConnAckCode) {
        match code {
            ConnAckCode::V3(code) => {
                self.tell(Told::RefusedV3(code.as_u8()));
                if code == sealmq_mqtt::ConnectReturnCode::UnacceptableProtocolVersion {
                    self.learned.takes_bridge_bit = false;
                }
            }
            ConnAckCode::V5(reason) => {
                self.tell(Told::RefusedV5(reason));
                if reason == ReasonCode::QoSNotSupported {
                    let lower = self.learned.qos_max.as_u8().saturating_sub(1);
                    self.learned.qos_max = QoS::from_u8(lower).unwrap_or(QoS::AtMostOnce);
                }
                self.learned.takes_retain &= reason != ReasonCode::RetainNotSupported;
            }
        }
        self.hang_up(now);
    }

    /// The remote broker has no session of ours: it will neither release nor repeat what we have of it. What is here is
    /// ours then, and goes on. MQTT 3.1 cannot say whether it has one.
    fn remote_forgot(&mut self) {
        if self.learned.version == Version::V31 {
            return;
        }
        let mut release = Vec::new();
        for entry in self.inward.iter_mut() {
            if entry.remote.take().is_some() && entry.stage == inward::Stage::Received {
                release.extend(entry.local);
            }
        }
        release.into_iter().for_each(|local| self.release_locally(local));
    }

    /// A message of the remote broker.
    fn inward_publish(&mut self, now: Now, publish: &Publish<'_>) {
        let Remote::Up(link) = &mut self.remote else { return };
        link.last_message = now;
        let alias = publish.properties.topic_alias().map(std::num::NonZeroU16::get);
        let Some(topic) = link.aliases_in.topic(publish.topic.map(TopicName::as_str), alias) else {
            return self.fault(now, "used a topic alias that is none");
        };
        if let Some(id) = publish.packet_id {
            if let Some((_, entry)) = self.inward.by_remote(id) {
                // It comes again [MQTT-4.3.3-10]; what is under way is answered when the local broker has it.
                if entry.stage == inward::Stage::Received {
                    self.ack_remote(now, Answer::Rec, id, TAKEN);
                }
                return;
            }
            let is_v5 = self.learned.version.is_v5();
            if is_v5 && self.inward.unacknowledged() >= usize::from(self.spec.receive_maximum.max(1)) {
                return self.fault(now, "sent more messages at once than our receive maximum");
            }
        }
        let Some(local_topic) = crate::topics::inward(&self.spec.topics, &topic) else {
            let name = self.spec.name.clone();
            self.tell(Told::Unasked { name, topic });
            return self.acknowledge_remote(now, publish.packet_id, publish.qos);
        };
        let message = Message::of(now, local_topic, publish);
        let stage = inward::Stage::Waiting;
        self.inward.push(inward::Entry { message, remote: publish.packet_id, local: None, stage });
        self.pump_local(now);
    }

    /// PUBREL goes on to the local broker once that has the message; PUBCOMP follows its PUBCOMP.
    fn remote_pubrel(&mut self, now: Now, ack: &Ack<'_>) {
        match self.inward.by_remote(ack.packet_id) {
            Some((_, entry)) => {
                if let (inward::Stage::Received, Some(local)) = (entry.stage, entry.local) {
                    self.release_locally(local);
                }
            }
            None => self.ack_remote(now, Answer::Comp, ack.packet_id, TAKEN),
        }
    }

    fn remote_puback(&mut self, now: Now, ack: &Ack<'_>) {
        let Some(index) = self.outward.find(ack.packet_id) else { return };
        if self.outward.at(index).is_some_and(|entry| entry.stage == Stage::Sent(QoS::AtLeastOnce)) {
            self.outward_done(now, index, ack.reason);
        }
    }

    fn remote_pubrec(&mut self, now: Now, ack: &Ack<'_>) {
        let Some(index) = self.outward.find(ack.packet_id) else {
            // [MQTT-4.3.3-4]: the exchange must come to its end. mosquitto's bridge says no reason.
            return self.ack_remote(now, Answer::Rel, ack.packet_id, TAKEN);
        };
        let Some(entry) = self.outward.at(index) else { return };
        match entry.stage {
            Stage::Sent(QoS::ExactlyOnce) if ack.reason.is_error() => {
                return self.outward_done(now, index, ack.reason);
            }
            Stage::Sent(QoS::ExactlyOnce) => entry.stage = Stage::Released,
            Stage::Released => {}
            Stage::Sent(_) | Stage::Fresh | Stage::Again | Stage::ToRelease => return,
        }
        self.ack_remote(now, Answer::Rel, ack.packet_id, TAKEN);
    }

    fn remote_pubcomp(&mut self, now: Now, ack: &Ack<'_>) {
        let Some(index) = self.outward.find(ack.packet_id) else { return };
        if self.outward.at(index).is_some_and(|entry| entry.stage == Stage::Released) {
            self.outward_done(now, index, TAKEN);
        }
    }

    /// The remote broker has it, or will not take it: the local one need not keep it.
    fn outward_done(&mut self, now: Now, index: usize, reason: ReasonCode) {
        let Some(entry) = self.outward.take(index) else { return };
        if reason.is_error() {
            self.dropped(&entry.message.topic, format!("the remote broker says: {}", reason.text()));
        }
        self.acknowledge_local(entry.local, entry.message.qos);
        self.pump_remote(now);
    }

    fn dropped(&mut self, topic: &str, why: String) {
        let (name, topic) = (self.spec.name.clone(), topic.to_owned());
        self.tell(Told::Dropped { name, topic, why });
    }

    /// Sends what may be sent to the remote broker now. [MQTT-3.3.4-9]
    pub(crate) fn pump_remote(&mut self, now: Now) {
        let qos_max = self.learned.qos_max;
        while let Remote::Up(link) = &self.remote {
            let window = link.window;
            let Some(index) = self.outward.next(window, qos_max) else { return };
            let Some(entry) = self.outward.at(index) else { return };
            let qos = entry.message.qos.min(qos_max);
            match (entry.stage, entry.remote) {
                (Stage::ToRelease, Some(id)) => {
                    entry.stage = Stage::Released;
                    self.ack_remote(now, Answer::Rel, id, TAKEN);
                }
                (Stage::Fresh, _) => self.send_outward(now, index, qos, Dup::First),
                (Stage::Again | Stage::ToRelease, _) => self.send_outward(now, index, qos, Dup::Again),
                (Stage::Sent(_) | Stage::Released, _) => return,
            }
        }
    }

    fn send_outward(&mut self, now: Now, index: usize, qos: QoS, dup: Dup) {
        let made = self.outward_packet(now, index, qos, dup);
        let Some(entry) = self.outward.at(index) else { return };
        let (local, local_qos, topic) = (entry.local, entry.message.qos, entry.message.topic.clone());
        match made {
            Ok(packet) => {
                entry.stage = Stage::Sent(qos);
                if let Remote::Up(link) = &mut self.remote {
                    link.last_message = now;
                }
                self.send_remote(now, packet);
                if qos != QoS::AtMostOnce {
                    return;
                }
            }
            Err(why) => self.dropped(&topic, why),
        }
        // QoS 0 is done when it is out, and what cannot be sent is done, too.
        self.outward.take(index);
        self.acknowledge_local(local, local_qos);
    }

    fn outward_packet(&mut self, now: Now, index: usize, qos: QoS, dup: Dup) -> Result<Vec<u8>, String> {
        let (version, retain) = (self.learned.version, self.learned.takes_retain);
        let Remote::Up(link) = &mut self.remote else { return Err("there is no connection".to_owned()) };
        let Some(entry) = self.outward.at(index) else { return Err("it is gone".to_owned()) };
        let message = &entry.message;
        let expiry = message.expiry(now).map_err(|_| "its time is over".to_owned())?;
        let naming = if version.is_v5() { link.aliases_out.name(&message.topic) } else { Naming::Plain };
        let (topic, alias) = match naming {
            Naming::Plain => (Some(message.topic.as_str()), None),
            Naming::Named(alias) => (Some(message.topic.as_str()), Some(alias)),
            Naming::Alias(alias) => (None, Some(alias)),
        };
        let topic = topic.map(TopicName::parse).transpose().map_err(|error| error.to_string())?;
        let alias = alias.and_then(std::num::NonZeroU16::new).map(Property::TopicAlias);
        let expiry = expiry.map(Property::MessageExpiryInterval);
        let forwarded = message.forwarded.as_properties();
        let properties = match version {
            Version::V5 => PropertiesBuf::of(forwarded.iter().chain(expiry).chain(alias)),
            Version::V31 | Version::V311 => Ok(PropertiesBuf::new()),
        };
        let properties = properties.map_err(|error| error.to_string())?;
        let publish = Publish {
            dup: if qos == QoS::AtMostOnce { Dup::First } else { dup },
            qos,
            retain: message.retain && retain,
            topic,
            packet_id: entry.remote.filter(|_| qos != QoS::AtMostOnce),
            properties: properties.as_properties(),
            payload: &message.payload,
        };
        let packet = wire::packet(&Packet::Publish(publish), version).map_err(|error| error.to_string())?;
        match link.packet_bytes_max {
            // [MQTT-3.2.2-15]
            Some(max) if packet.len() > max as usize => {
                if let Naming::Named(_) = naming {
                    link.aliases_out.forget(&message.topic);
                }
                Err(format!("its {} bytes are more than the {max} that may be sent there", packet.len()))
            }
            Some(_) | None => Ok(packet),
        }
    }

    /// The local broker has it.
    pub(crate) fn acknowledge_remote(&mut self, now: Now, remote: Option<PacketId>, qos: QoS) {
        let Some(id) = remote else { return };
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.ack_remote(now, Answer::Ack, id, TAKEN),
            QoS::ExactlyOnce => self.ack_remote(now, Answer::Rec, id, TAKEN),
        }
    }

    pub(crate) fn ack_remote(&mut self, now: Now, which: Answer, id: PacketId, reason: ReasonCode) {
        let bytes = wire::ack(which, id, reason, self.learned.version);
        self.send_remote(now, bytes);
    }

    fn send_remote(&mut self, now: Now, bytes: Vec<u8>) {
        if let Remote::Up(link) = &mut self.remote {
            link.last_sent = now;
            self.outputs.push_back(Output::SendRemote(bytes));
        }
    }

    /// Keep alive, idleness, the first address.
    pub(crate) fn link_timeout(&mut self, now: Now) {
        let Remote::Up(link) = &mut self.remote else { return };
        if link.probe_at.is_some_and(|at| at <= now) {
            link.probe_at = None;
            self.outputs.push_back(Output::Probe { address: 0 });
        }
        if let StartType::Lazy { idle_secs, .. } = self.spec.start_type
            && link.last_message.0 + u64::from(idle_secs) * 1000 <= now.0
        {
            let client_id = self.spec.local_client_id.clone();
            self.tell(Told::Idle { client_id });
            return self.hang_up(now);
        }
        let quiet = link.last_sent.min(link.last_received);
        if link.keep_alive_ms == 0 || quiet.0 + link.keep_alive_ms > now.0 {
            return;
        }
        if link.ping_sent {
            return self.fault(now, "did not answer PINGREQ");
        }
        link.ping_sent = true;
        // The answer has as long as the silence had.
        link.last_received = now;
        let bytes = wire::plain(&Packet::PingReq, self.learned.version);
        self.send_remote(now, bytes);
    }
}
