//! PUBLISH from a client: what refuses it, topic aliases, the three qualities of service, the acknowledgement.
//!
//! Own matches come before the acknowledgement. QoS 2 is routed at PUBREL, once.

use crate::{
    Action, Broker, Commit, Ending, Lane, LocalPublish, Message, Now, Outgoing, Record, Retain,
    RetainedMessages, answers, control,
    route::{Routed, Subscribers},
    session::Connection,
    sessions::SessionIndex,
};
use bytes::Bytes;
use sealmq_mqtt::{Dup, ForwardedProperties, PacketId, Publish, QoS, ReasonCode, Version};
use std::sync::Arc;

/// Why a PUBLISH goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The connection ends.
    Disconnect(ReasonCode, &'static str),
    /// It is answered and dropped.
    Answer(ReasonCode),
    /// `memory_limit` leaves no room for it.
    NoMemory,
}

/// How often a QoS 2 PUBLISH may come again on one connection. The standard has it sent again on the next one only
/// ([MQTT-4.4.0-1]); mosquitto bears it once.
const REPEATS_MAX: u8 = 1;

impl Broker {
    /// Handles a PUBLISH.
    pub(crate) fn publish(&mut self, now: Now, index: SessionIndex, publish: &Publish<'_>) {
        self.counters.publish_received += 1;
        self.counters.publish_bytes_received += publish.payload.len() as u64;
        let topic = match self.check_publish(index, publish) {
            Ok(topic) => topic,
            Err(Stop::Disconnect(reason, rule)) => {
                return self.disconnect(now, index, reason, Ending::ProtocolError(rule));
            }
            Err(Stop::Answer(reason)) => return self.refuse_publish(index, publish, reason),
            Err(Stop::NoMemory) => return self.no_memory_for(now, index, publish),
        };
        let message = self.message(now, index, publish, topic);
        match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => {
                let routed = self.accept_published(now, index, message);
                let reason = match routed.subscribers {
                    Subscribers::Some => ReasonCode::Success,
                    Subscribers::None => ReasonCode::NoMatchingSubscribers,
                };
                self.puback_gated(index, id, reason, routed.commit);
            }
            (QoS::ExactlyOnce, Some(id)) => self.receive_qos2(now, index, id, publish.dup, message),
            // The codec gives QoS 1 and 2 a packet id always.
            (QoS::AtMostOnce, _) | (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => {
                self.accept_published(now, index, message);
            }
        }
    }

    /// Routes what a client published, or takes it as a command to the broker.
    fn accept_published(&mut self, now: Now, index: SessionIndex, message: Message) -> Routed {
        if !message.topic.starts_with(control::PREFIX) {
            return self.accept(now, message);
        }
        if let Some(conn) = self.session(index).connection().map(|connection| connection.conn) {
            self.control_request(conn, message);
        }
        Routed { subscribers: Subscribers::Some, commit: None }
    }

    /// A message of the broker itself.
    pub(crate) fn publish_local(&mut self, now: Now, publish: LocalPublish<'_>) {
        let message = self.tables.heap.counted(Message {
            origin: self.shard,
            sequence: 0,
            topic: Arc::from(publish.topic),
            payload: Bytes::copy_from_slice(publish.payload),
            properties: ForwardedProperties::default(),
            qos: publish.qos,
            retain: publish.retain,
            received: now,
            expiry_secs: None,
            source: None,
        });
        self.accept(now, message);
    }

    /// The topic it goes to, or what stops it.
    fn check_publish(&mut self, index: SessionIndex, publish: &Publish<'_>) -> Result<Arc<str>, Stop> {
        let retained = self.policy.retained;
        let session = self.sessions.at_mut(index);
        let known = publish.packet_id.is_some_and(|id| session.incoming.get(id).is_some());
        let Some(connection) = session.connection_mut() else {
            return Err(Stop::Answer(ReasonCode::UnspecifiedError));
        };
        // [MQTT-3.2.2-11]
        if publish.qos > connection.rules.max_qos {
            return Err(Stop::Disconnect(ReasonCode::QoSNotSupported, "QoS above the listener's max_qos"));
        }
        // [MQTT-3.2.2-14]
        if publish.retain && retained == RetainedMessages::Unavailable {
            return Err(Stop::Disconnect(
                ReasonCode::RetainNotSupported,
                "RETAIN although retained messages are off",
            ));
        }
        // [MQTT-3.3.4-7] [MQTT-3.3.4-8]
        let another = publish.qos != QoS::AtMostOnce && !known;
        if another && connection.version.is_v5() && connection.receiving >= connection.receiving_max {
            return Err(Stop::Disconnect(
                ReasonCode::ReceiveMaximumExceeded,
                "more in flight than Receive Maximum",
            ));
        }
        let topic = resolve_topic(connection, publish)?;
        // `message_size_limit`: the contract's answer is 0x95, the connection goes on.
        if self.limits.payload_bytes_max.is_some_and(|max| publish.payload.len() > max) {
            return Err(Stop::Answer(ReasonCode::PacketTooLarge));
        }
        let source = &self.session(index).source;
        if !self.policy.allows(source.listener, &source.subject(), Action::Write, &topic) {
            self.counters.publish_denied += 1;
            return Err(Stop::Answer(ReasonCode::NotAuthorized));
        }
        // What has come before is held already.
        if !known && !self.has_memory_for(publish.payload.len()) {
            return Err(Stop::NoMemory);
        }
        Ok(topic)
    }

    fn message(&self, now: Now, index: SessionIndex, publish: &Publish<'_>, topic: Arc<str>) -> Message {
        self.tables.heap.counted(Message {
            origin: self.shard,
            sequence: 0,
            topic,
            payload: Bytes::copy_from_slice(publish.payload),
            properties: publish.forwarded_properties(),
            qos: publish.qos,
            retain: if publish.retain { Retain::Retained } else { Retain::Live },
            received: now,
            expiry_secs: publish.properties.message_expiry_interval(),
            source: Some(Arc::clone(&self.session(index).source)),
        })
    }

    /// Nothing that was not taken is acknowledged as if it were: who published it keeps it. A client of 5.0 is told so;
    /// for one of 3.x there is only the end of its connection, as in mosquitto. QoS 0 is dropped.
    fn no_memory_for(&mut self, now: Now, index: SessionIndex, publish: &Publish<'_>) {
        let told = self.version(index).is_some_and(Version::is_v5);
        if publish.qos == QoS::AtMostOnce || told {
            self.refuse_publish(index, publish, ReasonCode::QuotaExceeded);
        } else {
            self.counters.publish_dropped += 1;
            self.over_limit(now, index, "memory_limit");
        }
    }

    /// Acknowledged with the reason where 5.0 can say it, and as if all were well where 3.x cannot.
    /// [MQTT311-3.3.5-2]
    /// [MQTT-4.3.3-9]
    fn refuse_publish(&mut self, index: SessionIndex, publish: &Publish<'_>, reason: ReasonCode) {
        self.counters.publish_dropped += 1;
        let Some(version) = self.version(index) else { return };
        let packet = match (publish.qos, publish.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => answers::puback(version, id, reason),
            (QoS::ExactlyOnce, Some(id)) => answers::pubrec(version, id, reason),
            (QoS::AtMostOnce, _) | (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => return,
        };
        self.send(index, Outgoing::Packet(packet), Lane::Ack, None);
    }

    /// [MQTT-3.3.4-1] [MQTT311-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.2-5] [MQTT311-4.3.2-2]
    fn puback_gated(&mut self, index: SessionIndex, id: PacketId, reason: ReasonCode, gate: Option<Commit>) {
        // The publish may have ended its own publisher's connection.
        let Some(connection) = self.session_mut(index).connection_mut() else { return };
        let version = connection.version;
        if let Some(commit) = gate {
            connection.receiving += 1;
            let conn = connection.conn;
            self.acks_gated.push_back((commit, conn));
        }
        self.send(index, Outgoing::Packet(answers::puback(version, id, reason)), Lane::Ack, gate);
    }

    /// Keeps the message until PUBREL. [MQTT-4.3.3-8] [MQTT-4.3.3-10]
    fn receive_qos2(&mut self, now: Now, index: SessionIndex, id: PacketId, dup: Dup, message: Message) {
        let (count_max, bytes_max) = (self.limits.incoming_qos2_max, self.limits.incoming_qos2_bytes_max);
        let session = self.sessions.at_mut(index);
        let repeated =
            session.incoming.get(id).is_some_and(|old| dup == Dup::Again || is_same(old, &message));
        let mut gate = None;
        if repeated {
            let conn = session.connection().map(|connection| connection.conn);
            if conn.is_some_and(|conn| session.incoming.repeated(id, conn) > REPEATS_MAX) {
                return self.protocol_error(now, index, "a QoS 2 PUBLISH a third time on one connection");
            }
        } else {
            // A client that lost its memory uses a packet id again for something else: the new message counts.
            self.forget_incoming(index, id);
            let session = self.sessions.at_mut(index);
            if session.incoming.len() >= count_max {
                return self.over_limit(now, index, "incoming_qos2_max");
            }
            if session.incoming.bytes() + message.size() > bytes_max {
                return self.over_limit(now, index, "incoming_qos2_bytes_max");
            }
            let Some(connection) = session.connection_mut() else { return };
            connection.receiving += 1;
            let conn = connection.conn;
            let message = Arc::new(message);
            session.incoming.insert(id, Arc::clone(&message), conn);
            gate = self.append_session(index, |session| Record::Received {
                client: session.client_id.clone(),
                packet_id: id,
                message,
            });
        }
        if let Some(version) = self.version(index) {
            let packet = answers::pubrec(version, id, ReasonCode::Success);
            self.send(index, Outgoing::Packet(packet), Lane::Ack, gate);
        }
    }

    fn over_limit(&mut self, now: Now, index: SessionIndex, bound: &'static str) {
        self.disconnect(now, index, ReasonCode::QuotaExceeded, Ending::Limit(bound));
    }

    /// Takes a waiting QoS 2 message out, and its place in the Receive Maximum back.
    fn forget_incoming(&mut self, index: SessionIndex, id: PacketId) -> Option<Arc<Message>> {
        let session = self.session_mut(index);
        let waiting = session.incoming.remove(id)?;
        let counted = session.connection_mut().filter(|connection| connection.conn == waiting.counted_on);
        if let Some(connection) = counted {
            connection.receiving = connection.receiving.saturating_sub(1);
        }
        Some(waiting.message)
    }

    /// PUBREL: the message is routed now, and once. [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT311-4.3.3-2]
    pub(crate) fn pubrel(&mut self, now: Now, index: SessionIndex, version: Version, id: PacketId) {
        let Some(message) = self.forget_incoming(index, id) else {
            // A repeated PUBREL, or one for a message that was refused: "not an error" (MQTT §3.7.2.1), so it is
            // answered as mosquitto does it, without 0x92.
            let packet = answers::pubcomp(version, id, ReasonCode::Success);
            return self.send(index, Outgoing::Packet(packet), Lane::Ack, None);
        };
        let routed = self.accept_published(now, index, Arc::unwrap_or_clone(message));
        let done = self.append_session(index, |session| Record::Routed {
            client: session.client_id.clone(),
            packet_id: id,
        });
        let packet = answers::pubcomp(version, id, ReasonCode::Success);
        self.send(index, Outgoing::Packet(packet), Lane::Ack, done.or(routed.commit));
    }

    pub(crate) fn version(&self, index: SessionIndex) -> Option<Version> {
        self.session(index).connection().map(|connection| connection.version)
    }
}

/// The topic with the mount point before it.
pub(crate) fn mounted(mount_point: &str, topic: &str) -> Arc<str> {
    if mount_point.is_empty() { Arc::from(topic) } else { Arc::from(format!("{mount_point}{topic}")) }
}

/// Sets or follows a topic alias. [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-10] [MQTT-3.3.2-12]
fn resolve_topic(connection: &mut Connection, publish: &Publish<'_>) -> Result<Arc<str>, Stop> {
    let alias = publish.properties.topic_alias().map(std::num::NonZeroU16::get);
    if alias.is_some_and(|alias| alias > connection.rules.topic_alias_max) {
        return Err(Stop::Disconnect(ReasonCode::TopicAliasInvalid, "topic alias above Topic Alias Maximum"));
    }
    match (publish.topic, alias) {
        (Some(topic), None) => Ok(mounted(&connection.rules.mount_point, topic.as_str())),
        (Some(topic), Some(alias)) => {
            let topic = mounted(&connection.rules.mount_point, topic.as_str());
            connection.aliases_in.insert(alias, Arc::clone(&topic));
            Ok(topic)
        }
        (None, Some(alias)) => match connection.aliases_in.get(&alias) {
            Some(topic) => Ok(Arc::clone(topic)),
            None => Err(Stop::Disconnect(ReasonCode::ProtocolError, "topic alias that was not set")),
        },
        (None, None) => Err(Stop::Disconnect(ReasonCode::ProtocolError, "neither topic nor topic alias")),
    }
}

fn is_same(old: &Message, new: &Message) -> bool {
    old.topic == new.topic && old.payload == new.payload && old.retain == new.retain
}
