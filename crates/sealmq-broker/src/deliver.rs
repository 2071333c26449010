//! One message to one session: the right to read it, the window, the queue, the bytes.

use crate::{
    Action, Broker, ClientId, Delivery, Durability, Event, Lane, Message, Mono, Now, OfflineQoS0, Outgoing,
    Output, Record, Retain, Stored,
    session::{AliasesOut, Connection, Enqueued, FullSaid, Queued, Receiver, StoreBehind, TopicForm},
    sessions::SessionIndex,
};
use sealmq_mqtt::{Dup, PacketId, PublishParts, QoS, SharedPublish, TopicName, Version};
use std::{num::NonZeroU16, sync::Arc};

/// The encodings of one message in one round: one per version, QoS and RETAIN flag.
#[derive(Debug, Default)]
pub(crate) struct EncodeOnce([Option<SharedPublish>; 12]);

impl EncodeOnce {
    fn slot(&mut self, version: Version, delivery: &Delivery) -> &mut Option<SharedPublish> {
        let retain = usize::from(delivery.retain == Retain::Retained);
        &mut self.0[usize::from(version.is_v5()) * 6 + retain * 3 + usize::from(delivery.qos.as_u8())]
    }
}

impl Broker {
    /// Gives a session a message that one of its subscriptions matched.
    pub(crate) fn deliver(
        &mut self,
        now: Now,
        index: SessionIndex,
        message: &Arc<Message>,
        delivery: Delivery,
        encoded: &mut EncodeOnce,
    ) {
        if !self.may_read(index, message) {
            self.counters.publish_denied += 1;
            return;
        }
        if message.is_expired(now.mono) {
            self.counters.publish_dropped += 1;
            return;
        }
        let packet_id = match delivery.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.session_mut(index).outgoing.reserve_id(),
        };
        match (delivery.qos, self.session(index).connection().is_some()) {
            (QoS::AtMostOnce, true) => self.deliver_qos0(now, index, message, &delivery, encoded),
            (QoS::AtMostOnce, false) => match self.policy.offline_qos0 {
                OfflineQoS0::Dropped => self.counters.publish_dropped += 1,
                OfflineQoS0::Queued => self.enqueue(now, index, message, delivery, packet_id),
            },
            (QoS::AtLeastOnce | QoS::ExactlyOnce, false) => {
                self.enqueue(now, index, message, delivery, packet_id);
            }
            (QoS::AtLeastOnce | QoS::ExactlyOnce, true) => {
                self.start_or_queue(now, index, message, delivery, packet_id, encoded);
            }
        }
    }

    /// Whether the session's client may be given a message, as the policy says now.
    fn may_read(&self, index: SessionIndex, message: &Message) -> bool {
        let source = &self.session(index).source;
        self.policy.allows(source.listener, &source.subject(), Action::Read, &message.topic)
    }

    /// QoS 0 goes out at once, or not at all where the client does not keep up.
    /// [MQTT-4.3.1-1] [MQTT311-4.3.1-1]
    fn deliver_qos0(
        &mut self,
        now: Now,
        index: SessionIndex,
        message: &Arc<Message>,
        delivery: &Delivery,
        encoded: &mut EncodeOnce,
    ) {
        let unwritten_max = self.limits.outgoing_bytes_max;
        let slow =
            self.session(index).connection().is_none_or(|connection| connection.unwritten > unwritten_max);
        let shared = if slow { None } else { self.encode(now.mono, index, message, delivery, encoded) };
        match shared {
            Some(shared) => self.send_publish(index, message, shared, None, Dup::First),
            None => self.counters.publish_dropped += 1,
        }
    }

    /// [MQTT311-3.1.2-5]
    fn start_or_queue(
        &mut self,
        now: Now,
        index: SessionIndex,
        message: &Arc<Message>,
        delivery: Delivery,
        packet_id: Option<PacketId>,
        encoded: &mut EncodeOnce,
    ) {
        let session = self.session(index);
        let room = session
            .connection()
            .is_some_and(|connection| session.outgoing.has_room(connection.receive_max, &self.limits));
        if !room || session.outgoing.must_wait() {
            return self.enqueue(now, index, message, delivery, packet_id);
        }
        // What the client cannot take is dropped as if it had been delivered. [MQTT-3.1.2-25]
        let Some(shared) = self.encode(now.mono, index, message, &delivery, encoded) else {
            self.counters.publish_dropped += 1;
            return;
        };
        self.append_session(index, |session| Record::Queued {
            client: session.client_id.clone(),
            message: Arc::clone(message),
            delivery: delivery.clone(),
        });
        self.start(index, message, delivery, packet_id, shared);
    }

    /// Sends a message for the first time, under a packet id of its own.
    fn start(
        &mut self,
        index: SessionIndex,
        message: &Arc<Message>,
        delivery: Delivery,
        reserved: Option<PacketId>,
        shared: SharedPublish,
    ) {
        let qos = delivery.qos;
        let packet_id = self.session_mut(index).outgoing.start(Arc::clone(message), delivery, reserved);
        let commit = self.append_session(index, |session| Record::Started {
            client: session.client_id.clone(),
            packet_id: Some(packet_id),
        });
        // After a crash the packet id of a QoS 2 message must not come with another one.
        let gate = commit.filter(|_| qos == QoS::ExactlyOnce);
        self.send_gated(index, message, shared, Some(packet_id), Dup::First, gate);
    }

    /// Puts a message at the end of a session's queue.
    fn enqueue(
        &mut self,
        now: Now,
        index: SessionIndex,
        message: &Arc<Message>,
        delivery: Delivery,
        packet_id: Option<PacketId>,
    ) {
        let store = match self.policy.durability {
            Durability::Gated if self.session(index).is_persistent() => StoreBehind::Yes,
            Durability::Gated | Durability::None => StoreBehind::No,
        };
        let queued = Queued { message: Arc::clone(message), delivery: delivery.clone(), packet_id };
        let session = self.sessions.at_mut(index);
        let receiver = session
            .connection()
            .map_or(Receiver::Away, |connection| Receiver::There { receive_max: connection.receive_max });
        match session.outgoing.enqueue(queued, now.mono, &self.limits, receiver, store) {
            Enqueued::Waits | Enqueued::Behind => {
                self.append_session(index, |session| Record::Queued {
                    client: session.client_id.clone(),
                    message: Arc::clone(message),
                    delivery,
                });
            }
            Enqueued::Full => {
                let said = std::mem::replace(&mut session.outgoing.full_said, FullSaid::Yes);
                let client = session.client_id.clone();
                self.counters.publish_dropped += 1;
                if said == FullSaid::No {
                    self.event(Event::QueueFull { client });
                }
            }
        }
    }

    /// Sends what the window has room for: first what has to go out again, then what waits.
    pub(crate) fn pump(&mut self, now: Now, index: SessionIndex) {
        let Some(receive_max) = self.session(index).connection().map(|connection| connection.receive_max)
        else {
            return;
        };
        while let Some((packet_id, message, delivery)) =
            self.session_mut(index).outgoing.resend_next(receive_max)
        {
            match self.encode(now.mono, index, &message, &delivery, &mut EncodeOnce::default()) {
                Some(shared) => self.send_publish(index, &message, shared, Some(packet_id), Dup::Again),
                None => self.complete(index, packet_id),
            }
        }
        while self.pump_one(now, index, receive_max) == Pumped::More {}
        let limits = &self.limits;
        let session = self.sessions.at_mut(index);
        if let Some(messages_max) = session.outgoing.fetch_due(limits) {
            let client = session.client_id.clone();
            self.output(Output::Fetch { client, messages_max });
        }
    }

    /// Sends the first message of the queue, or drops it.
    fn pump_one(&mut self, now: Now, index: SessionIndex, receive_max: usize) -> Pumped {
        let session = self.session(index);
        let Some(first) = session.outgoing.first_queued() else { return Pumped::Done };
        let is_qos0 = first.delivery.qos == QoS::AtMostOnce;
        if !is_qos0 && !session.outgoing.has_room(receive_max, &self.limits) {
            return Pumped::Done;
        }
        let Some(Queued { message, delivery, packet_id }) = self.session_mut(index).outgoing.dequeue() else {
            return Pumped::Done;
        };
        // The right to read is asked for again: it may have been taken away while the message waited.
        let alive = !message.is_expired(now.mono) && self.may_read(index, &message);
        let shared = if alive {
            self.encode(now.mono, index, &message, &delivery, &mut EncodeOnce::default())
        } else {
            None
        };
        match shared {
            Some(shared) if !is_qos0 => self.start(index, &message, delivery, packet_id, shared),
            Some(shared) => {
                self.left_queue(index);
                self.send_publish(index, &message, shared, None, Dup::First);
            }
            None => {
                self.left_queue(index);
                self.counters.publish_dropped += 1;
            }
        }
        Pumped::More
    }

    fn left_queue(&mut self, index: SessionIndex) {
        self.append_session(index, |session| Record::Started {
            client: session.client_id.clone(),
            packet_id: None,
        });
    }

    /// The store's answer to a fetch.
    pub(crate) fn fetched(&mut self, now: Now, client: &ClientId, messages: Vec<Stored>) {
        if let Some(index) = self.sessions.of_client(client.as_str()) {
            self.session_mut(index).outgoing.fetched(messages);
            self.pump(now, index);
        }
    }

    /// A message in flight is done.
    pub(crate) fn complete(&mut self, index: SessionIndex, packet_id: PacketId) {
        self.session_mut(index).outgoing.complete(packet_id);
        self.append_session(index, |session| Record::Completed {
            client: session.client_id.clone(),
            packet_id,
        });
    }

    /// The packet as this session's client is to see it; `None` where it is larger than that takes, or not for this listener.
    fn encode(
        &self,
        now: Mono,
        index: SessionIndex,
        message: &Message,
        delivery: &Delivery,
        encoded: &mut EncodeOnce,
    ) -> Option<SharedPublish> {
        let connection = self.session(index).connection()?;
        let topic = own_topic(&connection.rules.mount_point, &message.topic)?;
        let form = connection.aliases_out.form(&message.topic);
        let common = form == TopicForm::Plain
            && delivery.subscription_ids.is_empty()
            && topic.len() == message.topic.len();
        let make = || encode(connection.version, topic, form, message, delivery, now);
        let shared = if common {
            let slot = encoded.slot(connection.version, delivery);
            if slot.is_none() {
                *slot = make();
            }
            slot.clone()
        } else {
            make()
        }?;
        connection.takes(shared.len()).then_some(shared)
    }

    fn send_publish(
        &mut self,
        index: SessionIndex,
        message: &Message,
        shared: SharedPublish,
        packet_id: Option<PacketId>,
        dup: Dup,
    ) {
        self.send_gated(index, message, shared, packet_id, dup, None);
    }

    fn send_gated(
        &mut self,
        index: SessionIndex,
        message: &Message,
        shared: SharedPublish,
        packet_id: Option<PacketId>,
        dup: Dup,
        gate: Option<crate::Commit>,
    ) {
        if let Some(Connection { aliases_out, .. }) = self.session_mut(index).connection_mut() {
            let form = AliasesOut::form(aliases_out, &message.topic);
            aliases_out.sent(&message.topic, form);
        }
        self.counters.publish_sent += 1;
        self.counters.publish_bytes_sent += message.payload.len() as u64;
        self.send(index, Outgoing::Publish { shared, packet_id, dup }, Lane::Flow, gate);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pumped {
    More,
    Done,
}

/// The topic without the mount point of the receiver's listener. `None`: it is not below it (the session subscribed on
/// another listener), and who comes through this one sees nothing else.
/// [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11]
fn own_topic<'a>(mount_point: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(mount_point)
}

/// Encodes for one receiver, or for all that are like it. `None`: larger than MQTT can express.
fn encode(
    version: Version,
    topic: &str,
    form: TopicForm,
    message: &Message,
    delivery: &Delivery,
    now: Mono,
) -> Option<SharedPublish> {
    let (topic, topic_alias) = match form {
        TopicForm::Plain => (Some(topic), None),
        TopicForm::Setting(number) => (Some(topic), NonZeroU16::new(number)),
        TopicForm::Alias(number) => (None, NonZeroU16::new(number)),
    };
    let topic = topic.map(TopicName::parse).transpose().ok()?;
    let parts = PublishParts {
        qos: delivery.qos,
        retain: delivery.retain == Retain::Retained,
        topic,
        topic_alias,
        message_expiry_secs: message.remaining_secs(now),
        subscription_ids: &delivery.subscription_ids,
        forwarded: Some(&message.properties),
        payload: &message.payload,
    };
    SharedPublish::new(&parts, version).ok()
}
